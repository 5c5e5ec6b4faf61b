"""The line about each request: who asked for what, what came of it, what it took.

No prompt and no answer, no query string, no address beyond the path: only what
:class:`~aigw_core.record.ExchangeRecord` holds, which has no content in it. The texts of
failures stay out as well, since an upstream may quote the request in them; their kind
and code are in.

The names of the fields are those of OpenTelemetry's semantic conventions (HTTP, and
generative AI as of 1.37), and ``aigw.`` where those have none.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from aigw_core.chat import Format
from aigw_core.errors import Failure
from aigw_core.record import ExchangeRecord

LOGGER = logging.getLogger("aigw.access")

MAX_NAME = 256
"""Characters shown of a name or a path that a client chose."""

_OPERATIONS = {Format.GEMINI: "generate_content"}
_OPERATION = "chat"

_PROVIDERS = {
    "claude": "anthropic",
    "gemini": "gcp.gemini",
    "openai-compat": "openai_compatible",
}
"""Our kinds of providers, where the conventions have other names."""


class AccessLine(Struct, frozen=True):
    """What a log says of a request. As a text: the line for people."""

    fields: Mapping[str, Any]
    """For a JSON line; none is ``None``."""

    def __str__(self) -> str:
        known = self.fields
        who = known.get("aigw.credential", "-")
        model = known.get("gen_ai.request.model", "-")
        answered = known.get("gen_ai.response.model", model)
        words = [
            str(known["http.response.status_code"]),
            f"{known['duration_ms']:.1f}ms",
            f"{known.get('http.request.method', 'POST')} {known.get('url.path', '-')}",
            model if answered == model else f"{model}->{answered}",
            who,
            f"attempts={known.get('aigw.attempts', 0)}",
        ]
        for label, name in (("in", "input_tokens"), ("out", "output_tokens")):
            count = known.get(f"gen_ai.usage.{name}")
            if count is not None:
                words.append(f"{label}={count}")
        if "aigw.ttft_ms" in known:
            words.append(f"ttft={known['aigw.ttft_ms']:.1f}ms")
        if "error.type" in known:
            words.append(f"error={known['error.type']}")
        return " ".join(words) + f" {known['request_id']}"


def access_line(record: ExchangeRecord, *, method: str = "POST", path: str = "") -> AccessLine:
    """The line about a request that became an exchange; ``path`` without its query."""
    last = record.attempts[-1] if record.attempts else None
    usage = record.usage
    first = record.first_content
    fields = {
        "request_id": record.request_id,
        "http.request.method": method,
        "url.path": path[:MAX_NAME] or None,
        "http.response.status_code": record.status,
        "duration_ms": round(record.seconds * 1000, 3),
        "gen_ai.operation.name": _operation(record),
        "gen_ai.provider.name": last and _PROVIDERS.get(last.provider, last.provider),
        "gen_ai.request.model": record.model[:MAX_NAME],
        "gen_ai.response.model": last and last.model[:MAX_NAME],
        "gen_ai.usage.input_tokens": usage.input_total,
        "gen_ai.usage.output_tokens": usage.output_total,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        "aigw.attempts": len(record.attempts),
        "aigw.ttft_ms": None if first is None else round(first * 1000, 3),
        "aigw.format": record.format.value,
        "aigw.stream": record.stream,
        "aigw.relayed": record.relayed,
        "aigw.credential": last and last.credential,
        "aigw.key": record.key or None,
        "aigw.config": record.config,
        "aigw.cost_usd": None if record.cost is None else str(record.cost),
        "aigw.bytes_out": record.bytes_out,
        "aigw.warnings": len(record.ledger) or None,
        "aigw.client_left": record.client_left or None,
        **_failure(record.failure),
    }
    return AccessLine({name: value for name, value in fields.items() if value is not None})


def other_line(
    request_id: str, method: str, path: str, status: int, seconds: float, failure: Failure | None
) -> AccessLine:
    """The line about a request that never became an exchange: refused, or a look-up."""
    fields = {
        "request_id": request_id,
        "http.request.method": method,
        "url.path": path[:MAX_NAME],
        "http.response.status_code": status,
        "duration_ms": round(seconds * 1000, 3),
        **_failure(failure),
    }
    return AccessLine({name: value for name, value in fields.items() if value is not None})


def log_exchange(record: ExchangeRecord, *, path: str) -> None:
    """Write the line about an exchange. Does not wait.

    Costs 0.3 us where the log does not take it: nothing is gathered then.
    """
    level = _level(record.status, record.failure)
    if LOGGER.isEnabledFor(level):
        _write(level, access_line(record, path=path))


def log_other(
    request_id: str, method: str, path: str, status: int, seconds: float, failure: Failure | None
) -> None:
    """Write the line about any other request. Does not wait."""
    level = _level(status, failure)
    if LOGGER.isEnabledFor(level):
        _write(level, other_line(request_id, method, path, status, seconds, failure))


def _level(status: int, failure: Failure | None) -> int:
    """A warning where the gateway could not serve, or could not to the end."""
    failed = status >= 500 or (failure is not None and status < 400)
    return logging.WARNING if failed else logging.INFO


def _write(level: int, line: AccessLine) -> None:
    # Not by LOGGER.log: that looks for the caller's line, for longer than the rest takes.
    LOGGER.handle(logging.LogRecord(LOGGER.name, level, "", 0, line, None, None))


def _operation(record: ExchangeRecord) -> str:
    if record.endpoint != "inference":
        return record.endpoint
    return _OPERATIONS.get(record.format, _OPERATION)


def _failure(failure: Failure | None) -> dict[str, Any]:
    if failure is None:
        return {}
    return {"error.type": failure.kind.value, "aigw.error.code": failure.code and failure.code[:64]}
