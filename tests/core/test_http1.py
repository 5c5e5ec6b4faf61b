"""The HTTP/1.1 reader against its laws, against h11, and at its limits."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.errors import ProtocolMisuse
from aigw_core.http1 import (
    MAX_CHUNK_LINE,
    MAX_EXTENSIONS,
    MAX_FIELDS,
    MAX_HEAD,
    MAX_INTERIM,
    ResponseBroken,
    ResponseEnd,
    ResponseHead,
    ResponseReader,
    encode_request_head,
)
from aigw_core.wire_request import Origin, split_url
from tests.corpus import DEEP
from tests.http1_readers import agrees_with_h11, as_h11, read, read_h11

LOCAL = Origin("http", "localhost", 80)


@st.composite
def splits(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=12).map(sorted))
    edges = [0, *cuts, len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


_names = st.text("abcXYZ019-_!~", min_size=1, max_size=12)
_values = st.text("ab:;,= \t\"'é\xff019", max_size=20).map(lambda text: text.strip(" \t"))
_fields = st.lists(st.tuples(_names, _values), max_size=4)


def encode_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in fields)


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    wire = b""
    for piece in draw(splits(body)):
        if piece:
            size = draw(st.sampled_from([b"%x", b"%X", b"%04x"])) % len(piece)
            extension = draw(st.sampled_from([b"", b"", b";a", b';a="b c"', b" "]))
            wire += size + extension + b"\r\n" + piece + b"\r\n"
    trailers = encode_fields(draw(_fields)) if draw(st.booleans()) else b""
    return wire + draw(st.sampled_from([b"0", b"000"])) + b"\r\n" + trailers + b"\r\n"


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """A valid answer, perhaps after interim ones, perhaps with bytes behind it."""
    interim = draw(st.lists(st.sampled_from([100, 102, 103]), max_size=3))
    wire = b"".join(b"HTTP/1.1 %d x\r\na: b\r\n\r\n" % status for status in interim)
    status = draw(st.sampled_from([200, 200, 204, 304, 404, 429, 529, 999]))
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    version = b"1.1" if framing == "chunked" else draw(st.sampled_from([b"1.1", b"1.1", b"1.0"]))
    reason = draw(st.sampled_from([b"", b" ", b" OK", b" Tr\xe8s bien"]))
    body = draw(st.binary(max_size=40))
    fields = draw(_fields)
    if draw(st.booleans()):
        fields.append(("Connection", draw(st.sampled_from(["close", "keep-alive", "x, Close"]))))
    extra = draw(st.sampled_from([b"", b"", b"x", b"HTTP/1.1 200 OK\r\n\r\n"]))
    if framing == "length":
        fields.insert(draw(st.integers(0, len(fields))), ("Content-Length", str(len(body))))
        payload = body
    elif framing == "chunked":
        fields.append(("Transfer-Encoding", draw(st.sampled_from(["chunked", "Chunked"]))))
        payload = draw(chunked(body))
    else:
        payload, extra = body, b""
    if status in (204, 304):
        payload = b""
    wire += b"HTTP/%s %d%s\r\n" % (version, status, reason) + encode_fields(fields) + b"\r\n"
    return wire + payload + extra


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid answer with a few bytes changed, or cut short."""
    wire = bytearray(draw(answers()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(wire) - 1)))
        piece = draw(
            st.sampled_from(
                (
                    b"",
                    b"\r",
                    b"\n",
                    b"\r\n",
                    b"\x00",
                    b" ",
                    b"\t",
                    b":",
                    b"0",
                    b"f",
                    b"g",
                    b"-",
                    b"\x7f",
                    b"\xff",
                    b"Content-Length: 3\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                )
            )
        )
        wire[at : at + draw(st.integers(0, 2))] = piece
    if draw(st.booleans()):
        del wire[draw(st.integers(0, len(wire))) :]
    return bytes(wire)


_methods = st.sampled_from(["POST", "POST", "GET", "HEAD"])


@given(st.data())
@settings(max_examples=300, derandomize=True)
def test_any_split_gives_the_same_answer(data: st.DataObject) -> None:
    wire = data.draw(answers() | damaged())
    method = data.draw(_methods)
    assert read(data.draw(splits(wire)), method) == read([wire], method)
    assert read([bytes([byte]) for byte in wire], method) == read([wire], method)


@given(answers(), _methods)
@settings(max_examples=500, derandomize=True)
def test_a_valid_answer_reads_as_h11_reads_it(wire: bytes, method: str) -> None:
    ours, theirs = read([wire], method), read_h11(wire, method)
    assert theirs.ended, theirs
    assert as_h11(ours) == theirs


@given(damaged(), _methods)
@settings(max_examples=20_000 if DEEP else 600, derandomize=True)
def test_what_h11_refuses_is_refused(wire: bytes, method: str) -> None:
    agrees_with_h11(wire, method)


HEAD = b"HTTP/1.1 200 OK\r\n"


def test_interim_answers_are_skipped() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    answer = read([interim * MAX_INTERIM + HEAD + b"content-length: 2\r\n\r\nok"])
    assert answer.head == ResponseHead(200, (("content-length", "2"),))
    assert (answer.body, answer.reusable) == (b"ok", True)


def test_a_flood_of_interim_answers_is_refused() -> None:
    assert read([b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_INTERIM + 1)]).problem == (
        f"more than {MAX_INTERIM} interim answers"
    )


