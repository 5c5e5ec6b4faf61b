"""What a client key may still do: requests and tokens in a minute, requests at once.

A rate is kept as a leaky bucket that is used as a meter: the virtual-scheduling form
of the same thing is called GCRA (ITU-T I.371, annex A). What was used fills the bucket,
which holds a minute's worth; it drains at the configured rate. So a key that was idle
may use its whole minute at once, and no more than the rate in the long run.

How many tokens a request takes is known when it is over. Before it is sent, an
estimate is *held*: held tokens take room and do not drain, so that many requests at
once cannot pass where one would not. When the request is over, what it really used
replaces what was held. If that was more, the bucket is overfull and the key waits
until it has drained: an overdraft is paid back. The usual difference between
estimate and truth (most of it is the answer, which nobody can estimate) is learned
for each key and held along with the next estimate.

State is keyed by the key's identifier, so that a reload forgets nothing. ``Limits`` is
that of one process; where several processes are one gateway, a store keeps the same
accounts for all of them.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from aigw_core.config.snapshot import ClientKey
from aigw_core.errors import ConfigError, ErrorKind, Failure, InvalidConfig, ProtocolMisuse

WINDOW = 60.0
"""Seconds whose allowance may be used at once."""

MAX_ACCOUNTS = 4096
"""Keys that are remembered. Beyond it the one that was idle longest is forgotten."""

_SLACK = 1e-9
"""Requests or tokens: what rounding may come to."""

_ROUNDING = 1e-14
"""What it may come to in proportion to the allowance, for the largest of them."""

LEARN = 0.2
"""What one request weighs in the learned difference."""


class Limit(StrEnum):
    """What can be at its end, by the name of its setting."""

    REQUESTS = "requests-per-minute"
    TOKENS = "tokens-per-minute"
    CONCURRENT = "max-concurrent"


class Refusal(Struct, frozen=True, gc=False):
    """Why there is no lease."""

    limit: Limit
    allowed: int
    """What the key may do, in the unit of the limit."""
    wait: float
    """Seconds until there may be room, more than 0."""

    def failure(self, name: str) -> Failure:
        """What the client of the key ``name`` is told."""
        seconds = max(1, math.ceil(self.wait))
        return Failure(
            ErrorKind.RATE_LIMIT,
            f"the key {name!r} is at its limit of {self.allowed} {_UNITS[self.limit]}"
            f" ({self.limit}); try again in {seconds} s",
            code=f"{_field(self.limit)}_exceeded",
            retry_after=float(seconds),
        )


_UNITS = {
    Limit.REQUESTS: "requests in a minute",
    Limit.TOKENS: "tokens in a minute",
    Limit.CONCURRENT: "requests at the same time",
}

BUSY_WAIT = 1.0
"""Seconds to name where only the end of another request makes room."""


class LimitInactive(InvalidConfig):
    """A configured limit limits nothing: a bug of ours, found before it does harm."""

    def __init__(self, problem: str) -> None:
        super().__init__([ConfigError(problem, path="api-keys")])


class Used(Struct, frozen=True, gc=False):
    """How much of its limits a key has used up just now, with what is held for requests that
    run."""

    requests: float
    """0 where there is no such limit, as is the next."""
    tokens: float
    running: int


class Meter(Struct):
    """A bucket that drains. The rate comes with each call, since a reload may change it."""

    filled: float = 0.0
    at: float = 0.0
    """When it was filled so far, in seconds."""

    def level(self, allowed: int, now: float) -> float:
        """What is in it. ``allowed`` drains in a ``WINDOW``."""
        drained = (now - self.at) * allowed / WINDOW
        return max(0.0, self.filled - drained) if drained > 0 else self.filled

    def wait(self, amount: float, allowed: int, now: float) -> float:
        """Seconds until ``amount`` fits; 0 when it does."""
        excess = self.level(allowed, now) + amount - allowed
        return excess * WINDOW / allowed if excess > _SLACK + allowed * _ROUNDING else 0.0

    def add(self, amount: float, allowed: int, now: float) -> None:
        self.filled = self.level(allowed, now) + amount
        self.at = max(now, self.at)


class Account(Struct):
    """What one key has used. Whoever keeps it keeps beside it what is under way: how many
    requests are *running*, and how many tokens are *held* for them.

    All times are seconds of one clock, whichever.
    """

    requests: Meter = msgspec.field(default_factory=Meter)
    tokens: Meter = msgspec.field(default_factory=Meter)
    learned: float = 0.0

    def admit(
        self,
        key: ClientKey,
        tokens: int,
        now: float,
        *,
        weight: int = 1,
        running: int = 0,
        held: float = 0.0,
    ) -> float | Refusal:
        """Let a request in: how many tokens to hold for it, or why not; then nothing was
        used. See :meth:`Limits.reserve`."""
        refusals: list[Refusal] = []
        requests, allowed = key.requests_per_minute, key.tokens_per_minute
        most = key.max_concurrent
        if requests is not None:
            wait = self.requests.wait(weight, requests, now)
            if wait > 0:
                refusals.append(Refusal(Limit.REQUESTS, requests, wait))
        needed = 0.0
        if allowed is not None and tokens > 0:
            needed = min(tokens + self.learned, float(allowed))
            wait = self.tokens.wait(held + needed, allowed, now)
            if wait > 0:
                refusals.append(Refusal(Limit.TOKENS, allowed, wait))
        if most is not None and running + weight > most:
            refusals.append(Refusal(Limit.CONCURRENT, most, BUSY_WAIT))
        if refusals:
            return max(refusals, key=lambda refusal: refusal.wait)
        if requests is not None:
            self.requests.add(weight, requests, now)
        return needed

    def use(self, allowed: int, estimate: float, actual: int, now: float) -> None:
        """A request used ``actual`` tokens, of ``allowed`` ones in a minute."""
        if actual <= 0:
            return
        self.tokens.add(actual, allowed, now)
        surplus = max(0.0, actual - estimate)
        self.learned += (surplus - self.learned) * LEARN


class _Kept(Struct):
    """An account, and what is under way."""

    account: Account = msgspec.field(default_factory=Account)
    allowed_requests: int | None = None
    allowed_tokens: int | None = None
    held: float = 0.0
    running: int = 0

    def idle(self, now: float) -> bool:
        """Forgetting it would lose nothing that limits."""
        requests, tokens = self.allowed_requests, self.allowed_tokens
        account = self.account
        return (
            not self.running
            and (requests is None or not account.requests.level(requests, now))
            and (tokens is None or not account.tokens.level(tokens, now))
        )


class Lease:
    """What one request may use. Give it back to ``Limits.settle``, once."""

    __slots__ = ("_closed", "_estimate", "_kept", "_weight", "tokens")

    def __init__(self, kept: _Kept, weight: int, estimate: float, tokens: float) -> None:
        self._kept = kept
        self._weight = weight
        self._estimate = estimate
        self._closed = False
        self.tokens = tokens
        """What is held for it."""

    def __repr__(self) -> str:
        return f"<Lease tokens={self.tokens:g} closed={self._closed}>"


class Limits:
    """The one owner of what keys have used in this process. ``now`` is in monotonic
    seconds."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[str, _Kept] = OrderedDict()

    def __repr__(self) -> str:
        running = sum(kept.running for kept in self._accounts.values())
        return f"<Limits keys={len(self._accounts)} running={running}>"

    def reserve(
        self, key: ClientKey, tokens: int, now: float, *, weight: int = 1
    ) -> Lease | Refusal:
        """Room for a request, or why there is none; then nothing was used.

        ``tokens`` is an estimate; 0 for a request that uses none, which no limit on
        tokens holds up. One that is larger than the whole allowance counts as all of
        it. ``weight`` is how many requests it is.
        """
        kept = self._find(key.id, now)
        found = kept.account.admit(
            key, tokens, now, weight=weight, running=kept.running, held=kept.held
        )
        if isinstance(found, Refusal):
            return found
        kept.allowed_requests, kept.allowed_tokens = key.requests_per_minute, key.tokens_per_minute
        kept.held += found
        kept.running += weight
        return Lease(kept, weight, tokens, found)

    def settle(self, lease: Lease, actual: int, now: float) -> None:
        """The request is over and used ``actual`` tokens.

        Raises:
            ProtocolMisuse: it was settled before.
        """
        if lease._closed:
            raise ProtocolMisuse("a lease is settled once")
        lease._closed = True
        kept = lease._kept
        kept.running -= lease._weight
        # Exact where nothing is left, so that no rounding piles up.
        kept.held = kept.held - lease.tokens if kept.running else 0.0
        if kept.allowed_tokens is not None:
            kept.account.use(kept.allowed_tokens, lease._estimate, actual, now)

    def used(self, key: ClientKey, now: float) -> Used:
        """What counts against the limits of ``key`` at this moment."""
        kept = self._accounts.get(key.id)
        if kept is None:
            return Used(0.0, 0.0, 0)
        requests, tokens = key.requests_per_minute, key.tokens_per_minute
        account = kept.account
        return Used(
            0.0 if requests is None else account.requests.level(requests, now),
            0.0 if tokens is None else account.tokens.level(tokens, now) + kept.held,
            kept.running,
        )

    def forget(self, id: str) -> None:
        """Forget what the key ``id`` used. Its leases stay good."""
        self._accounts.pop(id, None)

    def _find(self, id: str, now: float) -> _Kept:
        kept = self._accounts.get(id)
        if kept is None:
            kept = self._accounts[id] = _Kept()
            if len(self._accounts) > MAX_ACCOUNTS:
                self._make_room(id, now)
        self._accounts.move_to_end(id)
        return kept

    def _make_room(self, newest: str, now: float) -> None:
        for lossless in (True, False):
            for id, kept in self._accounts.items():
                if id != newest and (kept.idle(now) if lossless else not kept.running):
                    del self._accounts[id]
                    return


