"""When an upstream says to come back.

Sources: RFC 9110 10.2.3 (seconds or an HTTP date), and ``retry-after-ms``, which
the official SDKs read first.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from now, or ``None`` when no time is named or it makes no sense.

    ``headers`` has lower-case names. A date is measured against the answer's own
    ``date``, so no clock is needed; without one it is not understood. A date in
    the past is 1 second. There is no upper bound here: policy clamps.
    """
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    date = headers.get("date")
    if date is None:
        return None
    try:
        delta = parsedate_to_datetime(value) - parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    return max(delta.total_seconds(), 1.0)


def _number(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
