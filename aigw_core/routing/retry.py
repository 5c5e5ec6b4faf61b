"""What a failed attempt means: for the next attempt, and for the target's health."""

from __future__ import annotations

from enum import Enum, auto

from msgspec import Struct

from aigw_core.config.snapshot import RetryPolicy
from aigw_core.errors import ErrorKind, Failure
from aigw_core.wire_request import FailureKind

MAX_RETRY_AFTER = 3600.0
"""Seconds; a longer wait that an upstream names is cut to this."""

_AUTH_COOLDOWN = 1800.0
_MODEL_COOLDOWN = 600.0

_BACKOFF_BASE = 0.1
_BACKOFF_CAP = 2.0


class Scope(Enum):
    """Whose fault a failure is, and so what rests."""

    NOBODY = auto()
    MODEL = auto()
    """This model at this credential."""
    CREDENTIAL = auto()


class Verdict(Struct, frozen=True, gc=False):
    """What to do about a failed attempt."""

    retry: bool
    """Another attempt may do better."""
    same_target: bool
    """Even at the same target, after a pause."""
    pause: bool
    """Wait a little before another target, too."""
    scope: Scope
    cooldown: float
    """Seconds the target rests; 0 = not at all."""
    limited: bool = False
    """It rests because of a limit that the vendor set: no use trying earlier."""
    named: bool = False
    """The vendor said how long."""


_FINAL = Verdict(retry=False, same_target=False, pause=False, scope=Scope.NOBODY, cooldown=0.0)


def classify(failure: Failure, policy: RetryPolicy) -> Verdict:
    """Judge a failure of an attempt that the client has seen nothing of."""
    kind = failure.kind
    if kind is ErrorKind.RATE_LIMIT:
        rest = _named_or(failure, policy.cooldown_429)
        named = failure.retry_after is not None
        return Verdict(True, False, False, Scope.MODEL, rest, limited=True, named=named)
    if kind in (ErrorKind.UPSTREAM_AUTH, ErrorKind.BILLING):
        # 403 is often about one model or region, 401 and 402 never are.
        scope = Scope.MODEL if failure.status == 403 else Scope.CREDENTIAL
        return Verdict(True, False, False, scope, _AUTH_COOLDOWN)
    if kind is ErrorKind.NOT_FOUND:
        return Verdict(True, False, False, Scope.MODEL, _MODEL_COOLDOWN)
    if failure.status is not None and kind in (ErrorKind.OVERLOADED, ErrorKind.UPSTREAM):
        rest = _named_or(failure, policy.cooldown_5xx)
        return Verdict(True, True, True, Scope.CREDENTIAL, rest)
    if kind is ErrorKind.OVERLOADED:
        # An overload inside a stream is the vendor's state, not the key's.
        return Verdict(True, True, True, Scope.MODEL, _named_or(failure, policy.cooldown_5xx))
    if kind in (ErrorKind.UPSTREAM_MALFORMED, ErrorKind.UPSTREAM_TRUNCATED):
        return Verdict(True, True, True, Scope.MODEL, policy.cooldown_network)
    if kind in (ErrorKind.UPSTREAM, ErrorKind.TIMEOUT, ErrorKind.INTERNAL):
        # A certificate does not get better by asking again.
        again = failure.code != FailureKind.TLS
        return Verdict(True, again, False, Scope.CREDENTIAL, policy.cooldown_network)
    return _FINAL


def _named_or(failure: Failure, default: float) -> float:
    if failure.retry_after is None or default == 0:
        return default
    return min(max(failure.retry_after, 1.0), MAX_RETRY_AFTER)


def backoff(attempts: int, policy: RetryPolicy, roll: float) -> float:
    """Seconds before the next attempt, after ``attempts`` of them: full jitter over
    a doubling span. ``roll`` is a random number in [0, 1)."""
    span = min(_BACKOFF_BASE * 2.0 ** (attempts - 1), _BACKOFF_CAP, policy.max_backoff)
    return span * roll
