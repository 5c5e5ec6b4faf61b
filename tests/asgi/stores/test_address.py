"""What the URL of a Redis server says."""

from __future__ import annotations

import pytest

from aigw_asgi.stores.redis.address import Address, read_address
from aigw_core.config.secret import Secret


@pytest.mark.parametrize(
    ("url", "shown", "address"),
    [
        ("redis://h", "redis://h:6379/0", Address("h", 6379, "", 0, False, None, None)),
        (
            "rediss://user:p%40ss@cache.example:6380/12",
            "rediss://cache.example:6380/12",
            Address("cache.example", 6380, "", 12, True, "user", Secret("p@ss")),
        ),
        (
            "REDIS://:pw@[::1]:1/",
            "redis://[::1]:1/0",
            Address("::1", 1, "", 0, False, None, Secret("pw")),
        ),
        (
            "unix:///run/a%20b/redis.sock?db=3",
            "unix:///run/a b/redis.sock?db=3",
            Address("", 6379, "/run/a b/redis.sock", 3, False, None, None),
        ),
        (
            "unix://:pw@/run/redis.sock",
            "unix:///run/redis.sock?db=0",
            Address("", 6379, "/run/redis.sock", 0, False, None, Secret("pw")),
        ),
    ],
)
def test_urls(url: str, shown: str, address: Address) -> None:
    found = read_address(Secret(url))
    assert found == address
    assert str(found) == shown
    assert "pw" not in repr(found)
    assert "p@ss" not in repr(found)
