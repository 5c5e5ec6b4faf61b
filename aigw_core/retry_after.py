"""When an upstream says to come back.

Sources: RFC 9110 10.2.3 (seconds or an HTTP date), and ``retry-after-ms``, which
the official SDKs read first. Where neither is there, see
:mod:`aigw_core.limit_reset`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from aigw_core.limit_reset import read_limit_reset

# RFC 9110 5.6.7: the preferred form, that of RFC 850 (dashes, two digits of the
# year), and that of asctime. Not by email.utils: it imports socket and random.
_DATE = re.compile(
    r"\s*[A-Z][a-z]{2,8}, (?P<day>\d{1,2})[ -](?P<month>[A-Z][a-z]{2})[ -](?P<year>\d{4}|\d\d)"
    r" (?P<time>\d\d:\d\d:\d\d) (?P<zone>GMT|UTC|[+-]\d{4})\s*",
    re.ASCII,
)
_ASCTIME = re.compile(
    r"\s*[A-Z][a-z]{2} (?P<month>[A-Z][a-z]{2}) (?P<day>[ \d]\d) (?P<time>\d\d:\d\d:\d\d)"
    r" (?P<year>\d{4})\s*",
    re.ASCII,
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from now, or ``None`` when no time is named or it makes no sense.

    ``headers`` has lower-case names. A date is measured against the answer's own
    ``date``, so no clock is needed; without one it is not understood. A date in
    the past is 1 second. There is no upper bound here: policy clamps.
    """
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    now = _read_date(headers.get("date", ""))
    value = headers.get("retry-after")
    if value is None:
        return read_limit_reset(headers, now)
    seconds = _number(value)
    if seconds is not None:
        return seconds
    then = _read_date(value)
    if then is None or now is None:
        return None
    return max((then - now).total_seconds(), 1.0)


def _read_date(value: str) -> datetime | None:
    found = _DATE.fullmatch(value) or _ASCTIME.fullmatch(value)
    if found is None or found["month"] not in _MONTHS:
        return None
    year = int(found["year"]) + (0 if len(found["year"]) == 4 else 2000)
    hour, minute, second = map(int, found["time"].split(":"))
    zone = found.groupdict().get("zone", "GMT")
    if zone == "-0000":  # RFC 5322 3.3: the zone is not known
        return None
    offset = timedelta()
    if zone[0] in "+-":
        offset = timedelta(hours=int(zone[:3]), minutes=int(zone[0] + zone[3:]))
    try:
        month, day = _MONTHS.index(found["month"]) + 1, int(found["day"])
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone(offset))
    except ValueError:
        return None


def _number(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
