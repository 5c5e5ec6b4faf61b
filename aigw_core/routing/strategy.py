"""The order among equal targets. Each strategy is a function of targets and state.

=================  ==========================================================
round-robin        in turn
weighted           in turn, by ``weight``
fill-first         in the order of the configuration
least-in-flight    the fewest running requests for their ``weight``, then in turn
lowest-latency     the quicker of two that are drawn by lot, then by speed
sticky-key         always the same for a client key
sticky-session     always the same for a session
sticky-prefix      always the same for the beginning of a conversation
=================  ==========================================================

The sticky ones keep prompt caches warm. They hash target and value (rendezvous), so
that a target that leaves moves only its own; a request without a value takes turns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import log

from msgspec import Struct

from aigw_core.health import Health
from aigw_core.routing.balance import Balance
from aigw_core.routing.target import Target


class Draw(Struct, frozen=True):
    """What an order may depend on beside the targets."""

    name: str
    """The model that is looked for."""
    health: Health
    balance: Balance
    roll: float
    """A random number in [0, 1)."""
    sticky: str | None = None
    """What sticks: a key, a session, a hash of a conversation's beginning."""


Scores = list[float]
"""One for each target; the lowest is first."""

Strategy = Callable[[Sequence[Target], Draw], Scores]


def _round_robin(targets: Sequence[Target], draw: Draw) -> Scores:
    return draw.balance.positions(draw.name, targets)


def _fill_first(targets: Sequence[Target], draw: Draw) -> Scores:
    return [float(target.credential.position) for target in targets]


def _least_in_flight(targets: Sequence[Target], draw: Draw) -> Scores:
    in_flight = draw.health.in_flight
    turns = draw.balance.positions(draw.name, targets)
    last = max(turns, default=0.0) - min(turns, default=0.0) + 1.0
    first = min(turns, default=0.0)
    # A whole request weighs more than any difference of turns.
    return [
        in_flight(target.credential.id) / target.credential.weight + (turn - first) / last * 1e-6
        for target, turn in zip(targets, turns, strict=True)
    ]


def _lowest_latency(targets: Sequence[Target], draw: Draw) -> Scores:
    # Without a time a target counts as quick: it has to be tried to have one.
    scores = [draw.balance.seconds(target) or 0.0 for target in targets]
    count = len(targets)
    if count > 2:
        pairs = count * (count - 1)
        drawn = min(int(draw.roll * pairs), pairs - 1)
        one, other = divmod(drawn, count - 1)
        other += other >= one
        winner = one if scores[one] <= scores[other] else other
        scores[winner] -= max(scores) + 1.0
    return scores


def _sticky(targets: Sequence[Target], draw: Draw) -> Scores:
    if draw.sticky is None:
        return _round_robin(targets, draw)
    value, number = _number(draw.sticky), _number
    # Exponential by the weight, so that shares follow the weights.
    return [
        -log((((value ^ number(each.credential.id)) * _MIX & _ALL) + 1) / (_ALL + 2))
        / each.credential.weight
        for each in targets
    ]


@lru_cache(maxsize=1024)
def _number(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


_ALL = 2**64 - 1
_MIX = 0xD6E8FEB86659FD93  # odd, and half of its bits are set: each bit moves many


STRATEGIES: Mapping[str, Strategy] = {
    "round-robin": _round_robin,
    "weighted": _round_robin,
    "fill-first": _fill_first,
    "least-in-flight": _least_in_flight,
    "lowest-latency": _lowest_latency,
    "sticky-key": _sticky,
    "sticky-session": _sticky,
    "sticky-prefix": _sticky,
}


def scores(strategy: str, targets: Sequence[Target], draw: Draw) -> Scores:
    """A score for each target; the lowest is to be tried first, the first of equals."""
    return STRATEGIES[strategy](targets, draw)


def step(strategy: str, target: Target) -> float:
    """The weight by which a use of ``target`` counts."""
    return 1.0 if strategy == "round-robin" else float(target.credential.weight)
