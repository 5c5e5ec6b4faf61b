"""Routing as the API takes and shows it, and as the configuration has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from aigw_asgi.dashboard.edits import put, put_list, value_at
from aigw_asgi.dashboard.operation import Body, Shape
from aigw_asgi.yaml_document import YamlDocument
from aigw_core.config.path import Path
from aigw_core.config.schema import Config, FilterRule, ModelMatch, RawRule, SetRule

if TYPE_CHECKING:
    from aigw_asgi.config_store import Loaded

_Names = tuple[str, ...]

Strategy = Literal[
    "round-robin",
    "weighted",
    "fill-first",
    "least-in-flight",
    "lowest-latency",
    "sticky-key",
    "sticky-session",
    "sticky-prefix",
    "RoundRobin",
    "FillFirst",
]
"""The last two are what the reference calls the first and the third."""

_STRATEGIES = {"RoundRobin": "round-robin", "FillFirst": "fill-first"}


class RewriteRule(Shape, frozen=True, kw_only=True):
    from_: str = field(name="from")
    """A pattern of requested names."""
    to: str


class FallbackRule(Shape, frozen=True, kw_only=True):
    model: str
    """A pattern of requested names."""
    to: _Names


class PinRule(Shape, frozen=True, kw_only=True):
    model: str
    """A pattern of requested names."""
    providers: _Names


class RetryRules(Shape, frozen=True, kw_only=True):
    max_retries: int
    max_backoff_secs: float
    cooldown_429_secs: float
    cooldown_5xx_secs: float
    cooldown_network_secs: float
    bootstrap_retries: int | None
    """Of streams; ``null``: as ``max_retries``."""


class PayloadMatcher(Shape, frozen=True, kw_only=True):
    name: str
    protocol: str | None = None
    from_protocol: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    match: dict[str, Any] = field(default_factory=dict)
    not_match: dict[str, Any] = field(default_factory=dict)
    exist: _Names = ()
    not_exist: _Names = ()


class PayloadEntry(Shape, frozen=True, kw_only=True):
    """One change to translated requests."""

    models: tuple[PayloadMatcher, ...]
    params: Any
    """Paths and values; of ``filter`` paths only."""


class PayloadRule(PayloadEntry, frozen=True, kw_only=True):
    kind: str
    """``default``, ``default-raw``, ``override``, ``override-raw`` or ``filter``."""
    index: int
    """Among those of its kind."""
    source: str
    """Where the configuration has it."""
    line: int | None
    can_match: bool
    """False: no request that can be made meets it."""
    remark: str | None
    """Why."""


class RoutingRules(Shape, frozen=True, kw_only=True):
    """How requests find their way."""

    strategy: str
    request_retry: int
    """As ``retry.max_retries``."""
    max_retry_interval: float
    """As ``retry.max_backoff_secs``."""
    retry: RetryRules
    fallbacks: tuple[FallbackRule, ...]
    model_rewrites: tuple[RewriteRule, ...]
    provider_pins: tuple[PinRule, ...]
    force_model_prefix: bool
    payload: tuple[PayloadRule, ...]
    """In the order in which they are applied."""
    version: str
    """Of the configuration."""


class RewriteIn(Body, frozen=True, kw_only=True):
    from_: str = field(name="from")
    to: str


class FallbackIn(Body, frozen=True, kw_only=True):
    model: str
    to: _Names


class PinIn(Body, frozen=True, kw_only=True):
    model: str
    providers: _Names


class RetryIn(Body, frozen=True, kw_only=True):
    max_retries: int | UnsetType | None = UNSET
    max_backoff_secs: float | UnsetType | None = UNSET
    cooldown_429_secs: float | UnsetType | None = UNSET
    cooldown_5xx_secs: float | UnsetType | None = UNSET
    cooldown_network_secs: float | UnsetType | None = UNSET
    bootstrap_retries: int | UnsetType | None = UNSET


class MatcherIn(Body, frozen=True, kw_only=True):
    name: str
    protocol: str | None = None
    from_protocol: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    match: dict[str, Any] = field(default_factory=dict)
    not_match: dict[str, Any] = field(default_factory=dict)
    exist: _Names = ()
    not_exist: _Names = ()


class PayloadIn(Body, frozen=True, kw_only=True):
    models: tuple[MatcherIn, ...]
    params: dict[str, Any] | _Names
    """Paths and values; of ``filter`` paths only."""


class PayloadLists(Body, frozen=True, kw_only=True):
    """Each list is replaced as a whole."""

    default: tuple[PayloadIn, ...] | UnsetType | None = UNSET
    default_raw: tuple[PayloadIn, ...] | UnsetType | None = UNSET
    override: tuple[PayloadIn, ...] | UnsetType | None = UNSET
    override_raw: tuple[PayloadIn, ...] | UnsetType | None = UNSET
    filter: tuple[PayloadIn, ...] | UnsetType | None = UNSET


class RoutingChange(Body, frozen=True, kw_only=True):
    """What is absent stays; ``null`` goes back to the default. Lists are replaced."""

    strategy: Strategy | UnsetType | None = UNSET
    request_retry: int | UnsetType | None = UNSET
    """As ``retry.max_retries``, which counts if both are there."""
    max_retry_interval: float | UnsetType | None = UNSET
    """As ``retry.max_backoff_secs``, which counts if both are there."""
    retry: RetryIn | UnsetType | None = UNSET
    fallbacks: tuple[FallbackIn, ...] | UnsetType | None = UNSET
    model_rewrites: tuple[RewriteIn, ...] | UnsetType | None = UNSET
    provider_pins: tuple[PinIn, ...] | UnsetType | None = UNSET
    force_model_prefix: bool | UnsetType | None = UNSET
    payload: PayloadLists | UnsetType | None = UNSET


_PLACES: dict[str, Path] = {
    "strategy": ("routing", "strategy"),
    "request_retry": ("retry", "max-retries"),
    "max_retry_interval": ("retry", "max-backoff-secs"),
    "fallbacks": ("fallbacks",),
    "model_rewrites": ("model-rewrites",),
    "provider_pins": ("provider-pins",),
    "force_model_prefix": ("force-model-prefix",),
}

_BOOTSTRAP: Path = ("streaming", "bootstrap-retries")


def apply_rules(document: YamlDocument, change: RoutingChange) -> YamlDocument:
    """``document`` with other routing. Raises ``EditRefused``."""
    for name, path in _PLACES.items():
        value = getattr(change, name)
        if value is UNSET:
            continue
        if isinstance(value, str):
            value = _STRATEGIES.get(value, value)
        document = _written_at(document, path, _plain(value))
    document = _apply_each(document, ("retry",), change.retry)
    return _apply_each(document, ("payload",), change.payload)


def _apply_each(
    document: YamlDocument, path: Path, change: RetryIn | PayloadLists | UnsetType | None
) -> YamlDocument:
    if isinstance(change, UnsetType):
        return document
    if change is None:
        return put(document, path, None)
    for name in change.__struct_fields__:
        value = getattr(change, name)
        if value is not UNSET:
            where = _BOOTSTRAP if name == "bootstrap_retries" else (*path, _written(name))
            document = _written_at(document, where, _plain(value))
    return document


def _written_at(document: YamlDocument, path: Path, value: Any) -> YamlDocument:
    if isinstance(value, list):
        return put_list(document, path, value)
    return put(document, path, value)


def _written(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        kept = {name: each for name, each in fields.items() if each is not None and each != {}}
        return {_written(name): _plain(each) for name, each in kept.items() if each != ()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # as people write it
    return value


def pointer_of(path: Path) -> str | None:
    """Where in a ``RoutingChange`` the value at ``path`` of the configuration came from."""
    if path == _BOOTSTRAP:
        return "/retry/bootstrap_retries"
    for name, place in _PLACES.items():
        if name not in ("request_retry", "max_retry_interval") and path[: len(place)] == place:
            return "".join(f"/{step}" for step in (name, *map(_said, path[len(place) :])))
    if path[:1] in (("retry",), ("payload",)):
        return "".join(f"/{_said(step)}" for step in path)
    return _OLD_POINTERS.get(path)


_OLD_POINTERS: dict[Path, str] = {
    ("request-retry",): "/request_retry",
    ("max-retry-interval",): "/max_retry_interval",
}


def _said(step: str | int) -> str:
    return str(step).replace("-", "_")


def rules_of(loaded: Loaded | None, config: Config, version: str) -> RoutingRules:
    """What is in force. ``loaded`` is ``None`` where there is nothing to read again."""
    retry = config.retry
    return RoutingRules(
        strategy=config.routing.strategy,
        request_retry=retry.max_retries,
        max_retry_interval=retry.max_backoff_secs,
        retry=RetryRules(
            max_retries=retry.max_retries,
            max_backoff_secs=retry.max_backoff_secs,
            cooldown_429_secs=retry.cooldown_429_secs,
            cooldown_5xx_secs=retry.cooldown_5xx_secs,
            cooldown_network_secs=retry.cooldown_network_secs,
            bootstrap_retries=config.streaming.bootstrap_retries,
        ),
        fallbacks=tuple(FallbackRule(model=each.model, to=each.to) for each in config.fallbacks),
        model_rewrites=tuple(
            RewriteRule(from_=each.from_, to=each.to) for each in config.model_rewrites
        ),
        provider_pins=tuple(
            PinRule(model=each.model, providers=each.providers) for each in config.provider_pins
        ),
        force_model_prefix=config.force_model_prefix,
        payload=tuple(_payload(loaded, config)),
        version=version,
    )


def _payload(loaded: Loaded | None, config: Config) -> Iterable[PayloadRule]:
    payload = config.payload
    lists: dict[str, tuple[SetRule | RawRule | FilterRule, ...]] = {
        "default": payload.default,
        "default-raw": payload.default_raw,
        "override": payload.override,
        "override-raw": payload.override_raw,
        "filter": payload.filter,
    }
    document = None if loaded is None else loaded.document
    for kind, rules in lists.items():
        for at, rule in enumerate(rules):
            source = f"payload.{kind}[{at}]"
            # As it is written: what references lead to may be a secret.
            data = {} if document is None else document.data
            written = value_at(data, ("payload", kind, at)) or {}
            remarks = [
                _remark_on(loaded, f"{source}.models[{number}]")
                for number in range(len(rule.models))
            ]
            yield PayloadRule(
                kind=kind,
                index=at,
                models=tuple(
                    _matcher(each, value_at(written, ("models", number)))
                    for number, each in enumerate(rule.models)
                ),
                params=written.get("params"),
                source=source,
                line=None if document is None else document.locate(source)[0],
                can_match=None in remarks,
                remark=None if None in remarks else remarks[0],
            )


def _remark_on(loaded: Loaded | None, source: str) -> str | None:
    if loaded is not None:
        for each in loaded.warnings:
            if each.path.startswith(source):
                return each.message
    return None


def _matcher(match: ModelMatch, written: Any) -> PayloadMatcher:
    written = written if isinstance(written, dict) else {}
    return PayloadMatcher(
        name=match.name,
        protocol=match.protocol,
        from_protocol=match.from_protocol,
        headers=dict(match.headers),
        match=written.get("match") or {},
        not_match=written.get("not-match") or {},
        exist=match.exist,
        not_exist=match.not_exist,
    )
