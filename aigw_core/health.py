"""Which targets rest, and how many requests each one serves.

Keyed by credential and by (credential, model), with stable identifiers, so that
it survives a reload of the configuration. Times are monotonic seconds.
"""

from __future__ import annotations

from msgspec import Struct

from aigw_core.errors import ErrorKind
from aigw_core.routing.retry import Scope, Verdict

MAX_KEYS = 4096
"""Resting pairs that are remembered; the one that ends first is forgotten."""


class Cooldown(Struct, frozen=True, gc=False):
    """Why and until when a target rests."""

    until: float
    cause: ErrorKind
    limited: bool
    """The vendor named a limit: using it earlier would only prolong it."""


class Health:
    """The one owner of cooldowns and in-flight counts."""

    def __init__(self) -> None:
        self._cooldowns: dict[tuple[str, str], Cooldown] = {}  # model "" = all models
        self._in_flight: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Health resting={len(self._cooldowns)} in_flight={sum(self._in_flight.values())}>"

    def cooldown(self, credential: str, model: str, now: float) -> Cooldown | None:
        """The rest that ``model`` at ``credential`` is in, or ``None``."""
        longest: Cooldown | None = None
        for key in ((credential, ""), (credential, model)):
            found = self._cooldowns.get(key)
            if found is None:
                continue
            if found.until <= now:
                del self._cooldowns[key]
            elif longest is None or found.until > longest.until:
                longest = found
        return longest

    def failed(
        self, credential: str, model: str, cause: ErrorKind, verdict: Verdict, now: float
    ) -> None:
        """An attempt failed; a rest is never shortened by a later failure."""
        if verdict.scope is Scope.NOBODY or verdict.cooldown <= 0:
            return
        key = (credential, model if verdict.scope is Scope.MODEL else "")
        until = now + verdict.cooldown
        known = self._cooldowns.get(key)
        if known is None or known.until < until:
            self._cooldowns[key] = Cooldown(until, cause, verdict.limited)
        if len(self._cooldowns) > MAX_KEYS:
            del self._cooldowns[min(self._cooldowns, key=lambda each: self._cooldowns[each].until)]

    def succeeded(self, credential: str, model: str) -> None:
        """An attempt succeeded, whatever was thought of the target before."""
        self._cooldowns.pop((credential, model), None)
        self._cooldowns.pop((credential, ""), None)

    def clear(self, credential: str) -> None:
        """Forget what is held against a credential."""
        for key in [key for key in self._cooldowns if key[0] == credential]:
            del self._cooldowns[key]

    def began(self, credential: str) -> None:
        self._in_flight[credential] = self._in_flight.get(credential, 0) + 1

    def ended(self, credential: str) -> None:
        left = self._in_flight.get(credential, 0) - 1
        if left > 0:
            self._in_flight[credential] = left
        else:
            self._in_flight.pop(credential, None)

    def in_flight(self, credential: str) -> int:
        return self._in_flight.get(credential, 0)
