"""A request of the ``gemini`` format, for upstreams of all formats."""

from __future__ import annotations

from aigw_core.chat import Format
from tests.fuzz.requests import check_request

JSON = True


def check(data: bytes) -> None:
    check_request(Format.GEMINI, data)
