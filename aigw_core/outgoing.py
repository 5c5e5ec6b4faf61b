"""The request that goes to a target: address, credentials, headers.

Headers are built from what is known, never copied from the client: a codec names
the few client headers its vendor understands, configuration adds its own, and
neither can set a protected one.
"""

from __future__ import annotations

from collections.abc import Mapping

from aigw_core.codec import Codec, EncodedRequest
from aigw_core.config.snapshot import Credential
from aigw_core.wire_request import WireRequest

USER_AGENT = "aigw"

PROTECTED = frozenset(
    {
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "proxy-authorization",
        "cookie",
        "host",
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
        "te",
        "trailer",
        "expect",
        "accept-encoding",
    }
)
"""Headers that neither configuration nor a client may set."""

_LISTS = frozenset({"anthropic-beta"})  # merged, not replaced, when both sides name one


def wire_request(
    credential: Credential,
    codec: Codec,
    encoded: EncodedRequest,
    client_headers: Mapping[str, str],
    *,
    relayed: bool,
    stream: bool,
    request_id: str,
) -> WireRequest:
    """The upstream call for an encoded request. A later source of a header wins."""
    headers: dict[str, str] = {
        "user-agent": USER_AGENT,
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
        "x-request-id": request_id,
    }
    headers.update(codec.upstream.headers)
    _merge(headers, dict(encoded.headers))
    if relayed:
        forwarded = codec.upstream.forwarded
        _merge(
            headers, {name: client_headers[name] for name in forwarded if name in client_headers}
        )
    _merge(
        headers,
        {name: value for name, value in credential.headers if name.lower() not in PROTECTED},
    )
    headers.update(_auth(credential))
    return WireRequest(
        "POST",
        credential.base_url + encoded.path,
        tuple(headers.items()),
        encoded.body,
        credential.timeouts.connect,
        credential.proxy_url,
    )


def _merge(headers: dict[str, str], more: Mapping[str, str]) -> None:
    for name, value in more.items():
        name = name.lower()
        known = headers.get(name)
        if known is not None and name in _LISTS:
            words = [word.strip() for word in f"{known},{value}".split(",")]
            value = ",".join(dict.fromkeys(word for word in words if word))
        headers[name] = value


def _auth(credential: Credential) -> dict[str, str]:
    key = credential.api_key.reveal()
    if credential.auth_style == "bearer":
        return {"authorization": f"Bearer {key}"}
    if credential.auth_style == "none":
        return {}
    return {credential.auth_style: key}
