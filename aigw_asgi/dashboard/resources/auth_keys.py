"""``auth-keys``: the keys that clients present."""

from __future__ import annotations

import time
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
from aigw_asgi.dashboard.key_view import (
    AuthKey,
    AuthKeyChanged,
    AuthKeyDetail,
    AuthKeyList,
    AuthKeyMade,
    asked_for,
    common_fields,
    detail_of,
    last_used,
    used_today,
)
from aigw_asgi.dashboard.operation import Answer, Body, Call, Link, Operation
from aigw_asgi.dashboard.placeholders import hidden_data
from aigw_asgi.dashboard.problem import ApiError, not_found
from aigw_asgi.dashboard.provider_entries import body_pointer
from aigw_asgi.yaml_document import YamlDocument
from aigw_core.config.path import Path
from aigw_core.config.snapshot import ClientKey
from aigw_core.config.values import is_loopback

_LIST = "api-keys"

MAX_LOOKED_UP = 200
"""Keys whose last use is looked for when all are listed."""

_Names = tuple[str, ...]
_Count = Annotated[int, Meta(ge=1)]


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
    today = await used_today(state)
    found = []
    for at, key in enumerate(keys):
        last = await last_used(state, key.name) if at < MAX_LOOKED_UP else None
        found.append(AuthKey(**common_fields(state, key, today, last)))
    body = AuthKeyList(
        auth_keys=tuple(found), open_to_all=snapshot.allow_anonymous is True, version=version
    )
    return Answer(body, tagged(version))


async def _get(call: Call) -> Answer:
    detail = await detail_of(call, asked_for(call).id)
    return Answer(detail, tagged(detail.version))


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
    detail = await detail_of(call, made.id)
    message = "the key is good from now on; it is not shown again"
    answer = AuthKeyMade(**_fields(detail), **_outcome(message, done), key=key)
    headers = {**tagged(done.version), "location": f"/api/dashboard/auth-keys/{made.id}"}
    return Answer(answer, headers)


async def _change(call: Call) -> Answer:
    body: AuthKeyChange = call.body
    id = asked_for(call).id
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
    detail = await detail_of(call, id)
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
    id = asked_for(call).id
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
