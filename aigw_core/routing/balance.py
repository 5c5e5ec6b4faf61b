"""How load has been spread: whose turn it is, and how quick each target was.

Turns are kept by stride: each use of a target moves it back by ``1 / weight``, and the
one that is furthest in front is next. With equal weights that is a round-robin whose
counts never differ by more than one; a target that was away does not catch up.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from aigw_core.routing.target import Target

MAX_KEYS = 1024
"""Names whose turns are kept, and targets whose speed is; the oldest are forgotten."""

ALPHA = 0.3
"""Weight of the newest time in the average."""


class _Turns(Struct):
    front: float = 0.0
    """Where the last choice stood."""
    at: dict[str, float] = {}
    """By credential."""


class Balance:
    """The one owner of turns and speeds. Identifiers are stable over reloads."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turns] = {}
        self._seconds: dict[tuple[str, str], float] = {}

    def __repr__(self) -> str:
        return f"<Balance names={len(self._turns)} speeds={len(self._seconds)}>"

    def positions(self, name: str, targets: Sequence[Target]) -> list[float]:
        """How far back each of ``targets`` stands for the model ``name``."""
        turns = self._turns.get(name)
        if turns is None:
            return [0.0] * len(targets)
        at, front = turns.at, turns.front
        stands = [at.get(target.credential.id, front) for target in targets]
        return [front if stand < front else stand for stand in stands]

    def used(self, target: Target, weight: float, *, first: bool) -> None:
        """A request goes to ``target``. ``first``: it was the choice among all, not
        what a failure left."""
        turns = self._turns.pop(target.requested, None) or _Turns()
        self._turns[target.requested] = turns
        if len(self._turns) > MAX_KEYS:
            del self._turns[next(iter(self._turns))]
        identifier = target.credential.id
        stood = max(turns.at.get(identifier, turns.front), turns.front)
        if first:
            turns.front = stood
        turns.at[identifier] = stood + 1 / weight
        if len(turns.at) > MAX_KEYS:
            del turns.at[next(iter(turns.at))]

    def answered(self, target: Target, seconds: float) -> None:
        """The first content of an answer took ``seconds``."""
        key = (target.credential.id, target.model)
        known = self._seconds.pop(key, None)
        mean = seconds if known is None else known + ALPHA * (seconds - known)
        self._seconds[key] = mean
        if len(self._seconds) > MAX_KEYS:
            del self._seconds[next(iter(self._seconds))]

    def seconds(self, target: Target) -> float | None:
        """The moving average until the first content; ``None`` before any answer."""
        return self._seconds.get((target.credential.id, target.model))
