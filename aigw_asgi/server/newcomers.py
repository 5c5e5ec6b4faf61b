"""Connections that have not sent a first request head yet, counted by address.

A client that opens connections and sends half a head on each pays next to nothing for
them, and each takes a descriptor here until ``head_timeout``. So one address may have
``Limits.newcomers_per_address`` of them; of what is more, those that have waited longest
are closed.

Honest clients come in bursts: a load generator opens a thousand connections at once, and
all are accepted before the first of its heads is read. Their heads follow within
milliseconds, so a connection counts only when it has seen two ticks of the server, one to
two seconds, without one. Age is in ticks and not in seconds because a loop that was held
up has not read what has long been there; it has not ticked either. A burst is never
refused by that, and a slow one is closed down to the limit a moment later: an address holds
at most what it can open in two seconds.

It is the head that counts, not the whole request: what comes behind it is the application's
to want, which asks for a key first, and two hundred uploads over one slow line are honest.

A connection costs an entry in a dict and is looked at once, in its second tick. Requests
cost nothing.

Over TLS a connection comes here after its handshake, which has a deadline of its own. Each
worker counts by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Entries = dict["Newcomer", None]
"""Used as a set that remembers the order."""


class Newcomer(Protocol):
    """A connection."""

    client: tuple[str, int] | None
    entries: Entries | None
    """Ours: where it is kept, ``None``: nowhere."""

    def head_read(self) -> bool:
        """Whether it has sent a whole head, ever."""
        ...

    def turn_away(self) -> None:
        """Close it, with a word if it has begun to speak."""
        ...


def _nobody(address: str) -> bool:
    return False


class Newcomers:
    """Those of one server.

    ``most`` of an address; 0 = no limit. ``exempt`` says of an address that is over the
    limit that many clients come by it: a proxy.
    """

    def __init__(self, most: int, exempt: Callable[[str], bool] = _nobody) -> None:
        self._most = most
        self._exempt = exempt
        self._fresh: Entries = {}
        self._seen: Entries = {}
        """Those that have seen one tick."""
        self._slow: dict[str, Entries] = {}
        """Those that have seen two, by address."""

    def __repr__(self) -> str:
        slow = sum(map(len, self._slow.values()))
        return f"<Newcomers fresh={len(self._fresh) + len(self._seen)} slow={slow}>"

    def came(self, connection: Newcomer) -> None:
        """It was accepted. Say :meth:`gone` when it ends, or is something else."""
        if self._most:
            connection.entries = self._fresh
            self._fresh[connection] = None

    def gone(self, connection: Newcomer) -> None:
        """Forget it; also when nothing is known of it."""
        entries, connection.entries = connection.entries, None
        if entries is not None:
            del entries[connection]

    def tick(self) -> list[Newcomer]:
        """To be called once a second: gives those that are to be closed."""
        due, self._seen, self._fresh = self._seen, self._fresh, {}
        touched: set[str] = set()
        for connection in due:
            connection.entries = None
            if connection.client is None or connection.head_read():
                continue
            address = connection.client[0]
            entries = self._slow.setdefault(address, {})
            connection.entries = entries
            entries[connection] = None
            touched.add(address)
        surplus: list[Newcomer] = []
        for address in touched:
            surplus += self._surplus(address)
        for address in [each for each, entries in self._slow.items() if not entries]:
            del self._slow[address]
        return surplus

    def _surplus(self, address: str) -> list[Newcomer]:
        entries = self._slow[address]
        if len(entries) <= self._most:
            return []
        for connection in [each for each in entries if each.head_read()]:
            self.gone(connection)
        excess = len(entries) - self._most
        if excess <= 0 or self._exempt(address):
            return []
        return [each for each, _ in zip(entries, range(excess), strict=False)]
