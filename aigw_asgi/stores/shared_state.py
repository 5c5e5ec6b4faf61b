"""What several processes of one gateway decide by: the protocol of shared state.

A store keeps what keys have used, which targets rest, the answers that clients may
come back to, and marks (:mod:`aigw_core.marks`); it passes news on, and knows which
processes ("nodes") there are. It is a keeper, not a judge: what to do when it is lost, and
what else to remember, is for :class:`~aigw_asgi.sharing.Sharing`, the only one who uses it.

All times are Unix seconds by the store's own clock where it has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from anyio.abc import TaskGroup
from msgspec import Struct

from aigw_core.config.snapshot import ClientKey
from aigw_core.limits import Refusal
from aigw_core.marks import Mark
from aigw_core.response_store import StoredResponse

GONE_AFTER = 5.0
"""Seconds without a report after which a node counts as gone, and what its requests held
as given back."""

TOLD = "revoked:"
"""Marks whose names begin so are told to all nodes, since each needs them with every
request."""


class StoreLost(Exception):
    """The store cannot be reached, does not answer in time, or cannot do what it should.
    Its text says why, without a secret."""


class Grant(Struct, frozen=True, gc=False):
    """Room for one request, given by a store. To be settled once."""

    key: str
    """Its identifier."""
    weight: int
    estimate: float
    tokens: float
    """What is held for it."""
    allowed: int | None
    """Tokens in a minute, as they were then."""


class Settled(Struct, frozen=True, gc=False):
    """A request that is over, and the tokens that it used."""

    grant: Grant
    actual: int


class Held(Struct, frozen=True, gc=False):
    """What the requests of one node hold of one key."""

    running: int
    tokens: float


# --- news --------------------------------------------------------------------


class RestNews(Struct, frozen=True, tag="rest", array_like=True):
    """A target rests, or rests no more."""

    credential: str
    model: str
    """Empty: all models of the credential."""
    counting: bool
    """For endpoints that count tokens, which vendors limit apart."""
    until: float = 0.0
    """0: nothing is held against it any more."""
    cause: str = ""
    limited: bool = False
    faults: int = 0
    named: bool = False


class ReloadNews(Struct, frozen=True, tag="reload", array_like=True):
    """Somebody asked a node, and means all of them, to read its configuration again."""


class ForgottenNews(Struct, frozen=True, tag="forgotten", array_like=True):
    """A stored answer was deleted by its owner."""

    owner: str
    id: str


class MarkNews(Struct, frozen=True, tag="mark", array_like=True):
    """A mark that is told was set, or unset."""

    name: str
    until: float = 0.0
    """0: it is not set any more."""


News = RestNews | ReloadNews | ForgottenNews | MarkNews

Hear = Callable[[News], None]


# --- nodes -------------------------------------------------------------------


class NodeReport(Struct, frozen=True):
    """What a node says of itself, once a second."""

    id: str
    group: str
    """The same for the workers of one supervisor, which are counted together."""
    worker: int
    pid: int
    host: str
    version: str
    """Of the program."""
    config: str
    """The label of the snapshot in force."""
    started: float
    draining: bool = False
    metrics: bytes = b""
    """Its counters; see :mod:`aigw_core.metrics`."""
    seen: float = 0.0
    """When the store got it. A node of this group that is gone is still told of, for its
    counters."""

    def alive(self, now: float) -> bool:
        return now - self.seen < GONE_AFTER


class SharedState(Protocol):
    """A store. Every method but ``aclose`` raises ``StoreLost``, after at most the time
    that its implementation names; the next call may find it again."""

    @property
    def kind(self) -> str:
        """``sqlite`` or ``redis``."""
        ...

    @property
    def alone(self) -> bool:
        """No other process uses it: nobody has to be listened to, and nothing asked for
        before a request goes on."""
        ...

    def enter(self, tasks: TaskGroup) -> None:
        """Called before all else: what it does beside its calls, it may do in ``tasks``,
        which it never makes fail."""
        ...

    async def open(self, node: str, held: Mapping[str, Held]) -> None:
        """Connect, as the node of that identifier, whose requests hold so much of each key
        just now: that replaces what the store knew of it. From here on news is collected for
        ``listen``."""
        ...

    async def aclose(self) -> None:
        """Leave; what the node held is given back."""
        ...

    async def reserve(self, key: ClientKey, tokens: int, weight: int) -> Grant | Refusal:
        """As :meth:`aigw_core.limits.Limits.reserve`, for all nodes together."""
        ...

    async def settle(self, settled: Sequence[Settled]) -> None: ...

    async def tell(self, news: Sequence[News]) -> None:
        """Pass news on to the other nodes; rests are remembered for those to come."""
        ...

    async def rests(self) -> list[RestNews]:
        """All rests that are known and not over."""
        ...

    async def listen(self, hear: Hear) -> None:
        """Pass what other nodes tell to ``hear``, within 100 ms, until cancelled. What was
        told before it was called may come, or not: ask for ``rests`` after it has begun."""
        ...

    async def mark(self, name: str, until: float) -> bool:
        """Set a mark if it is not set; whether it was not. As one step, with telling the
        other nodes where it is one that is told."""
        ...

    async def unmark(self, names: Sequence[str]) -> None:
        """Have them not set, and tell so where they are told."""
        ...

    async def marks(self, prefix: str) -> list[Mark]:
        """Those that are set and whose names begin with ``prefix``, which holds all of the
        kind."""
        ...

    async def put_response(self, owner: str, stored: StoredResponse) -> None:
        """As :meth:`aigw_core.response_store.ResponseStore.put`."""
        ...

    async def response(self, owner: str, id: str) -> StoredResponse | None: ...

    async def remove_response(self, owner: str, id: str) -> bool: ...

    async def report(self, mine: NodeReport) -> list[NodeReport]:
        """Say that this node is there; gives the last reports of all nodes that are, and
        of those of the same group that were."""
        ...
