"""Spellings of when to come back: RFC 9110 10.2.3 and ``retry-after-ms``."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_core.retry_after import read_retry_after

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


def limit(name: str, remaining: str, reset: str) -> dict[str, str]:
    return {name.format("remaining"): remaining, name.format("reset"): reset}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": " 17 "}, 17.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "1e3"}, 1000.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "17s"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": DATE}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 09:28:30 +0200", "date": DATE}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": DATE}, 1.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "never"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 -0000", "date": DATE}, None),
        (limit("x-ratelimit-{}-requests", "0", "6m0s"), 360.0),
        (limit("x-ratelimit-{}-requests", "0", "20ms"), 0.02),
        (limit("x-ratelimit-{}-tokens", "0", "1h2m3.5s"), 3723.5),
        (limit("x-ratelimit-{}-tokens", "0", "2.5"), 2.5),
        (limit("x-ratelimit-{}-tokens", "1", "6m0s"), None),
        (limit("x-ratelimit-{}-tokens", "0", "soon"), None),
        (limit("x-ratelimit-{}-tokens", "0", "6m0s") | {"retry-after": "9"}, 9.0),
        (limit("x-ratelimit-{}-a", "0", "1s") | limit("x-ratelimit-{}-b", "0", "3s"), 3.0),
        (limit("x-ratelimit-{}", "0", "1792567710") | {"date": DATE}, 30.0),
        (limit("x-ratelimit-{}", "0", "1792567710000") | {"date": DATE}, 30.0),
        (limit("x-ratelimit-{}", "0", "1792567710"), None),
        (limit("vendor-ratelimit-tokens-{}", "0", "2026-10-21T07:28:30Z") | {"date": DATE}, 30.0),
        (limit("vendor-ratelimit-tokens-{}", "0", "2026-10-21T07:28:30"), None),
        (limit("vendor-ratelimit-tokens-{}", "0", "2026-10-21T07:27:30Z") | {"date": DATE}, 0.0),
        ({"x-ratelimit-reset-requests": "5s"}, None),
    ],
    ids=str,
)
def test_spelling(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers) == seconds


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(("", "250", "x")))
def test_any_header_gives_a_time_or_none(value: str, date: str, millis: str) -> None:
    headers = {"retry-after": value, "date": date, "retry-after-ms": millis}
    seconds = read_retry_after(headers)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))
