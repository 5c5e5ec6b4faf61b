"""Passwords: what an attempt costs, how many there may be, and what a refusal tells."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import bcrypt
import pytest
from anyio import create_task_group

from aigw_asgi.dashboard.denied import Denied
from aigw_asgi.dashboard.sign_in import (
    ALTOGETHER,
    AT_ONCE,
    PER_ADDRESS,
    WAITING,
    WINDOW,
    Passwords,
    SignIn,
    source_of,
)
from aigw_asgi.sharing import Sharing
from aigw_asgi.stores.redis.state import RedisState
from aigw_asgi.stores.shared_state import NodeReport, SharedState
from aigw_asgi.stores.sqlite.shared_state import SqliteState
from aigw_core.health import Health
from aigw_core.limits import Limits
from aigw_core.response_store import ResponseStore
from tests.redis_server import RedisServer, running_redis

pytestmark = pytest.mark.anyio

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()


class Counting:
    """Compares, and counts how often; ``meanwhile`` runs while it does."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.asked: list[tuple[bytes, bytes]] = []
        self._meanwhile = meanwhile

    def __call__(self, password: bytes, hash: bytes) -> bool:
        self.asked.append((password, hash))
        self._meanwhile()
        return bcrypt.checkpw(password, hash)


class Door:
    """A way to sign in, as one process has it."""

    def __init__(self, sharing: Sharing, compare: Counting) -> None:
        self.compare = compare
        self.sharing = sharing
        self._sign_in = SignIn(sharing, passwords=Passwords(compare), clock=time.time)

    async def attempt(
        self, password: str = "wrong", *, name: str = "admin", address: str = "192.0.2.1"
    ) -> Denied | None:
        try:
            await self._sign_in.check((name, password), ("admin", HASH), address=address)
        except Denied as exc:
            return exc
        return None


def alone(compare: Counting | None = None) -> Door:
    return Door(Sharing(Health(), Health(), Limits(), ResponseStore()), compare or Counting())


@asynccontextmanager
async def workers(
    count: int, store: Callable[[], SharedState], compare: Counting
) -> AsyncGenerator[list[Door], None]:
    async with AsyncExitStack() as stack, create_task_group() as tasks:
        doors = []
        for number in range(count):
            report = NodeReport(f"n{number}", "g", number, 1, "h", "1", "v/1", 1.0)
            sharing = Sharing(
                Health(),
                Health(),
                Limits(),
                ResponseStore(),
                store=store(),
                report=lambda report=report: report,  # type: ignore[misc]
            )
            await tasks.start(sharing.run)
            doors.append(Door(sharing, compare))
        yield doors
        tasks.cancel_scope.cancel()
        await stack.aclose()


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], SharedState]:
    if request.param == "sqlite":
        return lambda: SqliteState(tmp_path / "shared.db")
    server: RedisServer = request.getfixturevalue("own_redis")
    return lambda: RedisState(server.url)


@pytest.fixture
def own_redis(tmp_path: Path) -> object:
    with running_redis(tmp_path) as server:
        yield server


# --- what a refusal tells ----------------------------------------------------


async def test_the_right_name_and_password_get_in() -> None:
    door = alone()
    assert await door.attempt("right") is None
    assert len(door.compare.asked) == 1


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("admin", "wrong"),
        ("admin", ""),
        ("root", "right"),
        ("", ""),
        ("admin", "right" + "x" * 68),  # 73 bytes
        ("admin", "é" * 37),
        ("admin", "x" * 1_000_000),
        ("admin", "ri\0ght"),
        ("admin", "right\0"),
        ("\ud800", "\udfff"),
        ("аdmin", "right"),  # a Cyrillic letter
    ],
)
async def test_whatever_is_wrong_costs_one_hash_and_gets_the_same_words(
    name: str, password: str
) -> None:
    door = alone()
    refusal = await door.attempt(password, name=name)
    assert refusal is not None
    assert (refusal.status, refusal.error) == (401, "invalid_credentials")
    assert refusal.message == "the name or the password is wrong; 4 attempts are left"
    assert len(door.compare.asked) == 1
    # Of the cost that the right one would have.
    assert door.compare.asked[0][1][:7] == HASH.encode()[:7]


async def test_a_hash_of_a_password_longer_than_bcrypt_reads_does_not_let_a_longer_one_in() -> None:
    long = "p" * 72
    hash = bcrypt.hashpw(long.encode(), bcrypt.gensalt(4)).decode()
    passwords = Passwords()
    assert await passwords.fits(long, hash, known=True)
    assert not await passwords.fits(long + "p", hash, known=True)
    assert not await passwords.fits(long, hash, known=False)


async def test_attempts_left_are_told_and_then_the_wait() -> None:
    door = alone()
    said = [await door.attempt() for _ in range(PER_ADDRESS + 1)]
    words = ["" if each is None else each.message.partition("; ")[2] for each in said[:-1]]
    assert words == [
        "4 attempts are left",
        "3 attempts are left",
        "2 attempts are left",
        "1 attempt is left",
        "the next attempt can be made in 5 minutes",
    ]
    last = said[-1]
    assert last is not None
    assert (last.status, last.error) == (429, "too_many_attempts")
    assert last.retry_after == pytest.approx(WINDOW, abs=30)


# --- how many there may be ---------------------------------------------------


