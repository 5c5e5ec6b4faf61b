"""What became of one request, told: in a sentence, and as bars on a line of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aigw_asgi.dashboard.operation import Shape
from aigw_asgi.stores.request_log import Attempted, Detail, Entry

if TYPE_CHECKING:
    from aigw_core.capture import Capture


class Bar(Shape, frozen=True, kw_only=True):
    """Something that took time. Bars of one kind follow each other; a ``wait`` and a
    ``stream`` lie inside the attempt with the same number."""

    name: str
    kind: str
    """``overhead``: parsing, access, routing, translation; ``attempt``; ``wait``: for the
    first content; ``stream``: from that on; ``backoff``: a pause between attempts;
    ``total``."""
    start_ms: float
    duration_ms: float
    attempt: int | None = None
    """From 1."""
    status: int | None = None
    error: str | None = None
    estimated: bool = False
    """When it began follows from what is known of the others."""


def attempts_of(entry: Entry, detail: Detail) -> tuple[Attempted, ...]:
    """All upstream calls of a request, also where there was nothing special about it."""
    if detail.attempts or not entry.attempts:
        return detail.attempts
    seconds = max(0.0, entry.latency_ms - (entry.overhead_ms or 0.0)) / 1000
    return (
        Attempted(
            entry.provider or "",
            entry.credential or "",
            entry.served_model or "",
            entry.status,
            None,
            None,
            round(seconds, 6),
        ),
    )


def timeline(entry: Entry, detail: Detail, capture: Capture | None) -> tuple[Bar, ...]:
    """The bars of a request, in milliseconds since it began. With its ``capture`` the
    beginnings of attempts are known, else they follow from their lengths."""
    attempts = attempts_of(entry, detail)
    total = entry.latency_ms
    bars = [Bar(name="total", kind="total", start_ms=0.0, duration_ms=_ms(total))]
    overhead = entry.overhead_ms
    if overhead is not None:
        overhead = min(overhead, total)
        bars.append(Bar(name="gateway", kind="overhead", start_ms=0.0, duration_ms=_ms(overhead)))
    begins, estimated = _beginnings(attempts, overhead or 0.0, total, capture)
    end = 0.0
    for number, (attempt, begin) in enumerate(zip(attempts, begins, strict=True), 1):
        if number > 1 and begin - end > 0.5:
            pause = _ms(begin - end)
            bars.append(
                Bar(
                    name="backoff",
                    kind="backoff",
                    start_ms=_ms(end),
                    duration_ms=pause,
                    attempt=number,
                    estimated=estimated,
                )
            )
        end = min(begin + attempt.seconds * 1000, max(begin, total))
        bars.append(
            Bar(
                name=attempt.credential,
                kind="attempt",
                start_ms=_ms(begin),
                duration_ms=_ms(end - begin),
                attempt=number,
                status=attempt.status,
                error=attempt.error,
                estimated=estimated,
            )
        )
    first = entry.first_content_ms
    if attempts and first is not None:
        begin, number = min(begins[-1], first), len(attempts)
        end = max(end, first)
        bars.append(
            Bar(
                name="first content",
                kind="wait",
                start_ms=_ms(begin),
                duration_ms=_ms(first - begin),
                attempt=number,
            )
        )
        bars.append(
            Bar(
                name="stream" if entry.stream else "answer",
                kind="stream",
                start_ms=_ms(first),
                duration_ms=_ms(end - first),
                attempt=number,
            )
        )
    return tuple(bars)


def _beginnings(
    attempts: tuple[Attempted, ...], overhead: float, total: float, capture: Capture | None
) -> tuple[list[float], bool]:
    """When each attempt began, and whether that is a guess: pauses are as long as each
    other."""
    if capture is not None and len(capture.calls) == len(attempts):
        return [call.at * 1000 for call in capture.calls], False
    spent = sum(attempt.seconds * 1000 for attempt in attempts)
    pauses = max(0.0, total - overhead - spent)
    pause = pauses / (len(attempts) - 1) if len(attempts) > 1 else 0.0
    begins, at = [], overhead
    for attempt in attempts:
        begins.append(min(at, total))
        at += attempt.seconds * 1000 + pause
    return begins, len(attempts) > 1


def _ms(value: float) -> float:
    return round(value, 3)


def outcome(entry: Entry, detail: Detail) -> str:
    """What happened, in one sentence for people."""
    if entry.endpoint == "refused" or not entry.attempts:
        why = _why(entry.error, entry.error_code)
        return f"Refused with {entry.status} after {duration(entry.latency_ms)}{why}."
    attempts = attempts_of(entry, detail)
    where = f"through {entry.credential}" if entry.credential else "through no credential"
    model = entry.served_model or entry.model or "a model"
    before = _before(attempts)
    tokens = entry.output_tokens
    if entry.client_left:
        got = "" if tokens is None else f", having got {_count(tokens)} of {model} {where}"
        return f"The client left after {duration(entry.latency_ms)}{got}{before}."
    if entry.failed:
        told = "broke off" if entry.status == 200 else f"failed with {entry.status}"
        why = _why(entry.error, entry.error_code)
        told += f" after {duration(entry.latency_ms)}{why}"
        return f"{model} {where} {told}{before.replace(' after', '; before that', 1)}."
    if entry.endpoint == "count":
        return f"Counted the prompt for {model} {where} in {duration(entry.latency_ms)}{before}."
    verb = "Streamed" if entry.stream else "Answered with"
    if entry.endpoint == "compact":
        verb = "Compacted into"
    what = "an answer" if tokens is None else _count(tokens)
    return f"{verb} {what} from {model} {where} in {duration(entry.latency_ms)}{before}."


def _before(attempts: tuple[Attempted, ...]) -> str:
    """What went wrong until the last attempt."""
    failed = attempts[:-1]
    if not failed:
        return ""
    told = ", ".join(_answered(each) for each in failed[:3])
    more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
    return f" after {told}{more}"


def _answered(attempt: Attempted) -> str:
    if attempt.status is not None and not 200 <= attempt.status < 300:
        return f"{attempt.credential} answered {attempt.status}"
    return f"{attempt.credential} failed ({attempt.error or 'no answer'})"


def _why(error: str | None, code: str | None) -> str:
    if error is None:
        return ""
    return f" ({error})" if code in (None, error) else f" ({error}, {code})"


def _count(tokens: int) -> str:
    return "1 token" if tokens == 1 else f"{tokens} tokens"


def duration(ms: float) -> str:
    """As ``84 ms``, ``1.24 s``, ``2 m 10 s``."""
    if ms < 1000:
        return f"{round(ms)} ms" if ms >= 1 else "less than 1 ms"
    if ms < 59_995:
        return f"{ms / 1000:.3g} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    return f"{minutes} m {seconds} s"
