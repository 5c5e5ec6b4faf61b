"""``providers``: upstream accounts, in the words of the configuration credentials."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

from aigw_asgi.admin import clear_cooldowns_of
from aigw_asgi.config_store import Loaded
from aigw_asgi.dashboard.changes import (
    Changed,
    ChangeQuery,
    Draft,
    Edit,
    change,
    document_of,
    tagged,
    version_now,
)
from aigw_asgi.dashboard.edits import add, put, take_out, value_at
from aigw_asgi.dashboard.operation import Answer, Call, Link, Operation, Shape
from aigw_asgi.dashboard.placeholders import hidden_data
from aigw_asgi.dashboard.presets import PRESETS, Preset, found_variables
from aigw_asgi.dashboard.problem import ApiError, not_found, unusable
from aigw_asgi.dashboard.provider_entries import (
    LISTS,
    NewProvider,
    ProviderChange,
    apply_change,
    body_pointer,
    entry_of,
)
from aigw_asgi.dashboard.provider_view import (
    Provider,
    ProviderChanged,
    ProviderDetail,
    ProviderList,
    asked_for,
    common_fields,
    detail_of,
    health_by_id,
)
from aigw_asgi.health_journal import HealthEvent
from aigw_asgi.yaml_document import YamlDocument
from aigw_core.config.path import Path, parse_path
from aigw_core.config.snapshot import Credential
from aigw_core.errors import ConfigError


class Cleared(Shape, frozen=True, kw_only=True):
    message: str
    cleared: int
    """How many rests: of all of it and of single models, for answers and for counts."""


class Events(Shape, frozen=True, kw_only=True):
    events: tuple[HealthEvent, ...]
    """The oldest first."""


class Presets(Shape, frozen=True, kw_only=True):
    presets: tuple[Preset, ...]
    environment: tuple[str, ...]
    """Well-known variables with keys that are set where the gateway runs."""


# --- looking -----------------------------------------------------------------


async def _list(call: Call) -> Answer:
    state = call.dashboard.state
    document, version = document_of(call), version_now(call)
    known = health_by_id(state)
    providers = tuple(
        Provider(**common_fields(each, document, known)) for each in state.snapshot.credentials
    )
    return Answer(ProviderList(providers=providers, version=version), tagged(version))


async def _get(call: Call) -> Answer:
    detail = detail_of(call, asked_for(call).id)
    return Answer(detail, tagged(detail.version))


# --- changing ----------------------------------------------------------------


async def _create(call: Call) -> Answer:
    body: NewProvider = call.body
    kind = LISTS[body.provider_type]
    id = secrets.token_hex(6)
    entry = entry_of(body, id)
    place: list[Path] = []

    def make(draft: Draft) -> Edit:
        written = value_at(draft.document.data, (kind,))
        place[:] = [(kind, len(written) if isinstance(written, list) else 0)]
        document = add(draft.document, (kind,), entry)
        after = draft.compiled(document.text)
        made = _compiled(after, id)
        if made is None:
            # An empty variable, as the value of a key, leaves the entry out.
            raise unusable([ConfigError("is empty", path="/api_key")])
        _refuse_twin(draft, after, made)
        shown = value_at(hidden_data(document.data), place[0])
        return Edit(document.text, made.name, after=shown)

    done = await change(
        call,
        "provider.create",
        make,
        dry_run=call.query.dry_run,
        pointer=lambda path: body_pointer(path, place[0]) if place else None,
    )
    if done.dry:
        return done.preview()
    made = _changed(call, id, "the provider is there, and in use", done.effects, done.restart)
    headers = {**tagged(made.version), "location": f"/api/dashboard/providers/{id}"}
    return Answer(made, headers)


async def _change(call: Call) -> Answer:
    body: ProviderChange = call.body
    id = asked_for(call).id
    place: list[Path] = []
    new_key: list[bool] = []

    def make(draft: Draft) -> Edit:
        known = _in_file(draft, id)
        path = parse_path(known.source)
        place[:] = [path]
        document = apply_change(draft.document, path, body, known)
        document = _keep_ids(draft, document, lambda source: source)
        after = draft.compiled(document.text)
        now = _compiled(after, id)
        if now is None:
            raise unusable([ConfigError("is empty", path="/api_key")])
        if _likeness(now) != _likeness(known):
            _refuse_twin(draft, after, now)
        new_key[:] = [now.api_key != known.api_key]
        return Edit(
            document.text,
            now.name,
            value_at(hidden_data(draft.document.data), path),
            value_at(hidden_data(document.data), path),
        )

    done = await change(
        call,
        "provider.update",
        make,
        dry_run=call.query.dry_run,
        pointer=lambda path: body_pointer(path, place[0]) if place else None,
    )
    if done.dry:
        return done.preview()
    if new_key == [True]:
        # What was found out about the old key says nothing of this one.
        clear_cooldowns_of(call.dashboard.state, {id})
    made = _changed(call, id, "the provider is changed", done.effects, done.restart)
    return Answer(made, tagged(made.version))


async def _delete(call: Call) -> Answer:
    id = asked_for(call).id

    def make(draft: Draft) -> Edit:
        known = _in_file(draft, id)
        path = parse_path(known.source)
        document = take_out(draft.document, path)

        def moved(source: str) -> str | None:
            kind, at = parse_path(source)
            if kind != path[0] or int(at) < int(path[1]):
                return source
            return None if at == path[1] else f"{kind}[{int(at) - 1}]"

        document = _keep_ids(draft, document, moved)
        before = value_at(hidden_data(draft.document.data), path)
        return Edit(document.text, known.name, before=before)

    done = await change(call, "provider.delete", make, dry_run=call.query.dry_run)
    if done.dry:
        return done.preview()
    call.dashboard.state.health.clear(id)
    return done.changed(f"{done.edit.target} is gone; requests that it serves are finished")


def _changed(
    call: Call, id: str, message: str, effects: tuple[str, ...], restart: tuple[str, ...]
) -> ProviderChanged:
    detail = detail_of(call, id)
    fields = {name: getattr(detail, name) for name in detail.__struct_fields__}
    return ProviderChanged(**fields, message=message, effects=effects, restart=restart)


def _in_file(draft: Draft, id: str) -> Credential:
    found = _compiled(draft.loaded, id)
    if found is not None:
        return found
    if id.startswith("echo-"):
        raise ApiError(409, "builtin", "the built-in models are switched by the key echo")
    raise not_found("provider", id)


def _compiled(loaded: Loaded, id: str) -> Credential | None:
    return next((each for each in loaded.snapshot.credentials if each.id == id), None)


def _refuse_twin(draft: Draft, loaded: Loaded, made: Credential) -> None:
    for each in loaded.snapshot.credentials:
        if each.id != made.id and _likeness(each) == _likeness(made):
            message = f"{each.name} is the same account: kind, address, key and prefix are equal"
            raise ApiError(409, "duplicate", message, version=draft.version)


def _likeness(credential: Credential) -> tuple[object, ...]:
    return credential.provider, credential.base_url, credential.api_key, credential.prefix


def _keep_ids(
    draft: Draft, document: YamlDocument, moved: Callable[[str], str | None]
) -> YamlDocument:
    """Have what is left of the providers keep the identifiers that follow from what they
    were, where those would be others now. ``moved`` says where each stands now."""
    after = {each.source: each.id for each in draft.compiled(document.text).snapshot.credentials}
    for each in draft.loaded.snapshot.credentials:
        source = moved(each.source)
        if source is not None and after.get(source, each.id) != each.id:
            document = put(document, (*parse_path(source), "id"), each.id)
    return document


# --- health ------------------------------------------------------------------


async def _clear(call: Call) -> Cleared:
    credential = asked_for(call)
    state = call.dashboard.state
    cleared = clear_cooldowns_of(state, {credential.id})
    await call.dashboard.audit.tell(
        "provider.clear-cooldown",
        who=call.who,
        address=call.address,
        target=credential.name,
        request_id=call.request_id,
    )
    return Cleared(message=f"{credential.name} is used again at once", cleared=cleared)


async def _events(call: Call) -> Events:
    return Events(events=call.dashboard.state.journal.of(asked_for(call).id))


async def _presets(call: Call) -> Presets:
    return Presets(presets=PRESETS, environment=found_variables(os.environ))


_OF_ONE = (
    Link("getProvider"),
    Link("changeProvider"),
    Link("deleteProvider"),
    Link("providerEvents"),
)

OPERATIONS = (
    Operation(
        method="GET",
        path="/providers",
        id="listProviders",
        summary="All upstream accounts, and how they stand",
        handler=_list,
        answer=ProviderList,
    ),
    Operation(
        method="POST",
        path="/providers",
        id="createProvider",
        summary="Add an upstream account",
        handler=_create,
        query=ChangeQuery,
        body=NewProvider,
        answer=ProviderChanged,
        status=201,
        versioned=True,
        links=_OF_ONE,
    ),
    Operation(
        method="GET",
        path="/providers/presets",
        id="providerPresets",
        summary="What well-known vendors need, and which keys the environment has",
        handler=_presets,
        answer=Presets,
    ),
    Operation(
        method="GET",
        path="/providers/{id}",
        id="getProvider",
        summary="One upstream account",
        handler=_get,
        answer=ProviderDetail,
    ),
    Operation(
        method="PATCH",
        path="/providers/{id}",
        id="changeProvider",
        summary="Change an upstream account (merge patch)",
        handler=_change,
        query=ChangeQuery,
        body=ProviderChange,
        answer=ProviderChanged,
        versioned=True,
        links=(Link("getProvider"),),
    ),
    Operation(
        method="DELETE",
        path="/providers/{id}",
        id="deleteProvider",
        summary="Take an upstream account out",
        handler=_delete,
        query=ChangeQuery,
        answer=Changed,
        versioned=True,
    ),
    Operation(
        method="DELETE",
        path="/providers/{id}/cooldown",
        id="clearCooldown",
        summary="Use it again at once",
        handler=_clear,
        answer=Cleared,
    ),
    Operation(
        method="GET",
        path="/providers/{id}/events",
        id="providerEvents",
        summary="When it began to rest and why, and when it was well again",
        handler=_events,
        answer=Events,
    ),
)
