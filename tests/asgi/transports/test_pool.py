"""Idle connections: who is taken, who is closed."""

from __future__ import annotations

from aigw_asgi.transports.base import MAX_IDLE
from aigw_asgi.transports.pool import IdlePool


class Kept:
    """A connection with no more to it than its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


def make(expiry: float = 4.0) -> tuple[IdlePool[Kept], list[Kept]]:
    closed: list[Kept] = []
    return IdlePool(expiry, closed.append), closed


A, B, C = Kept("a"), Kept("b"), Kept("c")


def test_the_last_used_is_taken_first() -> None:
    pool, closed = make()
    for connection in (A, B, C):
        pool.put("x", connection, 0.0)
    assert [pool.take("x", 1.0) for _ in range(4)] == [C, B, A, None]
    assert closed == []


def test_each_origin_has_its_own() -> None:
    pool, _ = make()
    pool.put("x", A, 0.0)
    assert pool.take("y", 0.0) is None
    assert pool.take("x", 0.0) is A


def test_the_expired_are_closed_and_not_taken() -> None:
    pool, closed = make(4.0)
    pool.put("x", A, 0.0)
    pool.put("x", B, 1.0)
    pool.put("y", C, 2.0)
    assert pool.next_expiry() == 4.0
    pool.expire(4.0)
    assert (closed, pool.next_expiry()) == ([A], 5.0)
    assert pool.take("x", 5.0) is None
    assert closed == [A, B]
    assert pool.take("y", 5.9) is C
    assert pool.next_expiry() is None


def test_the_oldest_gives_way_to_too_many() -> None:
    pool, closed = make()
    connections = [Kept(str(number)) for number in range(MAX_IDLE + 1)]
    for connection in connections:
        pool.put("x", connection, 0.0)
    assert closed == connections[:1]
    assert len(pool) == MAX_IDLE


def test_one_that_closed_by_itself_is_forgotten() -> None:
    pool, closed = make()
    pool.put("x", A, 0.0)
    pool.put("x", B, 0.0)
    pool.remove("x", B)
    pool.remove("x", C)
    pool.remove("y", A)
    assert pool.take("x", 0.0) is A
    assert closed == []


def test_without_expiry_nothing_is_kept() -> None:
    pool, closed = make(0.0)
    pool.put("x", A, 0.0)
    assert (closed, len(pool)) == ([A], 0)


def test_clear_hands_all_over() -> None:
    pool, closed = make()
    pool.put("x", A, 0.0)
    pool.put("y", B, 0.0)
    assert pool.clear() == [A, B]
    assert (len(pool), closed) == (0, [])
