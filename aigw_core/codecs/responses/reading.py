"""What a response object says about its end: used for whole answers and for the
last event of a stream."""

from __future__ import annotations

from aigw_core.chat import Stop, StopReason
from aigw_core.codecs.responses import wire
from aigw_core.codecs.responses.error import kind_of, read_error_value
from aigw_core.errors import Failure, clean_message


def created_at(response: wire.Response) -> int | None:
    return None if response.created_at is None else int(response.created_at)


def failure_of(response: wire.Response) -> Failure:
    """Why a response failed."""
    error = response.error
    if isinstance(error, str):
        error = read_error_value(wire.encode(error))
    if error is None:
        error = wire.ErrorBody(message=f"the upstream's answer was {response.status or 'failed'}")
    return failure_of_error(error)


def failure_of_error(error: wire.ErrorBody) -> Failure:
    return Failure(
        kind_of(error, None),
        clean_message(error.message or "") or "the upstream's answer failed",
        code=None if error.code is None else str(error.code)[:128],
        param=error.param,
    )


def stop_of(response: wire.Response, has_calls: bool) -> Stop:
    """Why the answer ended. There is no word for a tool call in this format."""
    if response.status == "incomplete":
        details = response.incomplete_details
        native = (details and details.reason) or "incomplete"
        if native == "content_filter":
            return Stop(StopReason.REFUSAL, native)
        if native == "max_output_tokens":
            return Stop(StopReason.MAX_TOKENS, native)
        return Stop(StopReason.OTHER, native)
    return Stop(StopReason.TOOL_USE if has_calls else StopReason.END, "completed")
