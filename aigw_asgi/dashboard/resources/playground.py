"""``playground``: the operator asks a model something, as a client would.

The request goes the way of any other: routed, translated, counted and logged; only that it
is the session that lets it in, and that its bodies are kept whatever ``capture`` of the
configuration says, for a short time, so that its two streams can be looked at.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Raw

from aigw_asgi.dashboard.operation import Body, Call, Operation, Relayed
from aigw_asgi.dashboard.problem import invalid, not_found
from aigw_asgi.inference import serve_inference
from aigw_asgi.refusals import Refused, refuse
from aigw_asgi.responses import serve_response
from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.codec import Inbound
from aigw_core.codecs import CODECS
from aigw_core.config.snapshot import CapturePolicy, ClientKey
from aigw_core.errors import GatewayError

if TYPE_CHECKING:
    from aigw_asgi.driver import ReceiveMessage, SendMessage

NAME = "playground"
"""Of the caller, in the log."""

RETENTION = 900.0
"""Seconds that the bodies are kept, where the configuration does not keep them longer."""

MAX_KEPT = 4 << 20
"""Bytes of each body that are kept: an image or two."""

BODY_LIMIT = 32 << 20
"""Bytes."""

_PATHS = {
    Format.CHAT: "/v1/chat/completions",
    Format.MESSAGES: "/v1/messages",
    Format.RESPONSES: "/v1/responses",
}

# The rest of the browser's headers is about its session.
_TAKEN = ("user-agent", "anthropic-version", "anthropic-beta", "x-aigw-strict")

_DIGEST = hashlib.sha256(b"aigw playground").digest()


class PlaygroundQuery(Body, frozen=True, kw_only=True):
    """``model`` and ``stream`` are for formats that have them in the path."""

    model: str = ""
    stream: bool = False
    credential: str | None = None
    """The only one that may answer, by its name."""


async def _ask(call: Call) -> Relayed:
    asked: PlaygroundQuery = call.query
    name = call.names["format"]
    if name not in CODECS:
        raise not_found("format", name)
    format = Format(name)
    in_path = format not in _PATHS
    if in_path and not asked.model:
        raise invalid("/model", "this format names the model in the query")
    if asked.credential is not None and all(
        each.name != asked.credential for each in call.state.snapshot.credentials
    ):
        raise invalid("/credential", f"there is no credential {asked.credential!r}")
    headers = {each: call.request.headers[each] for each in _TAKEN if each in call.request.headers}
    inbound = Inbound(
        bytes(call.body),
        {**headers, "content-type": "application/json", "x-aigw-debug": "1"},
        asked.model if in_path else None,
        asked.stream if in_path else None,
        _PATHS.get(format) or _named_path(asked),
    )

    async def respond(receive: ReceiveMessage, send: SendMessage) -> int:
        return await _respond(call, format, inbound, receive, send)

    return Relayed(respond)


def _named_path(asked: PlaygroundQuery) -> str:
    method = "streamGenerateContent" if asked.stream else "generateContent"
    return f"/v1beta/models/{quote(asked.model)}:{method}"


async def _respond(
    call: Call, format: Format, inbound: Inbound, receive: ReceiveMessage, send: SendMessage
) -> int:
    """Raises ``ClientAborted``: the browser's connection must be broken."""
    began = time.monotonic()
    state, request_id = call.state, call.request_id
    only: str | None = call.query.credential
    caller = Caller(
        ClientKey(
            id=_DIGEST.hex()[:8],
            name=NAME,
            digest=_DIGEST,
            allowed_providers=() if only is None else (only,),
        )
    )
    usual = state.snapshot.capture
    capture = CapturePolicy(
        keys=(),
        models=(),
        max_body=MAX_KEPT,
        retention=RETENTION if usual is None else max(usual.retention, RETENTION),
    )
    status = 0

    async def noting(message: dict[str, object]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = int(str(message["status"]))
        await send(message)

    try:
        if format is Format.RESPONSES:
            await serve_response(
                state, inbound, caller, request_id, receive, noting, capture=capture
            )
        else:
            await serve_inference(
                state,
                CODECS[format],
                inbound,
                caller,
                request_id,
                receive,
                noting,
                capture=capture,
            )
    except GatewayError as exc:
        if status:
            raise
        exc.key = NAME
        refused = Refused(request_id, "POST", inbound.path, format)
        return await refuse(state, refused, exc, send, began)
    return status


OPERATIONS = (
    Operation(
        method="POST",
        path="/playground/{format}",
        id="askPlayground",
        summary="A request to a model, answered as a client of the format is",
        handler=_ask,
        query=PlaygroundQuery,
        body=Raw,
        body_limit=BODY_LIMIT,
        relays=True,
        answer=bytes,
        content_types=("text/event-stream", "application/json"),
    ),
)
