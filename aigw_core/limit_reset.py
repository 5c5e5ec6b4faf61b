"""When a vendor's limit is full again, from the headers that tell of its limits.

Three families, which all name what is left beside when it is reset:
``x-ratelimit-remaining-requests`` with ``x-ratelimit-reset-requests: 6m0s`` (a
duration), ``...ratelimit-tokens-remaining`` with ``...ratelimit-tokens-reset:
2026-10-21T07:28:30Z`` (a time), ``x-ratelimit-remaining`` with ``x-ratelimit-reset:
1792567710`` (Unix seconds or milliseconds).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|µs|s|m|h|d))+", re.ASCII)
_STEP = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|s|m|h|d)", re.ASCII)
_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_UNIX = 1e9
"""Numbers from here on are times, below seconds."""


def read_limit_reset(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """Seconds until the last of the limits that are used up is reset; ``None`` when
    none is, or none says when.

    ``headers`` has lower-case names; ``now`` is the answer's own ``date``.
    """
    waits: list[float] = []
    for name, value in headers.items():
        if "ratelimit" not in name or "reset" not in name:
            continue
        if headers.get(name.replace("reset", "remaining"), "").strip() not in ("0", "0.0"):
            continue
        wait = _seconds(value.strip(), now)
        if wait is not None:
            waits.append(max(wait, 0.0))
    return max(waits, default=None)


def _seconds(value: str, now: datetime | None) -> float | None:
    if _DURATION.fullmatch(value):
        return sum(float(number) * _SECONDS[unit] for number, unit in _STEP.findall(value))
    try:
        number = float(value)
    except ValueError:
        return _until(value, now)
    if not 0 <= number < float("inf"):
        return None
    if number < _UNIX:
        return number
    if now is None:
        return None
    return (number / 1000 if number >= _UNIX * 1000 else number) - now.timestamp()


def _until(value: str, now: datetime | None) -> float | None:
    """Of a time as RFC 3339 has it."""
    if now is None:
        return None
    try:
        then = datetime.fromisoformat(value)
        return (then - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
