"""What clients may ask for, and what they get: every name and every pattern of names."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from aigw_asgi.dashboard.operation import Shape
from aigw_core.chat import Format
from aigw_core.routing.chain import rewritten
from aigw_core.routing.glob import glob_match, is_glob
from aigw_core.routing.target import ECHO

if TYPE_CHECKING:
    from aigw_asgi.state import GatewayState
    from aigw_core.config.snapshot import Credential, Price, ServedModel, Snapshot

MAX_KNOWN = 5000
"""Names that patterns are tried on."""


class ModelPrice(Shape, frozen=True, kw_only=True):
    """USD for a million tokens."""

    input: float
    output: float
    cache_read: float
    cache_write: float


class Capabilities(Shape, frozen=True, kw_only=True):
    """What the configuration says that a model can do; nothing is guessed by its name."""

    stream: bool
    tools: bool
    parallel_tools: bool
    json_schema: bool
    reasoning: str
    """``none``, ``default``: as the format usually has it, or how it is asked for."""
    max_output: int | None
    """Tokens; ``None``: not said."""


class ModelTarget(Shape, frozen=True, kw_only=True):
    """A credential that serves a name."""

    id: str
    credential: str
    provider: str
    format: str
    model: str
    """What the upstream is asked for."""
    match: str
    """``exact``, ``alias``, ``glob``, or ``any``: the credential serves whatever is asked."""
    priority: int
    weight: int
    standing: str
    """``ok``, ``cooling``, ``probation`` or ``disabled``."""
    until: int | None
    """Unix milliseconds: when its rest ends."""


class ModelWarning(Shape, frozen=True, kw_only=True):
    code: str
    """``shadowed``, ``unmatched``, ``chained``, ``excluded`` or ``disabled``."""
    message: str


class ModelRow(Shape, frozen=True, kw_only=True):
    """A name, or a pattern of names."""

    name: str
    kind: str
    """``exact``, ``alias``, ``glob``, ``prefix``: a name with a credential's prefix,
    ``rewrite``: another name takes its place, ``any``: whatever is asked, or ``echo``."""
    resolves_to: tuple[str, ...]
    """The upstreams' names; of a rewrite the other name."""
    targets: tuple[ModelTarget, ...]
    """In the order of routing, before health and balance have their say."""
    capabilities: Capabilities | None
    """Of the first target, as is the next."""
    price: ModelPrice | None
    last_used: int | None
    """Unix milliseconds; ``None``: never, as far as the request log goes back."""
    warnings: tuple[ModelWarning, ...]


