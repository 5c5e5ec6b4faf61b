"""The prices that come with the gateway, as a file of data."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from aigw_core.prices import PriceTable, read_table

FILE = Path(__file__).with_name("prices.json")


@cache
def bundled_prices() -> PriceTable:
    """Read once, with the first request that has a cost."""
    return read_table(FILE.read_bytes())