def test_another_protocol_is_refused() -> None:
    assert read([b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"]).problem is not None


def pad(size: int) -> bytes:
    return HEAD + b"a: " + b"x" * (size - len(HEAD) - 7) + b"\r\n\r\n"


def test_a_head_of_the_limit_is_read_and_a_longer_one_is_not() -> None:
    for step in (1, 1000, MAX_HEAD + 1):
        fits, over = pad(MAX_HEAD), pad(MAX_HEAD + 1)
        assert len(fits) == MAX_HEAD
        assert read(fits[at : at + step] for at in range(0, len(fits), step)).ended
        answer = read(over[at : at + step] for at in range(0, len(over), step))
        assert answer.problem == f"header or trailers are longer than {MAX_HEAD} bytes"


def test_an_endless_head_is_given_up_at_the_limit() -> None:
    reader = ResponseReader()
    assert reader.feed(HEAD + b"a: " + b"x" * (MAX_HEAD - len(HEAD) - 4)) == []
    assert [type(event) for event in reader.feed(b"x")] == [ResponseBroken]
    assert reader.feed(b"x" * 100) == []
    assert reader.eof() == []


def test_fields_are_counted() -> None:
    assert read([HEAD + b"a: b\r\n" * MAX_FIELDS + b"\r\n"]).ended
    assert read([HEAD + b"a: b\r\n" * (MAX_FIELDS + 1) + b"\r\n"]).problem == (
        f"more than {MAX_FIELDS} header fields"
    )


CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


def test_chunk_extensions_are_bounded() -> None:
    fits = b"1;" + b"x" * (MAX_CHUNK_LINE - 4) + b"\r\n"
    over = b"1;" + b"x" * (MAX_CHUNK_LINE - 3) + b"\r\n"
    assert read([CHUNKED + fits + b"a\r\n0\r\n\r\n"]).ended
    assert read([CHUNKED + over + b"a\r\n0\r\n\r\n"]).problem is not None
    many = (fits + b"a\r\n") * (MAX_EXTENSIONS // (MAX_CHUNK_LINE - 3) + 1)
    assert read([CHUNKED + many + b"0\r\n\r\n"]).problem == "too many chunk extensions"


def test_trailers_are_bounded_and_left_out() -> None:
    answer = read([CHUNKED + b"1\r\na\r\n0\r\nx-sum: 1\r\n\r\n"])
    assert (answer.body, answer.ended, answer.reusable) == (b"a", True, True)
    assert read([CHUNKED + b"0\r\n" + b"a: b\r\n" * (MAX_FIELDS + 1) + b"\r\n"]).problem
    assert read([CHUNKED + b"0\r\na: " + b"x" * MAX_HEAD], eof=False).problem
    assert read([CHUNKED + b"0\r\nno field\r\n\r\n"]).problem


def test_one_read_of_many_chunks_is_one_piece() -> None:
    reader = ResponseReader()
    reader.feed(CHUNKED)
    assert reader.feed(b"1\r\na\r\n" * 3 + b"5\r\nbc") == [b"aaabc"]
    assert reader.feed(b"def\r\n0\r\n\r\n") == [b"def", ResponseEnd()]


@pytest.mark.parametrize(
    "fields",
    [
        b"content-length: 1\r\ntransfer-encoding: chunked\r\n",
        b"content-length: 1\r\ncontent-length: 1\r\n",
        b"content-length: 1\r\ncontent-length: 2\r\n",
        b"content-length: 1, 1\r\n",
        b"content-length: -1\r\n",
        b"content-length: +1\r\n",
        b"content-length: 0x1\r\n",
        b"content-length: 1 2\r\n",
        b"content-length:\r\n",
        b"content-length: \xb2\r\n",
        b"content-length: 1000000000000000000\r\n",
        b"transfer-encoding: gzip, chunked\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"transfer-encoding: xchunked\r\n",
        b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding:\r\n",
        b"a : b\r\n",
        b" a: b\r\n",
        b"a: b\r\n c\r\n",
        b"a\r\n",
        b": b\r\n",
        b"a: b\rc\r\n",
        b"a: b\nc: d\r\n",
        b"a: b\x00\r\n",
        b"a: b\x0b\r\n",
        b"a\x80: b\r\n",
    ],
)
def test_bad_framing_is_refused(fields: bytes) -> None:
    answer = read([HEAD + fields + b"\r\n1\r\na\r\n0\r\n\r\n"])
    assert answer.problem is not None
    assert answer.head is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"-1",
        b"+1",
        b"0x1",
        b"1_0",
        b" 1",
        b"g",
        b"1\n",
        b"1\r",
        b"1 ;a\x00",
        b"00000000000000001",
        b"1;\x00",
    ],
)
def test_a_bad_chunk_size_is_refused(line: bytes) -> None:
    answer = read([CHUNKED + line + b"\r\na\r\n0\r\n\r\n"])
    assert (answer.ended, answer.truncated) == (False, False)


@pytest.mark.parametrize("status_line", [b"HTTP/2.0 200", b"HTTP/1.2 200", b"HTTP/1.1 20",
                                         b"HTTP/1.1 2000", b"HTTP/1.1  200", b"http/1.1 200",
                                         b"HTTP/1.1 099", b"\r\nHTTP/1.1 200", b"ICY 200",
                                         b"HTTP/1.1 200\tOK"])  # fmt: skip
def test_a_bad_status_line_is_refused(status_line: bytes) -> None:
    assert read([status_line + b"\r\ncontent-length: 0\r\n\r\n"]).problem is not None


@pytest.mark.parametrize(
    "banner", [b"SSH-2.0-OpenSSH_9.6\r\n", b"<html>", b"\x15\x03\x01", b"HTTQ"]
)
def test_what_is_no_http_is_refused_at_once(banner: bytes) -> None:
    assert read([banner], eof=False).problem == "the answer is not HTTP/1.1"


@pytest.mark.parametrize("status", [b"204", b"304"])
def test_some_statuses_have_no_body(status: bytes) -> None:
    answer = read([b"HTTP/1.1 %s x\r\ncontent-length: 5\r\n\r\n" % status])
    assert (answer.body, answer.ended, answer.reusable) == (b"", True, True)


def test_the_answer_to_head_has_no_body() -> None:
    answer = read([HEAD + b"content-length: 5\r\n\r\n"], "HEAD")
    assert (answer.body, answer.ended, answer.reusable) == (b"", True, True)


@pytest.mark.parametrize(
    ("wire", "reusable"),
    [
        (HEAD + b"content-length: 1\r\n\r\na", True),
        (HEAD + b"content-length: 1\r\nconnection: Keep-Alive\r\n\r\na", True),
        (HEAD + b"content-length: 1\r\nconnection: close\r\n\r\na", False),
        (HEAD + b"content-length: 1\r\nconnection: x , CLOSE\r\n\r\na", False),
        (HEAD + b"content-length: 1\r\nconnection: close\r\nconnection: x\r\n\r\na", False),
        (HEAD + b"content-length: 1\r\n\r\nab", False),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\na", False),
        (CHUNKED + b"0\r\n\r\n", True),
        (CHUNKED + b"0\r\n\r\n\r\n", False),
        (CHUNKED + b"0\r\n\r", False),
        (HEAD + b"content-length: 2\r\n\r\na", False),
        (HEAD + b"\r\na", False),
    ],
)
def test_when_the_connection_can_be_used_again(wire: bytes, reusable: bool) -> None:
    assert read([wire], eof=False).reusable is reusable
    assert read([bytes([byte]) for byte in wire], eof=False).reusable is reusable


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"HTT",
        HEAD,
        b"HTTP/1.1 100 Continue\r\n\r\n",
        HEAD + b"content-length: 2\r\n\r\na",
        CHUNKED,
        CHUNKED + b"5\r\nabc",
        CHUNKED + b"1\r\na",
        CHUNKED + b"1\r\na\r",
        CHUNKED + b"1\r\na\r\n",
        CHUNKED + b"0\r\n",
        CHUNKED + b"0\r\na: b\r\n",
    ],
)
def test_an_early_end_is_a_truncation(wire: bytes) -> None:
    answer = read([wire])
    assert (answer.ended, answer.truncated) == (False, True)


