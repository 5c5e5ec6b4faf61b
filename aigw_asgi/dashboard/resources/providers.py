"""``providers``: upstream accounts, in the words of the configuration credentials."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from aigw_asgi.admin import clear_cooldowns_of
from aigw_asgi.config_store import Loaded, compile_bytes
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
from aigw_asgi.dashboard.operation import Answer, Body, Call, Link, Operation, Shape
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
    key_source,
    shown_header,
    without_user,
)
from aigw_asgi.dashboard.trial import ModelList, Trial, list_models, try_out
from aigw_asgi.dashboard.views import CredentialHealth, health_state
from aigw_asgi.health_journal import HealthEvent
from aigw_asgi.state import GatewayState
from aigw_asgi.yaml_document import YamlDocument
from aigw_asgi.yaml_values import Value, block
from aigw_core.config.identity import credential_lists
from aigw_core.config.path import Path, parse_path
from aigw_core.config.schema import CredentialEntry
from aigw_core.config.secret import masked
from aigw_core.config.snapshot import Credential
from aigw_core.errors import ConfigError, InvalidConfig
from aigw_core.routing.target import ECHO


class Provider(Shape, frozen=True, kw_only=True):
    """An upstream account, and how it stands."""

    id: str
    """Stays the same whatever else changes."""
    provider_type: str
    """``claude``, ``openai``, ``gemini``, ``openai-compat`` or ``echo``."""
    name: str
    api_key_masked: str
    key_source: str
    """Where the key stands: ``env``, ``file``, ``inline`` or ``none``."""
    base_url: str
    models_count: int
    """0: it serves every model."""
    disabled: bool
    state: str
    """``ok``, ``cooling``, ``probation`` or ``disabled``."""
    resting_model: str | None
    """The one model that rests; ``null``: none does, or all."""
    cause: str | None
    until: int | None
    """Unix milliseconds: when the rest ends."""
    in_flight: int
    weight: int
    priority: int
    origin: str
    """``file``, ``environment`` or ``builtin``; only the first can be changed."""


class ProviderList(Shape, frozen=True, kw_only=True):
    providers: tuple[Provider, ...]
    version: str
    """Of the configuration."""


class ProviderModel(Shape, frozen=True, kw_only=True):
    id: str
    alias: str | None


class ProviderTimeouts(Shape, frozen=True, kw_only=True):
    """Seconds; ``null``: as the general ones."""

    connect: float | None
    first_byte: float | None
    idle: float | None


class ProviderCloak(Shape, frozen=True, kw_only=True):
    mode: str
    strict_mode: bool
    system_prompt: str | None
    sensitive_words_count: int
    whole_words: bool
    cache_user_id: bool
    skip_user_agents: tuple[str, ...]


class ProviderDetail(Provider, frozen=True, kw_only=True):
    """All of an upstream account that may be shown."""

    format: str
    """The wire format that it speaks."""
    wire_api: str
    prefix: str
    models: tuple[ProviderModel, ...]
    excluded_models: tuple[str, ...]
    headers: dict[str, str]
    """Values are hidden; sent back as they are, they stay."""
    proxy_url: str | None
    """Of its own, without user and password; empty: none; ``null``: the general one."""
    timeouts: ProviderTimeouts
    caps: dict[str, Any]
    """As far as they are written."""
    cloak: ProviderCloak
    auth_style: str
    allow_insecure: bool
    source: str
    """Where the configuration has it: ``claude-api-key[0]``."""
    line: int | None
    """There."""
    version: str
    """Of the configuration."""


class ProviderChanged(ProviderDetail, frozen=True, kw_only=True):
    """The account as it is now, and what the change came to."""

    message: str
    effects: tuple[str, ...]
    restart: tuple[str, ...]


class TrialQuestion(Body, frozen=True, kw_only=True):
    model: str | None = None
    """As clients would ask for it; default: the first that the provider lists."""
    stream: bool = True


class TrialOfNew(NewProvider, frozen=True, kw_only=True):
    """Settings that are not saved."""

    id: str | None = None
    """Of the provider that they are to replace: its key is used where ``api_key`` is as shown."""
    model: str | None = None
    stream: bool = True


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
    known = _health_by_id(state)
    providers = tuple(
        Provider(**_common(each, document, known)) for each in state.snapshot.credentials
    )
    return Answer(ProviderList(providers=providers, version=version), tagged(version))


async def _get(call: Call) -> Answer:
    detail = _detail(call, _credential(call).id)
    return Answer(detail, tagged(detail.version))


def _credential(call: Call) -> Credential:
    return _by_id(call.dashboard.state, call.names["id"])


def _by_id(state: GatewayState, id: str) -> Credential:
    for each in state.snapshot.credentials:
        if each.id == id:
            return each
    raise not_found("provider", id)


def _health_by_id(state: GatewayState) -> dict[str, CredentialHealth]:
    return {each.id: each for each in health_state(state).credentials}


def _common(
    credential: Credential, document: YamlDocument | None, known: dict[str, CredentialHealth]
) -> dict[str, Any]:
    health = known.get(credential.id)
    return {
        "id": credential.id,
        "provider_type": credential.provider,
        "name": credential.name,
        "api_key_masked": masked(credential.api_key),
        "key_source": _key_source(credential, document),
        "base_url": credential.base_url,
        "models_count": len(credential.models),
        "disabled": credential.disabled,
        "state": "ok" if health is None else health.state,
        "resting_model": None if health is None else health.model,
        "cause": None if health is None else health.cause,
        "until": None if health is None else health.until,
        "in_flight": 0 if health is None else health.in_flight,
        "weight": credential.weight,
        "priority": credential.priority,
        "origin": _origin(credential, document),
    }


def _origin(credential: Credential, document: YamlDocument | None) -> str:
    if credential.provider == ECHO:
        return "builtin"
    return "environment" if document is None else "file"


def _key_source(credential: Credential, document: YamlDocument | None) -> str:
    if not credential.api_key:
        return "none"
    if document is None:
        return "env"
    return key_source(value_at(document.data, (*parse_path(credential.source), "api-key")))


def _entry(state: GatewayState, credential: Credential) -> CredentialEntry | None:
    """As it was written."""
    if state.reloader is None or not credential.source:
        return None
    kind, at = parse_path(credential.source)
    lists = dict(credential_lists(state.reloader.loaded.reading.config))
    entries = lists[str(kind)]
    return entries[int(at)] if int(at) < len(entries) else None


def _detail(call: Call, id: str) -> ProviderDetail:
    state, document = call.dashboard.state, document_of(call)
    credential = _by_id(state, id)
    entry = _entry(state, credential)
    own = None if entry is None else entry.proxy_url
    line = None
    if document is not None and credential.source:
        line = document.locate(credential.source)[0]
    cloak = CredentialEntry(api_key=credential.api_key).cloak if entry is None else entry.cloak
    timeouts = None if entry is None else entry.timeouts
    caps = {} if entry is None else msgspec.to_builtins(entry.caps)
    return ProviderDetail(
        **_common(credential, document, _health_by_id(state)),
        format=credential.format.value,
        wire_api="chat" if entry is None else entry.wire_api,
        prefix=credential.prefix,
        models=tuple(ProviderModel(id=each.id, alias=each.alias) for each in credential.models),
        excluded_models=credential.excluded_models,
        headers={name: shown_header(value) for name, value in credential.headers},
        proxy_url=None if own is None else without_user(own),
        timeouts=ProviderTimeouts(
            connect=None if timeouts is None else timeouts.connect,
            first_byte=None if timeouts is None else timeouts.first_byte,
            idle=None if timeouts is None else timeouts.idle,
        ),
        caps={name.replace("-", "_"): value for name, value in caps.items()},
        cloak=ProviderCloak(
            mode=cloak.mode,
            strict_mode=cloak.strict_mode,
            system_prompt=cloak.system_prompt,
            sensitive_words_count=len(cloak.sensitive_words),
            whole_words=cloak.whole_words,
            cache_user_id=cloak.cache_user_id,
            skip_user_agents=cloak.skip_user_agents,
        ),
        auth_style=credential.auth_style,
        allow_insecure=credential.allow_insecure,
        source=credential.source,
        line=line,
        version=version_now(call),
    )


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
    id = _credential(call).id
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
    id = _credential(call).id

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
    detail = _detail(call, id)
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


# --- trying out --------------------------------------------------------------


async def _test(call: Call) -> Trial:
    body: TrialQuestion = call.body
    state = call.dashboard.state
    return await try_out(state, _credential(call), body.model, stream=body.stream)


async def _test_new(call: Call) -> Trial:
    body: TrialOfNew = call.body
    credential = _unsaved(call, body)
    return await try_out(call.dashboard.state, credential, body.model, stream=body.stream)


async def _models(call: Call) -> ModelList:
    return await list_models(call.dashboard.state, _credential(call))


async def _models_of_new(call: Call) -> ModelList:
    return await list_models(call.dashboard.state, _unsaved(call, call.body))


def _unsaved(call: Call, body: TrialOfNew) -> Credential:
    """What the settings would make.

    Raises:
        ApiError: they cannot be used.
    """
    known = None if body.id is None else _by_id(call.dashboard.state, body.id)
    document = document_of(call)
    if known is not None and document is not None and known.source:
        place = parse_path(known.source)
        fields = {name: getattr(body, name) for name in ProviderChange.__struct_fields__}
        document = apply_change(document, place, ProviderChange(**fields), known)
    else:
        place = (LISTS[body.provider_type], 0)
        # By itself: what else there is has no bearing on it.
        entry: Value = {
            "host": "127.0.0.1",
            str(place[0]): [entry_of(body, "0" * 12)],
        }
        document = YamlDocument("\n".join(block(entry, 0)), "settings")
    try:
        loaded = compile_bytes(document.text.encode(), document.file, os.environ)
    except InvalidConfig as exc:
        raise unusable(
            [
                ConfigError(each.problem, path=found)
                if (found := body_pointer(parse_path(each.path), place)) is not None
                else each
                for each in exc.problems
            ]
        ) from exc
    source = f"{place[0]}[{place[1]}]"
    for each in loaded.snapshot.credentials:
        if each.source == source:
            return each
    raise unusable([ConfigError("is empty", path="/api_key")])


# --- health ------------------------------------------------------------------


async def _clear(call: Call) -> Cleared:
    credential = _credential(call)
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
    return Events(events=call.dashboard.state.journal.of(_credential(call).id))


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
        method="POST",
        path="/providers/test",
        id="testNewProvider",
        summary="Try settings out that are not saved",
        handler=_test_new,
        body=TrialOfNew,
        answer=Trial,
        problems=(404, 409),
    ),
    Operation(
        method="POST",
        path="/providers/models",
        id="listModelsOfNewProvider",
        summary="Ask an upstream for its models, with settings that are not saved",
        handler=_models_of_new,
        body=TrialOfNew,
        answer=ModelList,
        problems=(404, 409),
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
        method="POST",
        path="/providers/{id}/test",
        id="testProvider",
        summary="Send a short request there",
        handler=_test,
        body=TrialQuestion,
        body_required=False,
        answer=Trial,
    ),
    Operation(
        method="POST",
        path="/providers/{id}/models",
        id="listModelsOfProvider",
        summary="Ask the upstream for its models",
        handler=_models,
        answer=ModelList,
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