class _Served:
    """What the configuration says of one name."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.by: list[tuple[Credential, ServedModel | None]] = []
        self.warnings: list[ModelWarning] = []


def model_rows(state: GatewayState, used: Mapping[str, int | None]) -> tuple[ModelRow, ...]:
    """All of them, by name. ``used`` says when which name was asked for last."""
    snapshot = state.snapshot
    found: dict[str, _Served] = {}
    for credential in snapshot.credentials:
        for name, kind, served in _names(credential, snapshot):
            found.setdefault(name, _Served(kind)).by.append((credential, served))
    known = [*[name for name in found if not is_glob(name)], *used][:MAX_KNOWN]
    rows = [_row(state, name, each, used, known) for name, each in found.items()]
    rows += _rewrites(state, used, known)
    return tuple(sorted(rows, key=lambda row: (row.kind == "echo", row.name)))


def _names(
    credential: Credential, snapshot: Snapshot
) -> Iterator[tuple[str, str, ServedModel | None]]:
    if credential.provider == ECHO:
        yield from ((served.id, "echo", served) for served in credential.models)
        return
    bare = not (credential.prefix and snapshot.force_model_prefix)
    listed: Sequence[tuple[str, str, ServedModel | None]] = [
        (served.alias or served.id, _kind(served), served) for served in credential.models
    ] or [("*", "any", None)]
    for name, kind, served in listed:
        if bare:
            yield name, kind, served
        if credential.prefix:
            yield credential.prefix + name, "prefix", served


def _kind(served: ServedModel) -> str:
    if is_glob(served.alias or served.id):
        return "glob"
    return "exact" if served.alias is None else "alias"


def _row(
    state: GatewayState,
    name: str,
    served: _Served,
    used: Mapping[str, int | None],
    known: Sequence[str],
) -> ModelRow:
    if served.kind == "any" or is_glob(name):
        targets = [
            _target(state, credential, "*" if each is None else each.id, served.kind)
            for credential, each in served.by
        ]
        targets.sort(key=lambda target: -target.priority)
        # What there is an own row for does not count as met.
        others = [other for other in known if glob_match(name, other)]
        if not others and served.kind == "glob":
            served.warnings.append(
                _warning("unmatched", "no name that is known of matches this pattern")
            )
        times = [used[other] for other in others if used.get(other) is not None]
        last = max((at for at in times if at is not None), default=None)
    else:
        targets = list(_resolved(state, name, served))
        last = used.get(name)
    _look_for_shadows(name, served, state.snapshot)
    first = targets[0] if targets else None
    owner = None if first is None else _owner(state.snapshot, first.id)
    return ModelRow(
        name=name,
        kind=served.kind,
        resolves_to=tuple(dict.fromkeys(target.model for target in targets)),
        targets=tuple(targets),
        capabilities=None if owner is None else _capabilities(owner),
        price=None if first is None else _price(state.prices.find(first.model)),
        last_used=last,
        warnings=tuple(served.warnings),
    )


def _resolved(state: GatewayState, name: str, served: _Served) -> Iterator[ModelTarget]:
    """As routing finds them for a client of some format."""
    catalogue = state.router.catalogue
    format = Format.CHAT
    found = catalogue.find(rewritten(name, state.snapshot), format)
    for tier in found.tiers:
        for target in tier:
            yield _target(state, target.credential, target.model, target.match.name.lower())
    if found.tiers:
        return
    reasons = {
        rejection.reason
        for rejection in found.rejections
        if rejection.reason in ("model_excluded", "credential_disabled")
    }
    for credential, each in served.by:
        if credential.disabled:
            yield _target(state, credential, name if each is None else each.id, served.kind)
    if "model_excluded" in reasons:
        message = "every credential that has it excludes it: see excluded-models"
        served.warnings.append(_warning("excluded", message))
    elif "credential_disabled" in reasons:
        message = "every credential that has it is disabled"
        served.warnings.append(_warning("disabled", message))


def _target(state: GatewayState, credential: Credential, model: str, match: str) -> ModelTarget:
    now = time.monotonic()
    rest = state.health.rest(credential.id, model)
    standing, until = "ok", None
    if credential.disabled:
        standing = "disabled"
    elif rest is not None:
        standing = "cooling" if rest.until > now else "probation"
        until = round((time.time() + rest.until - now) * 1000)
    return ModelTarget(
        id=credential.id,
        credential=credential.name,
        provider=credential.provider,
        format=credential.format,
        model=model,
        match=match,
        priority=credential.priority,
        weight=credential.weight,
        standing=standing,
        until=until,
    )


def _owner(snapshot: Snapshot, id: str) -> Credential | None:
    return next((each for each in snapshot.credentials if each.id == id), None)


def _capabilities(credential: Credential) -> Capabilities:
    caps = credential.caps
    return Capabilities(
        stream=True,
        tools=True,
        parallel_tools=caps.parallel_flag,
        json_schema=caps.json_schema,
        reasoning=caps.thinking,
        max_output=caps.max_output,
    )


def _price(price: Price | None) -> ModelPrice | None:
    if price is None:
        return None
    return ModelPrice(
        input=float(price.input),
        output=float(price.output),
        cache_read=float(price.cache_read),
        cache_write=float(price.cache_write),
    )


# --- what is odd -------------------------------------------------------------


def _warning(code: str, message: str) -> ModelWarning:
    return ModelWarning(code=code, message=message)


def _look_for_shadows(name: str, served: _Served, snapshot: Snapshot) -> None:
    to = rewritten(name, snapshot)
    if to != name and not is_glob(name):
        message = f"a rewrite puts {to!r} in its place, so this is never looked for"
        served.warnings.append(_warning("shadowed", message))
    for credential, each in served.by:
        if each is None or each.alias is None:
            continue
        ids = {other.id for other in credential.models if other.alias is None}
        first = next(other for other in credential.models if other.alias == each.alias)
        if each.alias in ids and each.id != each.alias:
            message = f"{credential.name} has a model of that very name, which goes first"
            served.warnings.append(_warning("shadowed", message))
        elif first.id != each.id:
            message = f"{credential.name} has the alias twice; it stands for {first.id!r}"
            served.warnings.append(_warning("shadowed", message))


def _rewrites(
    state: GatewayState, used: Mapping[str, int | None], known: Sequence[str]
) -> Iterator[ModelRow]:
    snapshot = state.snapshot
    for pattern, to in snapshot.model_rewrites:
        # Rules that are never reached, and fallbacks in a circle, are no configuration.
        warnings = []
        again = rewritten(to, snapshot)
        if again != to:
            message = f"who asks for {to!r} gets {again!r}, but not by this: it is one step only"
            warnings.append(_warning("chained", message))
        others = [other for other in known if glob_match(pattern, other)]
        if is_glob(pattern) and not others:
            message = "no name that is known of matches this pattern"
            warnings.append(_warning("unmatched", message))
        found = state.router.catalogue.find(to, Format.CHAT)
        targets = [
            _target(state, target.credential, target.model, target.match.name.lower())
            for tier in found.tiers
            for target in tier
        ]
        owner = _owner(snapshot, targets[0].id) if targets else None
        times = [used[other] for other in others if other in used]
        yield ModelRow(
            name=pattern,
            kind="rewrite",
            resolves_to=(to,),
            targets=tuple(targets),
            capabilities=None if owner is None else _capabilities(owner),
            price=_price(state.prices.find(targets[0].model)) if targets else None,
            last_used=max((when for when in times if when is not None), default=None),
            warnings=tuple(warnings),
        )
