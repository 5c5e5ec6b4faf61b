"""Header fields that say when to come back: ``name: value`` lines."""

from __future__ import annotations

from math import isfinite

from aigw_core.retry_after import read_retry_after
from tests.laws import hold


def check(data: bytes) -> None:
    """Seconds, or nothing."""
    fields = (line.partition(":") for line in data.decode("latin-1").split("\n"))
    headers = {name.lower(): value.strip() for name, _, value in fields}
    wait = read_retry_after(headers)
    hold(wait is None or (wait >= 0 and isfinite(wait)), f"come back in {wait!r} seconds")
