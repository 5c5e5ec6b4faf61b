"""How a client key is shown: what it may do, and what it has used."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aigw_asgi.dashboard.changes import version_now
from aigw_asgi.dashboard.operation import Call, Shape
from aigw_asgi.dashboard.problem import not_found
from aigw_asgi.state import GatewayState
from aigw_asgi.stores.request_log import KeyUsage, LogUnavailable, Query, Share
from aigw_core.config.snapshot import ClientKey, Snapshot

_HOUR = 3_600_000

_Names = tuple[str, ...]


class KeyToday(Shape, frozen=True, kw_only=True):
    """What a key has used since midnight (UTC)."""

    requests: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost: float
    """USD, of requests with a known price."""


class KeyNow(Shape, frozen=True, kw_only=True):
    """What counts against the limits of a key at this moment, with what is held for requests
    that run."""

    requests: float
    """Of the last minute, as they drain away; 0 without such a limit, as is the next."""
    tokens: float
    concurrent: int


class AuthKey(Shape, frozen=True, kw_only=True):
    """A key, as far as it may be shown. Times are Unix milliseconds."""

    id: str
    name: str
    key_masked: str
    created: int | None
    """``null``: the configuration does not say."""
    expires_at: int | None
    expired: bool
    allowed_models: _Names
    """Empty: all."""
    allowed_providers: _Names
    """Empty: all."""
    requests_per_minute: int | None
    tokens_per_minute: int | None
    max_concurrent: int | None
    last_used: int | None
    """As far back as the request log goes; ``null`` as well where there is none."""
    usage_today: KeyToday | None
    """``null``: there is no request log."""
    used_now: KeyNow | None
    """``null``: it is counted in a store that several gateways share."""


class AuthKeyList(Shape, frozen=True, kw_only=True):
    auth_keys: tuple[AuthKey, ...]
    open_to_all: bool
    """Clients need no key."""
    version: str
    """Of the configuration."""


class KeyUse(Shape, frozen=True, kw_only=True):
    """Who asked for what with a key."""

    requests: int
    failed: int
    models: tuple[str, ...]
    """The ones most asked for, at most ten."""


class AuthKeyDetail(AuthKey, frozen=True, kw_only=True):
    last_hour: KeyUse | None
    """What still uses it; ``null``: there is no request log."""
    version: str
    """Of the configuration."""


class AuthKeyChanged(AuthKeyDetail, frozen=True, kw_only=True):
    message: str
    effects: tuple[str, ...]
    restart: tuple[str, ...]


class AuthKeyMade(AuthKeyChanged, frozen=True, kw_only=True):
    key: str
    """The key itself. It is shown here, and kept nowhere."""


def asked_for(call: Call) -> ClientKey:
    return key_by_id(call.dashboard.state.snapshot, call.names["id"])


def key_by_id(snapshot: Snapshot, id: str) -> ClientKey:
    for each in snapshot.client_keys.values():
        if each.id == id:
            return each
    raise not_found("key", id)


async def detail_of(call: Call, id: str) -> AuthKeyDetail:
    state = call.dashboard.state
    key = key_by_id(state.snapshot, id)
    return AuthKeyDetail(
        **common_fields(state, key, await used_today(state), await last_used(state, key.name)),
        last_hour=await _last_hour(state, key.name),
        version=version_now(call),
    )


def common_fields(
    state: GatewayState,
    key: ClientKey,
    today: Mapping[str, KeyUsage] | None,
    last: int | None,
) -> dict[str, Any]:
    now = state.sharing.used(key)
    return {
        "id": key.id,
        "name": key.name,
        "key_masked": key.masked,
        "created": _ms(key.created_at),
        "expires_at": _ms(key.expires_at),
        "expired": key.expires_at is not None and key.expires_at <= time.time(),
        "allowed_models": key.allowed_models,
        "allowed_providers": key.allowed_providers,
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_minute": key.tokens_per_minute,
        "max_concurrent": key.max_concurrent,
        "last_used": last,
        "usage_today": None if today is None else _used(today.get(key.name)),
        "used_now": None
        if now is None
        else KeyNow(
            requests=round(now.requests, 3),
            tokens=round(now.tokens, 3),
            concurrent=now.running,
        ),
    }


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _used(usage: KeyUsage | None) -> KeyToday:
    if usage is None:
        return KeyToday(requests=0, failed=0, input_tokens=0, output_tokens=0, cost=0.0)
    return KeyToday(
        requests=usage.requests,
        failed=usage.failed,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost=float(usage.cost),
    )


async def used_today(state: GatewayState) -> dict[str, KeyUsage] | None:
    """By name; ``None``: nobody knows."""
    if state.log is None:
        return None
    day = datetime.now(UTC).date().isoformat()
    try:
        return {each.key: each for each in await state.log.key_usage(day, day)}
    except LogUnavailable:
        return None


async def last_used(state: GatewayState, name: str) -> int | None:
    if state.log is None:
        return None
    try:
        page = await state.log.page(Query(key=name), limit=1)
    except LogUnavailable:
        return None
    return page.entries[0].timestamp if page.entries else None


async def _last_hour(state: GatewayState, name: str) -> KeyUse | None:
    if state.log is None:
        return None
    since = round(time.time() * 1000) - _HOUR
    try:
        stats = await state.log.stats(Query(key=name, since=since), 3600)
    except LogUnavailable:
        return None
    models: tuple[Share, ...] = stats.models
    return KeyUse(
        requests=stats.whole.requests,
        failed=stats.whole.failed,
        models=tuple(each.name for each in models),
    )
