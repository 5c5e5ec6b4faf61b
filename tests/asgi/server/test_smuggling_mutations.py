"""Damaged requests, counted by a strict reader of our own: nobody gets more answers than they
sent requests, or an answer to what they hid in one (P18)."""

from __future__ import annotations

import contextlib
import re
from random import Random

import pytest

from aigw_asgi.server import HttpChoice, LoopChoice
from tests.asgi.server.harness import SHORT, App, Client, Served, statuses
from tests.asgi.server.test_smuggling import ONCE, REFUSED, SECOND
from tests.corpus import DEEP
from tests.mutate import damaged_bytes

MUTATIONS = 60 if DEEP else 3
"""Of each case."""

AT_ONCE = 40
"""Connections."""

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (/[!-~]*) HTTP/1\.[01]")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})(?:;[\t -~]*)?\r\n")


def requests_in(raw: bytes) -> list[bytes]:
    """The targets of the requests in ``raw``, read to the letter of RFC 9112. The last may be
    empty: of something that is none, and ends the connection."""
    found: list[bytes] = []
    while raw := raw.lstrip(b"\r\n"):  # blank lines before a request are none (2.2)
        head, end, rest = raw.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        request = _LINE.fullmatch(line)
        named = [_FIELD.fullmatch(field) for field in fields]
        if not end or request is None or None in named:
            return [*found, b""]
        values = [(match[1].lower(), match[2]) for match in named if match is not None]
        lengths = [value for name, value in values if name == b"content-length"]
        codings = [value.lower() for name, value in values if name == b"transfer-encoding"]
        if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]):
            return [*found, b""]
        if lengths:
            if not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
                return [*found, b""]
            size = int(lengths[0])
            rest = rest[size:] if len(rest) >= size else b""
        elif codings:
            left = _behind_chunks(rest)
            if left is None:
                return [*found, request[2]]
            rest = left
        found.append(request[2])
        raw = rest
    return found


def _behind_chunks(raw: bytes) -> bytes | None:
    """What follows a body in chunks; ``None``: it does not end, or is none."""
    while (line := _CHUNK.match(raw)) is not None:
        size, raw = int(line[1], 16), raw[line.end() :]
        if size == 0:
            trailers, end, rest = (b"\r\n" + raw).partition(b"\r\n\r\n")
            return rest if end and all(map(_FIELD.fullmatch, trailers.split(b"\r\n")[1:])) else None
        if raw[size : size + 2] != b"\r\n":
            return None
        raw = raw[size + 2 :]
    return None


def test_the_reader_counts() -> None:
    assert requests_in(SECOND) == [b"/smuggled"]
    assert requests_in(ONCE["two requests in one read"][0]) == [b"/first", b"/smuggled"]
    assert requests_in(ONCE["second request as a body"][0]) == [b"/first"]
    chunked = (
        b"POST /first HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\nA: b\r\n\r\n"
    )
    assert requests_in(chunked + SECOND) == [b"/first", b"/smuggled"]
    assert requests_in(chunked[:-2]) == [b"/first"]
    assert requests_in(REFUSED["length and chunked"][0]) == [b""]
    assert requests_in(REFUSED["one bare LF"][0]) == [b""]


@pytest.fixture(scope="module")
def mutants() -> list[bytes]:
    cases = [case[0].replace(SECOND, b"")[:500] for case in (REFUSED | ONCE).values()]
    cases += [b"POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"]
    made = [each for raw in cases for each in (raw, *damaged_bytes(raw, MUTATIONS))]
    Random(1).shuffle(made)
    return made


def test_there_are_never_more_answers_than_requests(
    stack: tuple[LoopChoice, HttpChoice], mutants: list[bytes]
) -> None:
    loop, http = stack
    with Served(loop, http, app=App(), limits=SHORT) as served:
        for start in range(0, len(mutants), AT_ONCE):
            batch = mutants[start : start + AT_ONCE]
            with contextlib.ExitStack() as opened:
                clients = [opened.enter_context(served.connect()) for _ in batch]
                # What may be hidden comes in a read of its own, once there was an answer:
                # in one read with the first it would end the connection in any case.
                for client, raw in zip(clients, batch, strict=True):
                    client.send(raw)
                begun = [_read_once(client) for client in clients]
                for client in clients:
                    client.send(SECOND)
                for client, raw, first in zip(clients, batch, begun, strict=True):
                    _check(raw + SECOND, first + client.read_all())


def _check(raw: bytes, answer: bytes) -> None:
    targets = requests_in(raw)
    about = f"{raw!r}\n{answer!r}\n{targets}"
    assert len(statuses(answer)) <= max(1, len(targets)), about
    if b"/smuggled" not in targets:
        assert b"\r\n\r\n/smuggled" not in answer, about


def _read_once(client: Client) -> bytes:
    """An answer, or nothing where the server closes: it does not wait long."""
    with contextlib.suppress(ConnectionError):
        return client.sock.recv(1 << 16)
    return b""
