"""Answers that clients may come back to, with the conversations that led to them.

In memory, bounded, and apart for each owner: what one client stored does not exist
for another. What is not used for a while is forgotten, and what was used least
recently goes first when there is no room. Losing an entry is normal: its identifier
is then as unknown as one that never was.

Owners are the gateway's own client keys, so there are few of them.
"""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

_OVERHEAD = 256
_ITEM_OVERHEAD = 64
"""Bytes that an entry and each of its items take beside their content, roughly."""


class Bounds(Struct, frozen=True, gc=False):
    total: int = 256 << 20
    """Bytes, for everything."""
    owner: int = 64 << 20
    """Bytes, for one owner."""
    entry: int = 16 << 20
    """Bytes; a larger conversation is not stored."""
    entries: int = 4096
    """How many one owner may have."""
    idle: float = 24 * 3600.0
    """Seconds without use after which an entry is forgotten."""


class StoredResponse(Struct, frozen=True):
    """One answer."""

    id: str
    body: bytes
    """As the client got it."""
    items: tuple[bytes, ...]
    """The whole conversation: what was asked, from the beginning, and the answer."""

    @property
    def size(self) -> int:
        """Bytes. Items that entries share are counted in each."""
        items = sum(map(len, self.items)) + _ITEM_OVERHEAD * len(self.items)
        return _OVERHEAD + len(self.body) + items


class _Entry(Struct):
    stored: StoredResponse | None
    """``None``: two different answers had this identifier, so it names neither."""
    size: int
    used: float


class ResponseStore:
    """The one owner of stored answers. ``now`` is in monotonic seconds."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        # Both in the order of last use, which is also the order of expiry.
        self._all: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._owned: dict[str, OrderedDict[str, None]] = {}
        self._sizes: dict[str, int] = {}
        self.size = 0
        """Bytes in use."""

    def __repr__(self) -> str:
        return f"<ResponseStore entries={len(self._all)} size={self.size}>"

    def __len__(self) -> int:
        return len(self._all)

    def put(self, owner: str, stored: StoredResponse, now: float) -> bool:
        """Keep an answer; whether it was.

        An identifier that comes a second time with another conversation is of use to
        nobody, and neither conversation is kept: some servers number every answer alike.
        """
        self._expire(now)
        key = (owner, stored.id)
        known = self._all.get(key)
        entry = _Entry(stored, stored.size, now)
        if known is not None:
            if known.stored != stored:
                entry = _Entry(None, _OVERHEAD, now)
            self._forget(key)
        bounds = self._bounds
        if entry.size > min(bounds.entry, bounds.owner, bounds.total) or bounds.entries < 1:
            return False
        owned = self._owned.setdefault(owner, OrderedDict())
        while owned and (
            len(owned) >= bounds.entries or self._sizes[owner] + entry.size > bounds.owner
        ):
            self._forget((owner, next(iter(owned))))
        while self._all and self.size + entry.size > bounds.total:
            self._forget(next(iter(self._all)))
        self._all[key] = entry
        self._owned.setdefault(owner, OrderedDict())[stored.id] = None
        self._sizes[owner] = self._sizes.get(owner, 0) + entry.size
        self.size += entry.size
        return entry.stored is not None

    def get(self, owner: str, id: str, now: float) -> StoredResponse | None:
        """The answer, or ``None`` when ``owner`` has none of that identifier (any more)."""
        self._expire(now)
        key = (owner, id)
        entry = self._all.get(key)
        if entry is None or entry.stored is None:
            return None
        entry.used = now
        self._all.move_to_end(key)
        self._owned[owner].move_to_end(id)
        return entry.stored

    def remove(self, owner: str, id: str, now: float) -> bool:
        """Forget an answer; whether there was one."""
        known = self.get(owner, id, now) is not None
        if known:
            self._forget((owner, id))
        return known

    def _expire(self, now: float) -> None:
        while self._all:
            key, entry = next(iter(self._all.items()))
            if now < entry.used + self._bounds.idle:
                return
            self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        entry = self._all.pop(key)
        owner, id = key
        owned = self._owned[owner]
        del owned[id]
        self._sizes[owner] -= entry.size
        self.size -= entry.size
        if not owned:
            del self._owned[owner], self._sizes[owner]
