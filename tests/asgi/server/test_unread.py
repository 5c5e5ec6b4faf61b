"""Who is dropped when memory runs out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aigw_asgi.server.unread import LEAST, cut_unread


class Transport:
    def __init__(self, unread: int) -> None:
        self._unread = unread
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self._unread

    def abort(self) -> None:
        self.aborted = True


class Connection:
    def __init__(self, unread: int) -> None:
        self.transport = Transport(unread)


def left_by(sizes: list[int], surplus: int) -> list[int]:
    """What those leave unread that are dropped."""
    connections = [Connection(size) for size in sizes]
    count = cut_unread(connections, surplus)
    dropped = [
        size for size, each in zip(sizes, connections, strict=True) if each.transport.aborted
    ]
    assert count == len(dropped)
    return sorted(dropped, reverse=True)


def test_the_largest_go_first_and_no_more_than_need_be() -> None:
    sizes = [3 * LEAST, 9 * LEAST, LEAST, 5 * LEAST]
    assert left_by(sizes, 1) == [9 * LEAST]
    assert left_by(sizes, 9 * LEAST) == [9 * LEAST]
    assert left_by(sizes, 10 * LEAST) == [9 * LEAST, 5 * LEAST]
    assert left_by(sizes, 1 << 40) == sorted(sizes, reverse=True)
    assert left_by(sizes, 0) == []


@given(st.lists(st.integers(0, 4 * LEAST)), st.integers(0, 40 * LEAST))
def test_who_reads_is_never_dropped(sizes: list[int], surplus: int) -> None:
    dropped = left_by(sizes, surplus)
    assert all(size >= LEAST for size in dropped)
    assert sum(dropped[:-1]) < max(surplus, 1)
    stayed = sorted(sizes, reverse=True)[len(dropped) :]
    if sum(dropped) < surplus:
        assert all(size < LEAST for size in stayed)
    elif dropped and stayed:
        assert stayed[0] <= dropped[-1]
