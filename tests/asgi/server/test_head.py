from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_asgi.server.head import RawHead, Refused, check_head

GOOD = b"POST /v1/x?a=b HTTP/1.1\r\nHost: a.b:1\r\nContent-Length: 3\r\nX-Y:z \r\n\r\n"

# Pieces that heads are made of, and what breaks them.
PIECES = [
    b"GET / HTTP/1.1",
    b"GET /a b HTTP/1.1",
    b"\r\n",
    b"\n",
    b"\r",
    b"Host: x",
    b"Host: x/",
    b" folded",
    b"Content-Length: 3",
    b"Transfer-Encoding: chunked",
    b"x" * 40,
    b"\r\n\r\n",
    b"\x16",
]


def _verdict(reads: list[bytes]) -> tuple[object, ...]:
    """What came of it, and of how many bytes: the rest is not asked for."""
    head = RawHead(max_bytes=120, max_fields=3)
    for read in reads:
        try:
            whole = head.feed(read)
        except Refused as refused:
            return refused.status, refused.reason
        if whole:
            return ("whole", whole.index(b"\r\n\r\n"))
    return ("partial", head.begun)


@settings(max_examples=1000, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=10).map(b"".join), st.data())
def test_any_split_of_a_head_has_the_same_verdict(raw: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    edges = [0, *cuts, len(raw)]
    reads = [raw[a:b] for a, b in pairwise(edges)]
    assert _verdict(reads) == _verdict([raw])
    assert _verdict([bytes([byte]) for byte in raw]) == _verdict([raw])


def test_a_good_head_comes_out_with_what_follows_it() -> None:
    head = RawHead(max_bytes=1024, max_fields=10)
    assert head.feed(GOOD[:-1]) == b""
    assert head.begun
    assert head.feed(GOOD[-1:] + b"abc") == GOOD + b"abc"
    assert not head.begun


@pytest.mark.parametrize(
    "host", [b"x", b"x:1", b"1.2.3.4:80", b"[::1]:80", b"a_b.example", b"", b"x:"]
)
def test_hosts_that_are_hosts(host: bytes) -> None:
    check_head(b"GET", b"/", "1.1", [(b"host", host)])


@pytest.mark.parametrize("host", [b"x/", b"a@b", b"x y", b"x:y", b"[::1", b"\xff", b"x?"])
def test_hosts_that_are_none(host: bytes) -> None:
    with pytest.raises(Refused):
        check_head(b"GET", b"/", "1.1", [(b"host", host)])
