"""``auth-keys``: the keys that clients present."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from aigw_asgi.client_keys import key_entry, new_key
from aigw_asgi.dashboard.changes import (
    Changed,
    ChangeQuery,
    Draft,
    Edit,
    change,
    tagged,
    version_now,
)
from aigw_asgi.dashboard.edits import add, put, take_out, value_at
from aigw_asgi.dashboard.operation import Answer, Body, Call, Link, Operation, Shape
from aigw_asgi.dashboard.placeholders import hidden_data
from aigw_asgi.dashboard.problem import ApiError, not_found
from aigw_asgi.dashboard.provider_entries import body_pointer
from aigw_asgi.state import GatewayState
from aigw_asgi.stores.request_log import KeyUsage, LogUnavailable, Query, Share
from aigw_asgi.yaml_document import YamlDocument
from aigw_core.config.path import Path
from aigw_core.config.snapshot import ClientKey, Snapshot
from aigw_core.config.values import is_loopback

_LIST = "api-keys"

_HOUR = 3_600_000

MAX_LOOKED_UP = 200
"""Keys whose last use is looked for when all are listed."""

_Names = tuple[str, ...]
_Count = Annotated[int, Meta(ge=1)]


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


class NewAuthKey(Body, frozen=True, kw_only=True):
    name: str
    """What logs call it."""
    expires_at: str | None = None
    """RFC 3339 with a time zone; ``null``: never."""
    allowed_models: _Names = ()
    allowed_providers: _Names = ()
    requests_per_minute: _Count | None = None
    tokens_per_minute: _Count | None = None
    max_concurrent: _Count | None = None


class AuthKeyChange(Body, frozen=True, kw_only=True):
    """What is absent stays; ``null`` goes back to the default."""

    name: str | UnsetType = UNSET
    expires_at: str | UnsetType | None = UNSET
    allowed_models: _Names | UnsetType | None = UNSET
    allowed_providers: _Names | UnsetType | None = UNSET
    requests_per_minute: _Count | UnsetType | None = UNSET
    tokens_per_minute: _Count | UnsetType | None = UNSET
    max_concurrent: _Count | UnsetType | None = UNSET


# --- looking -----------------------------------------------------------------


async def _list(call: Call) -> Answer:
    state = call.dashboard.state
    snapshot, version = state.snapshot, version_now(call)
    keys = tuple(snapshot.client_keys.values())
    today = await _today(state)
    found = []
    for at, key in enumerate(keys):
        last = await _last_used(state, key.name) if at < MAX_LOOKED_UP else None
        found.append(AuthKey(**_common(state, key, today, last)))
    body = AuthKeyList(
        auth_keys=tuple(found), open_to_all=snapshot.allow_anonymous is True, version=version
    )
    return Answer(body, tagged(version))


async def _get(call: Call) -> Answer:
    detail = await _detail(call, _key(call).id)
    return Answer(detail, tagged(detail.version))


def _key(call: Call) -> ClientKey:
    return _by_id(call.dashboard.state.snapshot, call.names["id"])


def _by_id(snapshot: Snapshot, id: str) -> ClientKey:
    for each in snapshot.client_keys.values():
        if each.id == id:
            return each
    raise not_found("key", id)


async def _detail(call: Call, id: str) -> AuthKeyDetail:
    state = call.dashboard.state
    key = _by_id(state.snapshot, id)
    return AuthKeyDetail(
        **_common(state, key, await _today(state), await _last_used(state, key.name)),
        last_hour=await _last_hour(state, key.name),
        version=version_now(call),
    )


def _common(
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


async def _today(state: GatewayState) -> dict[str, KeyUsage] | None:
    """By name; ``None``: nobody knows."""
    if state.log is None:
        return None
    day = datetime.now(UTC).date().isoformat()
    try:
        return {each.key: each for each in await state.log.key_usage(day, day)}
    except LogUnavailable:
        return None


async def _last_used(state: GatewayState, name: str) -> int | None:
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


# --- changing ----------------------------------------------------------------


async def _create(call: Call) -> Answer:
    body: NewAuthKey = call.body
    key = new_key()
    entry = key_entry(
        body.name,
        key,
        time.time(),
        expires_at=body.expires_at,
        allowed_models=list(body.allowed_models) or None,
        allowed_providers=list(body.allowed_providers) or None,
        requests_per_minute=body.requests_per_minute,
        tokens_per_minute=body.tokens_per_minute,
        max_concurrent=body.max_concurrent,
    )
    place: list[Path] = []

    def make(draft: Draft) -> Edit:
        written = value_at(draft.document.data, (_LIST,))
        place[:] = [(_LIST, len(written) if isinstance(written, list) else 0)]
        _refuse_name(draft, body.name, None)
        document = add(draft.document, (_LIST,), entry)
        shown = value_at(hidden_data(document.data), place[0])
        return Edit(document.text, body.name, after=shown)

    done = await change(
        call,
        "auth-key.create",
        make,
        dry_run=call.query.dry_run,
        pointer=lambda path: body_pointer(path, place[0]) if place else None,
    )
    if done.dry:
        return done.preview()
    snapshot = call.dashboard.state.snapshot
    made = next(each for each in snapshot.client_keys.values() if each.name == body.name)
    detail = await _detail(call, made.id)
    message = "the key is good from now on; it is not shown again"
    answer = AuthKeyMade(**_fields(detail), **_outcome(message, done), key=key)
    headers = {**tagged(done.version), "location": f"/api/dashboard/auth-keys/{made.id}"}
    return Answer(answer, headers)


async def _change(call: Call) -> Answer:
    body: AuthKeyChange = call.body
    id = _key(call).id
    place: list[Path] = []

    def make(draft: Draft) -> Edit:
        at, known = _in_file(draft, id)
        path: Path = (_LIST, at)
        place[:] = [path]
        if isinstance(body.name, str):
            _refuse_name(draft, body.name, id)
        given = {name: getattr(body, name) for name in AuthKeyChange.__struct_fields__}
        given = {name: value for name, value in given.items() if value is not UNSET}
        document = _written(draft.document, path, given)
        return Edit(
            document.text,
            str(given.get("name", known.name)),
            value_at(hidden_data(draft.document.data), path),
            value_at(hidden_data(document.data), path),
        )

    done = await change(
        call,
        "auth-key.update",
        make,
        dry_run=call.query.dry_run,
        pointer=lambda path: body_pointer(path, place[0]) if place else None,
    )
    if done.dry:
        return done.preview()
    detail = await _detail(call, id)
    answer = AuthKeyChanged(**_fields(detail), **_outcome("the key is changed", done))
    return Answer(answer, tagged(done.version))


def _written(document: YamlDocument, path: Path, given: dict[str, Any]) -> YamlDocument:
    entry = value_at(document.data, path)
    if isinstance(entry, str) and any(value is not None for value in given.values()):
        document = put(document, path, {"key": entry})  # a plain text has no place for more
    elif isinstance(entry, str):
        return document
    for name, value in given.items():
        written = list(value) if isinstance(value, tuple) else value
        document = put(document, (*path, name.replace("_", "-")), written)
    return document


async def _delete(call: Call) -> Answer:
    id = _key(call).id
    last: list[bool] = []

    def make(draft: Draft) -> Edit:
        at, known = _in_file(draft, id)
        loaded = draft.loaded
        last[:] = [len(loaded.snapshot.client_keys) == 1]
        document = take_out(draft.document, (_LIST, at))
        undecided = loaded.snapshot.allow_anonymous is None
        if last[0] and undecided and not is_loopback(loaded.settings.host):
            # A listener that others can reach does not start without keys, unless it is
            # said that nobody is to be let in without one.
            document = put(document, ("allow-anonymous",), value=False)
        before = value_at(hidden_data(draft.document.data), (_LIST, at))
        return Edit(document.text, known.name, before=before)

    done = await change(call, "auth-key.delete", make, dry_run=call.query.dry_run)
    if done.dry:
        return done.preview()
    message = f"{done.edit.target} is no key any more"
    if last == [True]:
        if call.dashboard.state.snapshot.allow_anonymous:
            message += "; there is none left, and allow-anonymous lets everybody in as before"
        else:
            message += "; there is none left, so no client is let in until a new one is made"
    return done.changed(message)


def _in_file(draft: Draft, id: str) -> tuple[int, ClientKey]:
    for at, each in enumerate(draft.loaded.snapshot.client_keys.values()):
        if each.id == id:
            return at, each
    raise not_found("key", id)


def _refuse_name(draft: Draft, name: str, own: str | None) -> None:
    for each in draft.loaded.snapshot.client_keys.values():
        if each.name == name and each.id != own:
            message = f"there is a key called {name!r} already"
            raise ApiError(409, "duplicate", message, version=draft.version)


def _fields(detail: AuthKeyDetail) -> dict[str, Any]:
    return {name: getattr(detail, name) for name in detail.__struct_fields__}


def _outcome(message: str, done: Any) -> dict[str, Any]:
    return {"message": message, "effects": done.effects, "restart": done.restart}


OPERATIONS = (
    Operation(
        method="GET",
        path="/auth-keys",
        id="listAuthKeys",
        summary="The keys of clients, and what they use",
        handler=_list,
        answer=AuthKeyList,
    ),
    Operation(
        method="POST",
        path="/auth-keys",
        id="createAuthKey",
        summary="Make a key; it is shown in the answer and never again",
        handler=_create,
        query=ChangeQuery,
        body=NewAuthKey,
        answer=AuthKeyMade,
        status=201,
        versioned=True,
        links=(Link("getAuthKey"), Link("changeAuthKey"), Link("deleteAuthKey")),
    ),
    Operation(
        method="GET",
        path="/auth-keys/{id}",
        id="getAuthKey",
        summary="One key, and what still uses it",
        handler=_get,
        answer=AuthKeyDetail,
    ),
    Operation(
        method="PATCH",
        path="/auth-keys/{id}",
        id="changeAuthKey",
        summary="Change what a key may do (merge patch)",
        handler=_change,
        query=ChangeQuery,
        body=AuthKeyChange,
        answer=AuthKeyChanged,
        versioned=True,
        links=(Link("getAuthKey"),),
    ),
    Operation(
        method="DELETE",
        path="/auth-keys/{id}",
        id="deleteAuthKey",
        summary="Revoke a key; without keys no client is let in",
        handler=_delete,
        query=ChangeQuery,
        answer=Changed,
        versioned=True,
    ),
)
