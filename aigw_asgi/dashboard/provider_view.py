"""How an upstream account is shown: what the configuration says of it, and how it stands."""

from __future__ import annotations

from typing import Any

import msgspec

from aigw_asgi.dashboard.changes import document_of, version_now
from aigw_asgi.dashboard.edits import value_at
from aigw_asgi.dashboard.operation import Call, Shape
from aigw_asgi.dashboard.problem import not_found
from aigw_asgi.dashboard.provider_entries import key_source, shown_header, without_user
from aigw_asgi.dashboard.views import CredentialHealth, health_state
from aigw_asgi.state import GatewayState
from aigw_asgi.yaml_document import YamlDocument
from aigw_core.config.identity import credential_lists
from aigw_core.config.path import parse_path
from aigw_core.config.schema import CredentialEntry
from aigw_core.config.secret import masked
from aigw_core.config.snapshot import Credential
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


def asked_for(call: Call) -> Credential:
    return provider_by_id(call.dashboard.state, call.names["id"])


def provider_by_id(state: GatewayState, id: str) -> Credential:
    for each in state.snapshot.credentials:
        if each.id == id:
            return each
    raise not_found("provider", id)


def health_by_id(state: GatewayState) -> dict[str, CredentialHealth]:
    return {each.id: each for each in health_state(state).credentials}


def common_fields(
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


def detail_of(call: Call, id: str) -> ProviderDetail:
    state, document = call.dashboard.state, document_of(call)
    credential = provider_by_id(state, id)
    entry = _entry(state, credential)
    own = None if entry is None else entry.proxy_url
    line = None
    if document is not None and credential.source:
        line = document.locate(credential.source)[0]
    cloak = CredentialEntry(api_key=credential.api_key).cloak if entry is None else entry.cloak
    timeouts = None if entry is None else entry.timeouts
    caps = {} if entry is None else msgspec.to_builtins(entry.caps)
    return ProviderDetail(
        **common_fields(credential, document, health_by_id(state)),
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
