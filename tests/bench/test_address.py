"""Where a peer is, and what it is sent."""

from __future__ import annotations

import pytest

from bench.address import Address, from_url
from bench.contestants import PEERS, peer


def test_a_url_says_all_that_a_peer_needs() -> None:
    address, scenarios = from_url(
        "http://s%40me@127.0.0.1:4000/openai/?model-prefix=up/&scenarios=CM&x-route=a%20b"
    )
    assert scenarios == "CM"
    assert address == Address(
        4000, root="/openai", key="s@me", prefix="up/", headers=(("x-route", "a b"),)
    )
    head, _, body = address.request("chat", "bench-1-0", stream=True).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /openai/v1/chat/completions HTTP/1.1"
    assert b"authorization: Bearer s@me" in lines
    assert b"x-route: a b" in lines
    assert b"content-length: %d" % len(body) in lines
    assert b'"model":"up/bench-1-0"' in body


@pytest.mark.parametrize(
    ("format", "header"),
    [
        ("chat", b"authorization: Bearer bench-key"),
        ("responses", b"authorization: Bearer bench-key"),
        ("messages", b"x-api-key: bench-key"),
        ("gemini", b"x-goog-api-key: bench-key"),
    ],
)
def test_a_key_goes_where_the_formats_clients_send_it(format: str, header: bytes) -> None:
    assert header in Address(1).request(format, "m", stream=False).split(b"\r\n")


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:1", "http://127.0.0.1", "127.0.0.1:1", "http://h:1/#x", "http://h:1?x"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"is not http://|bad query field"):
        from_url(url)


def test_a_peer_has_a_name_and_scenarios() -> None:
    assert (peer("other=http://h:1").name, peer("other=http://h:1").scenarios) == ("other", PEERS)
    assert peer("other=http://h:1?scenarios=CD").scenarios == "CD"
    for wrong in ("http://h:1", "=http://h:1", "other=http://h:1?scenarios=X"):
        with pytest.raises(ValueError, match=r"is not NAME=URL|is not http://"):
            peer(wrong)
