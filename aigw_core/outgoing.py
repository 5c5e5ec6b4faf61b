"""The request that goes to a target: address, credentials, headers.

Headers are built from what is known, never copied from the client: a codec names
the few client headers its vendor understands, configuration adds its own, and
neither can set a protected one.
"""

from __future__ import annotations

from collections.abc import Mapping

from aigw_core.codec import Codec, EncodedRequest, Headers
from aigw_core.config.snapshot import Credential
from aigw_core.wire_request import WireRequest

USER_AGENT = "aigw"

SECRET_HEADERS = frozenset(
    {
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "proxy-authorization",
        "cookie",
        "set-cookie",
    }
)
"""Headers that let somebody in: never shown."""

PROTECTED = SECRET_HEADERS | frozenset(
    {
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


def wire_request(
    credential: Credential,
    codec: Codec,
    encoded: EncodedRequest,
    client_headers: Mapping[str, str],
    *,
    relayed: bool,
    stream: bool,
    request_id: str,
    defaults: Headers = (),
) -> WireRequest:
    """The upstream call for an encoded request. A later source of a header wins;
    ``defaults`` come right behind those of the format."""
    headers: dict[str, str] = {
        "user-agent": USER_AGENT,
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
        "x-request-id": request_id,
    }
    profile = codec.upstream
    own = _configured(credential.headers, client_headers)
    sources: list[Mapping[str, str]] = [
        dict(profile.headers),
        dict(defaults),
        dict(encoded.headers),
        own,
    ]
    if relayed:
        known = [name for name in profile.forwarded if name in client_headers]
        sources.insert(3, {name: client_headers[name] for name in known})
    for source in sources:
        for name, value in source.items():
            merges = name in profile.lists and name in headers
            headers[name] = _joined(headers[name], value) if merges else value
    headers.update(_auth(credential))
    return WireRequest(
        "POST",
        credential.base_url + encoded.path,
        tuple(headers.items()),
        encoded.body,
        credential.timeouts.connect,
        credential.proxy_url,
    )


def _configured(headers: Headers, client_headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a credential; ``$name`` stands for the client's header ``name``,
    and is left out where the client has sent none."""
    made: dict[str, str] = {}
    for written, value in headers:
        name = written.lower()
        if value.startswith("$"):
            source = value[1:].lower()
            if source in PROTECTED or source not in client_headers:
                continue
            value = client_headers[source]
        if name not in PROTECTED:
            made[name] = value
    return made


def _joined(one: str, other: str) -> str:
    """Two comma lists as one, each word once."""
    words = [word.strip() for word in f"{one},{other}".split(",")]
    return ",".join(dict.fromkeys(word for word in words if word))


def _auth(credential: Credential) -> dict[str, str]:
    key = credential.api_key.reveal()
    if credential.auth_style == "bearer":
        return {"authorization": f"Bearer {key}"}
    if credential.auth_style == "none":
        return {}
    return {credential.auth_style: key}
