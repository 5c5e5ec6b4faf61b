"""Connections that send no request, and those that may not suffer for it."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Iterator

import pytest
from msgspec import Struct

from aigw_asgi.server import HttpChoice, Limits, LoopChoice
from aigw_asgi.server.newcomers import Entries, Newcomers
from tests.asgi.server.harness import PATIENCE, App, Client, Served, get, statuses

Stack = tuple[LoopChoice, HttpChoice]


class Connection(Struct, eq=False):
    client: tuple[str, int] | None
    entries: Entries | None = None
    spoke: bool = False

    def head_read(self) -> bool:
        return self.spoke

    def turn_away(self) -> None:
        raise AssertionError("the register closes nothing itself")


def arrivals(newcomers: Newcomers, count: int, address: str = "192.0.2.1") -> list[Connection]:
    found = [Connection((address, port)) for port in range(count)]
    for each in found:
        newcomers.came(each)
    return found


def test_a_burst_whose_heads_follow_is_never_touched() -> None:
    newcomers = Newcomers(4)
    crowd = arrivals(newcomers, 1000)
    assert newcomers.tick() == []
    for each in crowd:
        each.spoke = True
    assert newcomers.tick() == []
    assert repr(newcomers) == "<Newcomers fresh=0 slow=0>"
    assert all(each.entries is None for each in crowd)


def test_beyond_the_limit_those_that_wait_longest_go() -> None:
    newcomers = Newcomers(4)
    first = arrivals(newcomers, 3)
    assert newcomers.tick() == newcomers.tick() == []
    second = arrivals(newcomers, 3)
    assert newcomers.tick() == []
    assert newcomers.tick() == first[:2]
    assert second[0].entries is not None


def test_addresses_do_not_count_for_each_other() -> None:
    newcomers = Newcomers(4)
    for number in range(10):
        arrivals(newcomers, 4, f"192.0.2.{number}")
    assert [newcomers.tick() for _ in range(3)] == [[], [], []]
    one_more = arrivals(newcomers, 1, "192.0.2.7")
    newcomers.tick()
    (closed,) = newcomers.tick()
    assert closed.client == ("192.0.2.7", 0)
    assert closed is not one_more[0]


def test_who_has_spoken_or_left_makes_room() -> None:
    newcomers = Newcomers(4)
    crowd = arrivals(newcomers, 4)
    newcomers.tick()
    newcomers.tick()
    crowd[0].spoke = True
    newcomers.gone(crowd[1])
    newcomers.gone(crowd[1])
    arrivals(newcomers, 2)
    newcomers.tick()
    assert newcomers.tick() == []
    assert repr(newcomers) == "<Newcomers fresh=0 slow=4>"


def test_a_proxy_may_have_any_number() -> None:
    asked: list[str] = []

    def exempt(address: str) -> bool:
        asked.append(address)
        return address == "192.0.2.9"

    newcomers = Newcomers(4, exempt)
    arrivals(newcomers, 50, "192.0.2.9")
    arrivals(newcomers, 5)
    arrivals(newcomers, 3, "192.0.2.3")
    newcomers.tick()
    assert len(newcomers.tick()) == 1
    assert sorted(asked) == [
        "192.0.2.1",
        "192.0.2.9",
    ]  # who is under the limit is nobody's business


def test_without_a_limit_or_an_address_nothing_is_kept() -> None:
    for newcomers, client in ((Newcomers(0), ("192.0.2.1", 1)), (Newcomers(1), None)):
        crowd = [Connection(client) for _ in range(3)]
        for each in crowd:
            newcomers.came(each)
        newcomers.tick()
        assert newcomers.tick() == []
        assert repr(newcomers) == "<Newcomers fresh=0 slow=0>"


# Over real connections.


@pytest.fixture(
    params=[(LoopChoice.UVLOOP, HttpChoice.HTTPTOOLS), (LoopChoice.ASYNCIO, HttpChoice.H11)],
    ids=["uvloop-httptools", "asyncio-h11"],
)
def stack(request: pytest.FixtureRequest) -> Stack:
    """Two of the four: each test waits for two ticks."""
    found: Stack = request.param
    return found


@pytest.fixture
def descriptors() -> Iterator[int]:
    """How many sockets there is room for; each takes one at either end, both in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield (min(hard, 20_000) - 500) // 2
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_open(client: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        try:
            client.setblocking(False)
            return client.recv(1, socket.MSG_PEEK) != b""
        except ConnectionError:
            return False
    return True


def test_a_crowd_of_half_heads_is_closed_down_to_the_limit(stack: Stack, descriptors: int) -> None:
    """While a request is answered, among them and after them."""
    limits = Limits(head_timeout=600)
    with Served(*stack, app=App(), limits=limits) as served, contextlib.ExitStack() as open_ones:
        crowd = []
        for _ in range(min(5000, descriptors)):
            sock = socket.create_connection(("127.0.0.1", served.port), PATIENCE)
            open_ones.enter_context(sock)
            sock.sendall(b"GET /a HTTP/1.1\r\nHos")
            crowd.append(sock)
        with served.connect() as honest:
            honest.send(get("/a"))
            assert honest.read_answer()[0] == 200
        for sock in crowd[: -limits.newcomers_per_address]:
            sock.settimeout(6 * PATIENCE)
            told = Client(sock).read_all()
            assert statuses(told) in ([429], [])  # a reset may overtake the word
        assert all(is_open(sock) for sock in crowd[-limits.newcomers_per_address :])
        # Who is left may go on.
        crowd[-1].setblocking(True)
        crowd[-1].settimeout(PATIENCE)
        client = Client(crowd[-1])
        client.send(b"t: x\r\n\r\n")
        assert client.read_answer()[0] == 200


def test_who_says_nothing_is_closed_without_a_word(stack: Stack) -> None:
    limits = Limits(head_timeout=600, newcomers_per_address=2)
    with Served(*stack, app=App(), limits=limits) as served, contextlib.ExitStack() as open_ones:
        crowd = [open_ones.enter_context(served.connect()) for _ in range(5)]
        assert [client.read_all() for client in crowd[:3]] == [b"", b"", b""]
        assert all(is_open(client.sock) for client in crowd[3:])


def test_idle_connections_take_nothing_from_a_request(stack: Stack, descriptors: int) -> None:
    """A thousand that have had an answer each stay, and one more is served."""
    limits = Limits(keepalive_timeout=600)
    with Served(*stack, app=App(), limits=limits) as served, contextlib.ExitStack() as open_ones:
        crowd = []
        for _ in range(min(1000, descriptors)):
            crowd.append(open_ones.enter_context(served.connect()))
            crowd[-1].send(get("/a"))
        for client in crowd:
            assert client.read_answer()[0] == 200
        with served.connect() as late:
            late.send(get("/a"))
            assert late.read_answer()[0] == 200
        # After a crowd of others has been closed, which takes two ticks, these are still there.
        strangers = [open_ones.enter_context(served.connect()) for _ in range(65)]
        assert strangers[0].read_all() == b""
        assert all(is_open(client.sock) for client in crowd)
        crowd[0].sock.setblocking(True)
        crowd[0].send(get("/a"))
        assert crowd[0].read_answer()[0] == 200


def test_an_upgraded_connection_is_no_newcomer(stack: Stack) -> None:
    limits = Limits(newcomers_per_address=1)
    upgrade = (
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with Served(*stack, app=App(), limits=limits) as served, contextlib.ExitStack() as open_ones:
        sockets = []
        for _ in range(3):
            client = open_ones.enter_context(served.connect())
            sockets.append(client)
            client.send(upgrade)
            assert b" 101 " in client.read_until(b"\r\n\r\n")
        strangers = [open_ones.enter_context(served.connect()) for _ in range(2)]
        assert strangers[0].read_all() == b""
        assert all(is_open(client.sock) for client in sockets)