def prove(limits: Limits, key: ClientKey, now: float) -> None:
    """Use up each limit of ``key`` on ``limits`` itself, and see the next request refused.

    Done under a name of its own, so that the key keeps all that it may use.

    Raises:
        LimitInactive: it was not refused, or for another reason.
    """
    for limit, alone in _one_by_one(key):
        try:
            _prove_one(limits, alone, limit, now)
        finally:
            limits.forget(alone.id)


def _prove_one(limits: Limits, key: ClientKey, limit: Limit, now: float) -> None:
    allowed: int = getattr(key, _field(limit))
    tokens, weight = (allowed, 1) if limit is Limit.TOKENS else (1, allowed)
    first = limits.reserve(key, tokens, now, weight=weight)
    if isinstance(first, Refusal):
        raise LimitInactive(f"{limit} of the key {key.name!r} lets nothing through")
    second = limits.reserve(key, 1, now)
    limits.settle(first, 0, now)
    if isinstance(second, Lease):
        limits.settle(second, 0, now)
        raise LimitInactive(f"{limit} of the key {key.name!r} is configured and not enforced")
    if second.limit is not limit or second.allowed != allowed:
        raise LimitInactive(f"{limit} of the key {key.name!r} is taken for {second.limit}")


def _one_by_one(key: ClientKey) -> list[tuple[Limit, ClientKey]]:
    """``key`` with one of its limits at a time, under names that no key has."""
    found = []
    for limit in Limit:
        only: dict[str, Any] = {_field(limit): getattr(key, _field(limit))}
        if only[_field(limit)] is not None:
            found.append((limit, ClientKey(f"{key.id}/{limit}", key.name, key.digest, **only)))
    return found


def _field(limit: Limit) -> str:
    return limit.replace("-", "_")
