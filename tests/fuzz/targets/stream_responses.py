"""A stream of the ``responses`` format from an upstream, for clients of all formats."""

from __future__ import annotations

from aigw_core.chat import Format
from tests.fuzz.streams import check_stream

JSON = True


def check(data: bytes) -> None:
    check_stream(Format.RESPONSES, data)