def test_a_body_without_framing_ends_with_the_connection() -> None:
    answer = read([HEAD + b"\r\nab", b"cd"])
    assert (answer.body, answer.ended, answer.problem) == (b"abcd", True, None)


def test_the_request_head_is_what_a_server_reads() -> None:
    origin, target = split_url("HTTP://Upstream.test:8080/v1/x?y=1")
    head = encode_request_head(
        "POST",
        origin,
        target,
        (
            ("authorization", "Bearer sk-canary"),
            ("x-latin", "caf\xe9"),
            ("host", "other"),
            ("content-length", "99"),
            ("connection", "close"),
            ("accept-encoding", "gzip"),
            ("transfer-encoding", "chunked"),
        ),
        body_size=7,
    )
    server = h11.Connection(h11.SERVER)
    server.receive_data(head)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    assert (request.method, request.target) == (b"POST", b"/v1/x?y=1")
    assert list(request.headers) == [
        (b"host", b"upstream.test:8080"),
        (b"authorization", b"Bearer sk-canary"),
        (b"x-latin", b"caf\xe9"),
        (b"accept-encoding", b"identity"),
        (b"content-length", b"7"),
    ]


def test_a_get_without_body_says_no_length() -> None:
    head = encode_request_head("GET", LOCAL, "/", (), body_size=0)
    assert head == b"GET / HTTP/1.1\r\nhost: localhost\r\naccept-encoding: identity\r\n\r\n"


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\r\nb: c", "a\x00b", "a\x7f", "\u20ac"])
def test_a_value_that_breaks_the_line_is_refused(value: str) -> None:
    with pytest.raises(ProtocolMisuse) as caught:
        encode_request_head("POST", LOCAL, "/", (("x-secret", value),), body_size=0)
    assert value not in str(caught.value)
    assert "x-secret" in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "é", "a\n"])
