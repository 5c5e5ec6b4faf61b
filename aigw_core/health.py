"""Which targets rest and why, and how many requests each one serves.

Keyed by credential and by (credential, model), with stable identifiers, so that
it survives a reload of the configuration. Times are monotonic seconds.

A rest that is over leaves its target on probation: one request at a time is let
through, until one of them brings an answer. (Not after a limit whose end the vendor
has named.) Failures in a row make rests longer,
but those that were under way when a rest began count only once.

What is found here can be told to others (``listener``), and what others have found is
taken over (``adopt``, ``drop``), so that several processes rest the same targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum, auto

from msgspec import Struct

from aigw_core.errors import ErrorKind
from aigw_core.routing.retry import Scope, Verdict

MAX_MODELS = 256
"""Of one credential, with a rest of their own; the one that ends first is forgotten."""

EJECT_AFTER = 5
"""Faults in a row from which on a rest is at least ``EJECTION``, and grows."""
EJECTION = 30.0
MAX_EJECTION = 300.0
"""Seconds."""

MAX_LIMIT_REST = 900.0
"""Seconds to which rests grow under a limit whose end the vendor does not name."""


class Standing(Enum):
    READY = auto()
    PROBE = auto()
    """Its rest is over; the next request shows whether it has recovered."""
    RESTING = auto()


class Rest(Struct, frozen=True, gc=False):
    """What is held against a target."""

    credential: str
    model: str
    """Empty: all models of the credential."""
    until: float
    """When the rest ends or ended."""
    cause: ErrorKind
    limited: bool
    """The vendor set a limit: using it earlier would only prolong it."""
    faults: int
    """Failures in a row."""
    named: bool = False
    """The vendor said when it ends, so nothing needs to be tried out then."""


class Change(Struct, frozen=True, gc=False):
    """Something was found out about a target here."""

    credential: str
    model: str
    rest: Rest | None
    """``None``: nothing is held against it any more."""


class _Mark(Struct):
    """A rest, and the probation after it."""

    until: float
    cause: ErrorKind
    limited: bool
    named: bool = False
    faults: int = 0
    probing: bool = False
    """The one request of the probation is under way."""


Probation = tuple[_Mark, ...]
"""What one attempt tries out; empty for most."""


class Health:
    """The one owner of rests and in-flight counts."""

    def __init__(self) -> None:
        self.marked: dict[str, dict[str, _Mark]] = {}
        """By credential and model, "" for all its models. Who is not in it is ready."""
        self._in_flight: dict[str, int] = {}
        self.listener: Callable[[Change], None] | None = None
        """Hears of each change, at once, but not of what was taken over."""
        self.witness: Callable[[Change], None] | None = None
        """Hears of each change, at once, also of what was taken over."""

    def __repr__(self) -> str:
        return f"<Health marked={len(self.marked)} in_flight={sum(self._in_flight.values())}>"

    def standing(self, credential: str, model: str, now: float) -> Standing:
        """Whether ``model`` at ``credential`` should be used."""
        standing = Standing.READY
        marks = self.marked.get(credential)
        if marks is None:
            return standing
        for of in ("", model):
            mark = marks.get(of)
            if mark is None:
                continue
            if mark.until > now:
                return Standing.RESTING
            if not mark.named:
                if mark.probing:
                    return Standing.RESTING
                standing = Standing.PROBE
        return standing

    def rest(self, credential: str, model: str) -> Rest | None:
        """What is held against a target; the rest that ends last, if there are two."""
        found = self._marks(credential, model)
        if not found:
            return None
        of, mark = max(found, key=lambda each: each[1].until)
        return _rest(credential, of, mark)

    def rests(self) -> list[Rest]:
        """All that is held against anybody."""
        return [
            _rest(credential, model, mark)
            for credential, marks in self.marked.items()
            for model, mark in marks.items()
        ]

    def failed(
        self, credential: str, model: str, cause: ErrorKind, verdict: Verdict, now: float
    ) -> None:
        """An attempt failed; a rest is never shortened by a later failure."""
        if verdict.scope is Scope.NOBODY or verdict.cooldown <= 0:
            return
        of = model if verdict.scope is Scope.MODEL else ""
        marks = self.marked.setdefault(credential, {})
        mark = marks.get(of)
        if mark is None:
            mark = marks[of] = _Mark(now, cause, verdict.limited)
        if mark.until <= now:
            mark.faults += 1
        until = now + _length(verdict, mark.faults)
        if mark.until < until:
            mark.until, mark.cause = until, cause
            mark.limited, mark.named = verdict.limited, verdict.named
            change = Change(credential, of, _rest(credential, of, mark))
            if self.listener is not None:
                self.listener(change)
            if self.witness is not None:
                self.witness(change)
        self._bound(marks)

    def answered(self, credential: str, model: str) -> None:
        """An answer has come, whatever was thought of the target before."""
        if credential in self.marked:
            self._forget(credential, (model, ""))

    def clear(self, credential: str) -> None:
        """Forget what is held against a credential."""
        self._forget(credential, list(self.marked.get(credential, ())))

    def _forget(self, credential: str, models: Iterable[str]) -> None:
        for model in models:
            if self.drop(credential, model) and self.listener is not None:
                self.listener(Change(credential, model, None))

    def adopt(self, rest: Rest, now: float) -> None:
        """Take over what somebody else found; a rest is never shortened by it."""
        marks = self.marked.setdefault(rest.credential, {})
        mark = marks.setdefault(rest.model, _Mark(now, rest.cause, rest.limited))
        mark.faults = max(mark.faults, rest.faults)
        if mark.until < rest.until:
            mark.until, mark.cause = rest.until, rest.cause
            mark.limited, mark.named = rest.limited, rest.named
            if self.witness is not None:
                self.witness(Change(rest.credential, rest.model, rest))
        self._bound(marks)

    def drop(self, credential: str, model: str) -> bool:
        """Forget a rest that somebody else found to be over; whether there was one."""
        marks = self.marked.get(credential)
        if marks is None or marks.pop(model, None) is None:
            return False
        if not marks:
            del self.marked[credential]
        if self.witness is not None:
            self.witness(Change(credential, model, None))
        return True

    def _bound(self, marks: dict[str, _Mark]) -> None:
        if len(marks) > MAX_MODELS:
            del marks[min(marks, key=lambda each: marks[each].until)]

    def began(self, credential: str, model: str, now: float) -> Probation:
        """An attempt starts. What it tries out is for ``ended``."""
        self._in_flight[credential] = self._in_flight.get(credential, 0) + 1
        if self.standing(credential, model, now) is not Standing.PROBE:
            return ()
        probation = tuple([mark for _, mark in self._marks(credential, model) if not mark.named])
        for mark in probation:
            mark.probing = True
        return probation

    def ended(self, credential: str, probation: Probation) -> None:
        """An attempt is over, after what it was found to be has been told."""
        for mark in probation:
            mark.probing = False
        left = self._in_flight.get(credential, 0) - 1
        if left > 0:
            self._in_flight[credential] = left
        else:
            self._in_flight.pop(credential, None)

    def in_flight(self, credential: str) -> int:
        return self._in_flight.get(credential, 0)

    def _marks(self, credential: str, model: str) -> list[tuple[str, _Mark]]:
        marks = self.marked.get(credential)
        if marks is None:
            return []
        return [(of, mark) for of in ("", model) if (mark := marks.get(of)) is not None]


def _rest(credential: str, model: str, mark: _Mark) -> Rest:
    return Rest(credential, model, mark.until, mark.cause, mark.limited, mark.faults, mark.named)


def _length(verdict: Verdict, faults: int) -> float:
    """Seconds of a rest, after so many failures in a row."""
    if verdict.named:
        return verdict.cooldown
    if verdict.limited:
        grown: float = verdict.cooldown * 2.0 ** min(faults - 1, 10)
        return max(verdict.cooldown, min(grown, MAX_LIMIT_REST))
    over = faults - EJECT_AFTER + 1
    if over <= 0:
        return verdict.cooldown
    return max(verdict.cooldown, min(EJECTION * over, MAX_EJECTION))
