"""Which documents are a request, where readers of JSON disagree.

What one reader takes and another does not, or reads otherwise, is how a request means one
thing to a filter in front and another to us. So what is refused here is whatever has two
readings; ``lax`` marks what Python's own reader takes all the same.
"""

from __future__ import annotations

import json

import pytest
from msgspec import Raw, Struct

from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import read_object


class Verdict(Struct, frozen=True):
    body: bytes
    taken: bool
    lax: bool
    """Python's ``json`` takes it."""


def taken(*bodies: bytes) -> list[Verdict]:
    return [Verdict(body, taken=True, lax=True) for body in bodies]


def refused(*bodies: bytes) -> list[Verdict]:
    return [Verdict(body, taken=False, lax=False) for body in bodies]


def ours_alone(*bodies: bytes) -> list[Verdict]:
    """Refused here, and taken elsewhere."""
    return [Verdict(body, taken=False, lax=True) for body in bodies]


VERDICTS = [
    *taken(
        b"{}",
        b' {"a":1}\r\n',
        b'{"":1}',
        b'{"__proto__":1}',
        b'{"a":-0}',
        # Numbers are passed on as the text that they are, however large or fine.
        b'{"a":1e999}',
        b'{"a":18446744073709551616}',
        b'{"a":%s}' % (b"9" * 400),
        b'{"a":9007199254740993}',
        b'{"a":1.0000000000000000000001}',
        b'{"a":"\\u0000"}',
        b'{"a":"\x7f"}',
        '{"a":"\u2028\u0085"}'.encode(),
        b'{"a":"\\ud83d\\ude00"}',
        b'{"o":{"p":{"a":1,"a":2}}}',  # nobody before us decides by what lies so deep
        b'{"a":%s}' % (b"[" * 63 + b"]" * 63),
    ),
    *ours_alone(
        b"[]",
        b"null",
        b'"a"',
        b"1",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":"\\ud83d"}',
        b'{"a":"\\ude00\\ud83d"}',
        b'{"a":"\xed\xa0\xbd"}',
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'{"o":{"a":1,"a":2}}',
        b'{"a":%s}' % (b"[" * 64 + b"]" * 64),
    ),
    *refused(
        b"",
        b" ",
        b'{"a":1',
        b'{"a":tru',
        b'{"a":1}x',
        b'{"a":1}{}',
        b'{"a":1,}',
        b'{,"a":1}',
        b'{"a" 1}',
        b"{'a':1}",
        b"{a:1}",
        b'{"a":1 /* c */}',
        b'{"a":1} // c',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":0x1}',
        b'{"a":1_0}',
        b'{"a":True}',
        b'{"a":undefined}',
        b'{"a":"\n"}',
        b'{"a":"\x00"}',
        b'{"a":"\\x41"}',
        b'{"a":"\xff"}',
        b'{"a":"\xc0\x80"}',
        b'{"a":\x0b1}',
        b'{"a":\xc2\xa01}',
    ),
]


def lax(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: repr(verdict.body[:24]))
def test_a_document_has_one_verdict(verdict: Verdict) -> None:
    assert lax(verdict.body) is verdict.lax
    if not verdict.taken:
        with pytest.raises(InvalidRequest) as told:
            read_object(verdict.body, levels=2)
        assert told.value.failure.message
        return
    fields = read_object(verdict.body, levels=2)
    assert set(fields) == set(json.loads(verdict.body))
    for raw in fields.values():
        assert isinstance(raw, Raw)
        assert bytes(raw) in verdict.body  # as it came
