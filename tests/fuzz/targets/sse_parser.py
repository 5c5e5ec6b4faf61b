"""The reader of event streams against the standard, cut anywhere."""

from __future__ import annotations

from tests.fuzz.splitting import reads_of
from tests.laws import reader_agrees_with_standard


def check(data: bytes) -> None:
    reader_agrees_with_standard([data])
    reader_agrees_with_standard(reads_of(data, 8))