def test_a_name_that_breaks_the_line_is_refused(name: str) -> None:
    with pytest.raises(ProtocolMisuse):
        encode_request_head("POST", LOCAL, "/", ((name, "x"),), body_size=0)


@pytest.mark.parametrize(
    ("method", "target"),
    [("POST", "/a b"), ("POST", "x"), ("POST", ""), ("POST", "/\r\n"), ("POST", "/é"),
     ("PO ST", "/"), ("", "/"), ("POST\n", "/"), ("post", "/")],
)  # fmt: skip
def test_a_request_line_in_parts_is_refused(method: str, target: str) -> None:
    with pytest.raises(ProtocolMisuse):
        encode_request_head(method, LOCAL, target, (), body_size=0)


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://a.test", "a.test", "/"),
        ("https://a.test:443/x", "a.test", "/x"),
        ("https://a.test:80/x?y", "a.test:80", "/x?y"),
        ("http://[FD00::1]:80/", "[fd00::1]", "/"),
        ("http://[::1]:81", "[::1]:81", "/"),
    ],
)
def test_a_url_is_taken_apart(url: str, authority: str, target: str) -> None:
    origin, found = split_url(url)
    assert (origin.authority, found) == (authority, target)


@pytest.mark.parametrize(
    "url", ["/x", "ftp://a/", "http://u@a/", "http://a/#f", "http://a b/", "http://a\n"]
)
def test_an_unchecked_url_is_a_bug(url: str) -> None:
    with pytest.raises(ProtocolMisuse):
        split_url(url)
