"""The route of a request: targets in order, and why the others were rejected.

``plan`` is a pure function of the request's model and format, the snapshot, the
health of the targets, the turn of the round-robin and the time.

How a requested name reaches a credential:

1. A configured rewrite is applied to the name first.
2. A credential with a prefix answers names that start with it, and without
   ``force-model-prefix`` also names that do not.
3. The rest of the name must be a served model: an exact ``id``, an ``alias``
   (which stands for its ``id``), or a glob; a credential without a list serves
   every model. Exclusions hold for the name and for what it stands for.

Order: exact before alias before glob before no list, then the client's own
format, then the strategy.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum

from msgspec import Struct

from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.config.snapshot import Credential, Snapshot
from aigw_core.errors import ErrorKind, Failure, GatewayError
from aigw_core.health import Cooldown, Health
from aigw_core.routing.glob import glob_match, is_glob
from aigw_core.routing.names import close_names, served_names

ECHO = "echo"


class Match(IntEnum):
    """How a name met a credential, best first."""

    EXACT = 0
    ALIAS = 1
    GLOB = 2
    ANY = 3


class Target(Struct, frozen=True):
    """A credential and a model to try there."""

    credential: Credential
    model: str
    """The upstream's name."""
    match: Match


class Rejection(Struct, frozen=True, gc=False):
    """Why a credential is not a target."""

    credential: str
    """Its name."""
    reason: str
    """``credential_disabled``, ``model_not_supported``, ``model_excluded``,
    ``access_denied`` or ``cooldown_active``."""


class RoutePlan(Struct, frozen=True):
    targets: tuple[Target, ...]
    """In the order to try; at least one."""
    rejections: tuple[Rejection, ...] = ()


def plan(
    model: str,
    format: Format,
    caller: Caller,
    snapshot: Snapshot,
    health: Health,
    *,
    turn: int,
    now: float,
) -> RoutePlan:
    """The targets for ``model``. ``turn`` counts requests, for the round-robin.

    Raises:
        GatewayError: the model is unknown (404, with close names), not allowed
            for this key (403), or all its targets rest under a limit (429).
    """
    requested = _rewritten(model, snapshot)
    if not caller.may_use(model):
        raise GatewayError(
            Failure(
                ErrorKind.PERMISSION,
                f"this key may not use the model {model!r}",
                code="model_not_allowed",
            )
        )
    found: list[Target] = []
    rejections: list[Rejection] = []
    for credential in snapshot.credentials:
        target = _resolve(credential, requested, format, caller, snapshot)
        if isinstance(target, Target):
            found.append(target)
        else:
            rejections.append(Rejection(credential.name, target))
    if not found:
        raise _unknown_model(model, snapshot)
    ready: list[Target] = []
    resting: list[tuple[Cooldown, Target]] = []
    for target in found:
        cooldown = health.cooldown(target.credential.id, target.model, now)
        if cooldown is None:
            ready.append(target)
        else:
            resting.append((cooldown, target))
            rejections.append(Rejection(target.credential.name, "cooldown_active"))
    if not ready:
        ready = _least_bad(resting, now)
    return RoutePlan(tuple(_ordered(ready, format, snapshot.strategy, turn)), tuple(rejections))


def _rewritten(model: str, snapshot: Snapshot) -> str:
    for pattern, to in snapshot.model_rewrites:
        if glob_match(pattern, model):
            return to
    return model


def _resolve(
    credential: Credential,
    model: str,
    format: Format,
    caller: Caller,
    snapshot: Snapshot,
) -> Target | str:
    if credential.disabled:
        return "credential_disabled"
    if not caller.may_reach(credential.name, credential.provider):
        return "access_denied"
    if credential.provider == ECHO:
        return _resolve_echo(credential, model, format)
    name = model
    if credential.prefix:
        if model.startswith(credential.prefix):
            name = model[len(credential.prefix) :]
        elif snapshot.force_model_prefix:
            return "model_not_supported"
    match, upstream = _served(credential, name)
    if match is None:
        return "model_not_supported"
    if any(
        glob_match(pattern, name) or glob_match(pattern, upstream)
        for pattern in credential.excluded_models
    ):
        return "model_excluded"
    return Target(credential, upstream, match)


def _served(credential: Credential, name: str) -> tuple[Match | None, str]:
    if not name:
        return None, name
    if not credential.models:
        return Match.ANY, name
    best: tuple[Match | None, str] = (None, name)
    for served in credential.models:
        if served.id == name:
            return Match.EXACT, name
        if served.alias == name and best[0] in (None, Match.GLOB):
            best = (Match.ALIAS, served.id)
        elif best[0] is None and any(
            glob_match(pattern, name)
            for pattern in (served.id, served.alias or "")
            if is_glob(pattern)
        ):
            best = (Match.GLOB, name)
    return best


def _resolve_echo(credential: Credential, model: str, format: Format) -> Target | str:
    # The built-in models speak every format. Without a choice (echo@messages) they
    # speak one that is not the client's, so that an answer crosses the translator.
    name, at, wanted = model.partition("@")
    if not any(served.id == name for served in credential.models):
        return "model_not_supported"
    if not at:
        wanted = Format.CHAT if format is Format.MESSAGES else Format.MESSAGES
    return (
        Target(credential, name, Match.EXACT)
        if wanted == credential.format
        else "model_not_supported"
    )


def _unknown_model(model: str, snapshot: Snapshot) -> GatewayError:
    close = close_names(model, served_names(snapshot))
    hint = f"; did you mean {' or '.join(repr(name) for name in close)}?" if close else ""
    if not snapshot.credentials:
        hint = "; no provider is configured"
    return GatewayError(
        Failure(
            ErrorKind.NOT_FOUND,
            f"the model {model!r} is not served here{hint}",
            code="model_not_found",
            param="model",
        )
    )


def _least_bad(resting: Collection[tuple[Cooldown, Target]], now: float) -> list[Target]:
    # A target that rests after a fault may have recovered: trying it beats failing.
    # One that rests under a limit has not: the vendor said when.
    free = [(cooldown, target) for cooldown, target in resting if not cooldown.limited]
    if free:
        return [target for _, target in sorted(free, key=lambda pair: pair[0].until)]
    soonest = min(cooldown.until for cooldown, _ in resting)
    raise GatewayError(
        Failure(
            ErrorKind.RATE_LIMIT,
            "every credential for this model is at its limit",
            code="rate_limit_exceeded",
            retry_after=max(soonest - now, 1.0),
        )
    )


def _ordered(targets: list[Target], format: Format, strategy: str, turn: int) -> list[Target]:
    groups: dict[tuple[int, int, bool], list[Target]] = {}
    for target in targets:
        key = (
            -target.credential.priority,
            int(target.match),
            target.credential.format is not format,
        )
        groups.setdefault(key, []).append(target)
    ordered: list[Target] = []
    for key in sorted(groups):
        group = groups[key]
        start = turn % len(group) if strategy == "round-robin" else 0
        ordered += group[start:] + group[:start]
    return ordered
