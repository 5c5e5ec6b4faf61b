"""Requests that never become an exchange: their clients are told so in their own format, and
the records of the gateway have them as well."""

from __future__ import annotations

import time

from msgspec import Struct

from aigw_asgi.access_log import log_other
from aigw_asgi.driver import SendMessage
from aigw_asgi.http import send_json
from aigw_asgi.state import GatewayState
from aigw_asgi.stores.request_log import TurnedAway
from aigw_core.chat import Format
from aigw_core.codec import Headers
from aigw_core.codecs import CODECS
from aigw_core.errors import ErrorKind, GatewayError


class Refused(Struct, frozen=True):
    """What was asked."""

    request_id: str
    method: str
    path: str
    format: Format
    """The one that the client most likely reads."""


async def refuse(
    state: GatewayState,
    asked: Refused,
    error: GatewayError,
    send: SendMessage,
    began: float,
    headers: Headers = (),
    *,
    in_array: bool = False,
) -> int:
    """Answer with ``error``, and record it; gives the status.

    ``began`` is when the request came, in monotonic seconds. ``in_array``: the client reads
    the elements of an array.
    """
    failure, request_id = error.failure, asked.request_id
    codec = CODECS[asked.format]
    status, body = codec.encode_error(failure, request_id)
    state.metrics.refused(status, failure)
    seconds = time.monotonic() - began
    log_other(request_id, asked.method, asked.path, status, seconds, failure)
    if state.log is not None:
        entry = TurnedAway(
            request_id=request_id,
            format=asked.format,
            method=asked.method,
            status=status,
            seconds=seconds,
            failure=failure,
            model=error.model,
            key=error.key,
        )
        state.log.append(entry, asked.path)
    told: list[tuple[str, str]] = [("x-request-id", request_id), ("x-aigw-origin", "gateway")]
    told += [(name, request_id) for name in codec.request_id_headers]
    if failure.retry_after is not None:
        told.append(("retry-after", str(max(1, round(failure.retry_after)))))
    if in_array:
        body = b"[%b]" % body  # as the elements of the array would have come
    if failure.kind is ErrorKind.TOO_LARGE:
        # The rest of the body is not read, so the connection is of no more use.
        told.append(("connection", "close"))
    await send_json(send, status, body, (*told, *headers))
    return status
