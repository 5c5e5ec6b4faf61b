"""A whole answer from an upstream of any format, for clients of all formats."""

from __future__ import annotations

from aigw_core.codecs import CODECS
from tests.laws_documents import answer_errors_are_declared

JSON = True


def check(data: bytes) -> None:
    for codec in CODECS.values():
        answer_errors_are_declared(codec, CODECS.values(), data)
