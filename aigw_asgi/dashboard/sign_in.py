"""Signing in by password: what an attempt costs, and how many there may be.

A hash of a password takes a quarter of a second of a core by design. So at most two of
them are computed at a time, a few more wait, and nobody gets to have one computed who
has tried too often: five times in five minutes from one address, ten times altogether
from addresses that nobody has signed in from. Attempts are marks of the shared state, so
that they count for all workers and nodes together.

A wrong name costs what a wrong password does, and gets the same words.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import NoReturn

import anyio
import anyio.to_thread
import bcrypt
from msgspec import Struct

from aigw_asgi.dashboard.denied import Denied
from aigw_asgi.sharing import Sharing

WINDOW = 300.0
"""Seconds that an attempt counts."""

PER_ADDRESS = 5
"""Attempts from one address, or one /64 of IPv6: what one customer gets."""

ALTOGETHER = 10
"""Attempts from all addresses together but those that an operator has signed in from,
which therefore nobody elsewhere can lock out."""

KNOWN_FOR = 30 * 86_400.0
"""Seconds that an address stays known from which somebody signed in."""

AT_ONCE = 2
"""Hashes that are computed at the same time."""

WAITING = 8
"""Further attempts that wait for their turn."""

MAX_PASSWORD = 72
"""Bytes: bcrypt looks at no more, and what is longer must not seem to count."""

_COST = re.compile(r"\$2[abxy]?\$(\d\d)\$")
_DEFAULT_COST = 12


class Passwords:
    """Compares passwords with hashes, without holding up the loop."""

    def __init__(self, compare: Callable[[bytes, bytes], bool] = bcrypt.checkpw) -> None:
        self._compare = compare
        self._limiter = anyio.CapacityLimiter(AT_ONCE)
        self._asked = 0

    def __repr__(self) -> str:
        return f"<Passwords asked={self._asked}>"

    async def fits(self, password: str, hash: str, *, known: bool) -> bool:
        """Whether ``password`` is that of ``hash``. One hash is computed whatever is given;
        where the name is not ``known``, or no password could be so, for nothing.

        Raises:
            Denied: too many wait already (429).
        """
        if self._asked >= AT_ONCE + WAITING:
            raise Denied(
                429, "busy", "too many sign-ins at once; try again in a moment", retry_after=1.0
            )
        raw = password.encode("utf-8", "surrogatepass")
        possible = known and 0 < len(raw) <= MAX_PASSWORD and b"\0" not in raw
        self._asked += 1
        try:
            fits = await anyio.to_thread.run_sync(
                self._compare,
                raw if possible else b"x",
                (hash if possible else _nobodys(hash)).encode(),
                limiter=self._limiter,
            )
        finally:
            self._asked -= 1
        return fits and possible


def _nobodys(hash: str) -> str:
    """A hash that costs as much as ``hash`` to compare with, and that is of no password."""
    cost = _COST.match(hash)
    return f"$2b${_DEFAULT_COST if cost is None else int(cost[1]):02d}${'.' * 53}"


class Attempt(Struct, frozen=True):
    """One that may be made."""

    marks: tuple[str, ...]
    """What counts it."""
    left: int
    """Attempts after it."""


class Attempts:
    """Counts them, from the marks that all processes share."""

    def __init__(self, sharing: Sharing, *, clock: Callable[[], float] = time.time) -> None:
        self._sharing = sharing
        self._clock = clock

    async def begin(self, address: str) -> Attempt:
        """Count one from ``address``, empty if nobody knows it.

        Raises:
            Denied: there were too many (429).
        """
        source = source_of(address)
        mine = await self._take(f"attempt:{source}:", PER_ADDRESS)
        if isinstance(mine, float):
            self._lock(mine)
        name, left = mine
        if await self._is_known(source):
            return Attempt((name,), left)
        everybodys = await self._take("attempts:", ALTOGETHER)
        if isinstance(everybodys, float):
            await self._sharing.unmark([name])
            self._lock(everybodys)
        return Attempt((name, everybodys[0]), min(left, everybodys[1]))

    async def undo(self, attempt: Attempt) -> None:
        """It was not made after all."""
        await self._sharing.unmark(attempt.marks)

    async def succeeded(self, address: str, attempt: Attempt) -> None:
        """Its address begins anew, and is known from now on."""
        source = source_of(address)
        tried = await self._sharing.marks(f"attempt:{source}:")
        await self._sharing.unmark([*{*attempt.marks, *(mark.name for mark in tried)}])
        if source:
            await self._sharing.unmark([f"known:{source}"])
            await self._sharing.mark(f"known:{source}", self._clock() + KNOWN_FOR)

    async def _is_known(self, source: str) -> bool:
        name = f"known:{source}"
        found = await self._sharing.marks(name)
        return bool(source) and any(mark.name == name for mark in found)

    async def _take(self, prefix: str, limit: int) -> tuple[str, int] | float:
        """The name of the mark that counts one more, and how many are left; or in how many
        seconds there may be another."""
        now = self._clock()
        taken = {mark.name: mark.until for mark in await self._sharing.marks(prefix)}
        for number in range(limit):
            name = f"{prefix}{number}"
            if name not in taken and await self._sharing.mark(name, now + WINDOW):
                return name, limit - len({*taken, name})
            taken.setdefault(name, now + WINDOW)
        return max(1.0, min(taken.values()) - now)

    def _lock(self, wait: float) -> NoReturn:
        minutes = max(1, round(wait / 60))
        raise Denied(
            429,
            "too_many_attempts",
            "too many attempts to sign in failed; the next one can be made in"
            f" {minutes} minute{'s' * (minutes > 1)}",
            retry_after=wait,
        )


class SignIn:
    """Signing in by name and password."""

    def __init__(
        self, sharing: Sharing, *, passwords: Passwords | None = None, clock: Callable[[], float]
    ) -> None:
        self._attempts = Attempts(sharing, clock=clock)
        self._passwords = passwords or Passwords()

    async def check(self, given: tuple[str, str], known: tuple[str, str], *, address: str) -> None:
        """Whether the ``given`` name and password are the ``known`` name and those of the
        hash with it; returns if they are.

        Raises:
            Denied: they are not (401), or it was tried too often (429).
        """
        username, password = given
        attempt = await self._attempts.begin(address)
        same = hmac.compare_digest(
            username.encode("utf-8", "surrogatepass"), known[0].encode("utf-8", "surrogatepass")
        )
        try:
            fits = await self._passwords.fits(password, known[1], known=same)
        except Denied:
            await self._attempts.undo(attempt)
            raise
        if not fits:
            raise Denied(401, "invalid_credentials", _wrong(attempt.left), password_set=True)
        await self._attempts.succeeded(address, attempt)


def source_of(address: str) -> str:
    """What attempts are counted by: the address, of IPv6 its first 64 bits. Empty where it
    is not known: all of those count as one."""
    with suppress(ValueError):
        found = ip_address(address.partition("%")[0])
        if not isinstance(found, IPv6Address):
            return str(found)
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Network((int(found) >> 64 << 64, 64)))
    return ""


def _wrong(left: int) -> str:
    wrong = "the name or the password is wrong"
    if not left:
        return f"{wrong}; the next attempt can be made in {WINDOW / 60:.0f} minutes"
    return f"{wrong}; {left} {'attempt is' if left == 1 else 'attempts are'} left"