async def test_a_success_begins_anew() -> None:
    door = alone()
    for _ in range(3):
        for _ in range(PER_ADDRESS - 1):
            assert await door.attempt() is not None
        assert await door.attempt("right") is None
    assert len(door.compare.asked) == 3 * PER_ADDRESS


async def test_while_locked_even_the_right_password_computes_nothing() -> None:
    door = alone()
    for _ in range(PER_ADDRESS):
        await door.attempt()
    refusal = await door.attempt("right")
    assert refusal is not None
    assert refusal.error == "too_many_attempts"
    assert len(door.compare.asked) == PER_ADDRESS
    # Somebody elsewhere is not meant by that.
    assert await door.attempt("right", address="192.0.2.2") is None


async def test_one_cannot_be_locked_out_where_one_was_let_in_before() -> None:
    door = alone()
    assert await door.attempt("right", address="198.51.100.1") is None
    for number in range(50):
        await door.attempt(address=f"203.0.113.{number}")
    assert len(door.compare.asked) == 1 + ALTOGETHER
    stranger = await door.attempt("right", address="192.0.2.99")
    assert stranger is not None
    assert stranger.error == "too_many_attempts"
    assert await door.attempt("right", address="198.51.100.1") is None
    # A refusal for all does not use up what the address has.
    assert await door.sharing.marks("attempt:192.0.2.99:") == []


@pytest.mark.parametrize(("ago", "locked"), [(WINDOW - 60, True), (WINDOW, False)])
async def test_attempts_count_for_five_minutes(ago: float, locked: bool) -> None:
    door = alone()
    then = SignIn(door.sharing, passwords=Passwords(door.compare), clock=lambda: time.time() - ago)
    for _ in range(PER_ADDRESS):
        with pytest.raises(Denied):
            await then.check(("admin", "wrong"), ("admin", HASH), address="192.0.2.1")
    refusal = await door.attempt("right")
    assert (refusal is not None) == locked


async def test_no_address_is_an_address_too() -> None:
    door = alone()
    for _ in range(PER_ADDRESS):
        await door.attempt(address="")
    refusal = await door.attempt("right", address="unix:/x")
    assert refusal is not None
    assert refusal.error == "too_many_attempts"


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_what_attempts_are_counted_by(address: str, source: str) -> None:
    assert source_of(address) == source


# --- what it costs -----------------------------------------------------------


async def test_a_thousand_attempts_cost_ten_hashes_through_several_workers(
    store: Callable[[], SharedState],
) -> None:
    compare = Counting()
    refused: list[Denied] = []
    async with workers(3, store, compare) as doors:

        async def attack(number: int) -> None:
            for at in range(50):
                found = await doors[at % 3].attempt(
                    f"guess {number} {at}",
                    name="admin" if at % 2 else f"user{at}",
                    address=f"192.0.2.{(number + at) % 40}",
                )
                assert found is not None
                refused.append(found)

        async with create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(attack, number)
    assert len(refused) == 1000
    assert 1 <= len(compare.asked) <= ALTOGETHER
    assert sum(each.error == "invalid_credentials" for each in refused) == len(compare.asked)


async def test_one_address_gets_five_through_several_workers(
    store: Callable[[], SharedState],
) -> None:
    compare = Counting()
    async with workers(2, store, compare) as doors:
        for at in range(30):
            assert await doors[at % 2].attempt(address=f"2001:db8::{at:x}") is not None
        assert len(compare.asked) == PER_ADDRESS
        assert await doors[0].attempt("right", address="192.0.2.1") is None
        # Which address is known is known to all.
        for at in range(30):
            await doors[at % 2].attempt(address=f"203.0.113.{at}")
        assert await doors[1].attempt("right", address="192.0.2.1") is None


async def test_two_hashes_at_a_time_a_few_wait_and_the_rest_is_refused_at_once() -> None:
    running, most, lock = 0, 0, threading.Lock()
    go_on = threading.Event()

    def meanwhile() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go_on.wait(20)
        with lock:
            running -= 1

    passwords = Passwords(Counting(meanwhile))
    found: list[bool | Denied] = []

    async def one() -> None:
        try:
            found.append(await passwords.fits("right", HASH, known=True))
        except Denied as exc:
            found.append(exc)

    many = AT_ONCE + WAITING + 5
    with anyio.fail_after(30):
        async with create_task_group() as tasks:
            for _ in range(many):
                tasks.start_soon(one)
            while len(found) < 5:  # noqa: ASYNC110 - refused without waiting for a thread
                await anyio.sleep(0.001)
            assert {each.error for each in found if isinstance(each, Denied)} == {"busy"}
            while running < AT_ONCE:  # noqa: ASYNC110 - of threads
                await anyio.sleep(0.001)
            go_on.set()
    assert [each for each in found if not isinstance(each, Denied)] == [True] * (AT_ONCE + WAITING)
    assert most == AT_ONCE


async def test_an_attempt_that_was_refused_for_want_of_room_does_not_count() -> None:
    class Full(Passwords):
        async def fits(self, password: str, hash: str, *, known: bool) -> bool:
            raise Denied(429, "busy", "busy")

    sharing = Sharing(Health(), Health(), Limits(), ResponseStore())
    full = SignIn(sharing, passwords=Full(), clock=time.time)
    for _ in range(PER_ADDRESS + 3):
        with pytest.raises(Denied, match="busy"):
            await full.check(("admin", "right"), ("admin", HASH), address="192.0.2.1")
    assert await Door(sharing, Counting()).attempt("right") is None
