"""Providers as the API takes them, and as the configuration has them.

What the API shows of a secret (``••••``, a masked key, a proxy without its password) may
come back in a change; it then means that the secret stays what it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, Struct, UnsetType

from aigw_asgi.dashboard.edits import put, value_at
from aigw_asgi.dashboard.operation import Body
from aigw_asgi.dashboard.placeholders import PLACEHOLDER
from aigw_asgi.dashboard.problem import invalid
from aigw_asgi.yaml_document import YamlDocument
from aigw_core.config.identity import PROVIDERS
from aigw_core.config.path import Path
from aigw_core.config.secret import Secret, masked

if TYPE_CHECKING:
    from aigw_core.config.snapshot import Credential

ProviderType = Literal["claude", "openai", "gemini", "openai-compat"]

LISTS = {provider: kind for kind, provider in PROVIDERS.items()}
"""Where in the configuration each kind of provider stands."""

_USER = re.compile(r"(?<=://)[^/@]*@")


class ModelIn(Body, frozen=True, kw_only=True):
    id: str
    """The upstream's name, or a pattern over such names."""
    alias: str | None = None
    """What clients call it."""


class TimeoutsIn(Body, frozen=True, kw_only=True):
    """Seconds; ``null``: as the general ones."""

    connect: float | UnsetType | None = UNSET
    first_byte: float | UnsetType | None = UNSET
    idle: float | UnsetType | None = UNSET


class CloakIn(Body, frozen=True, kw_only=True):
    mode: Literal["auto", "always", "never"] | UnsetType | None = UNSET
    strict_mode: bool | UnsetType | None = UNSET
    system_prompt: str | UnsetType | None = UNSET
    sensitive_words: tuple[str, ...] | UnsetType | None = UNSET
    whole_words: bool | UnsetType | None = UNSET
    cache_user_id: bool | UnsetType | None = UNSET
    skip_user_agents: tuple[str, ...] | UnsetType | None = UNSET


class ProviderChange(Body, frozen=True, kw_only=True):
    """What is absent stays; ``null`` goes back to the default."""

    api_key: str | UnsetType = UNSET
    """The key, or where it stands: ``${VAR}``, ``env://VAR``, ``file:///path``."""
    base_url: str | UnsetType | None = UNSET
    """Without ``/v1``."""
    proxy_url: str | UnsetType | None = UNSET
    """Empty: none; ``null``: the general one."""
    prefix: str | UnsetType | None = UNSET
    models: tuple[ModelIn, ...] | UnsetType | None = UNSET
    excluded_models: tuple[str, ...] | UnsetType | None = UNSET
    headers: dict[str, str | None] | UnsetType | None = UNSET
    """Merged with those that are there: ``null`` takes one out, ``••••`` leaves it."""
    disabled: bool | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET
    wire_api: Literal["chat", "responses"] | UnsetType | None = UNSET
    weight: int | UnsetType | None = UNSET
    priority: int | UnsetType | None = UNSET
    timeouts: TimeoutsIn | UnsetType | None = UNSET
    caps: dict[str, Any] | UnsetType | None = UNSET
    """Merged; as in the configuration."""
    cloak: CloakIn | UnsetType | None = UNSET
    auth_style: Literal["x-api-key", "bearer", "x-goog-api-key"] | UnsetType | None = UNSET
    allow_insecure: bool | UnsetType | None = UNSET


class NewProvider(ProviderChange, frozen=True, kw_only=True):
    provider_type: ProviderType
    api_key: str
    """The key, or where it stands: ``${VAR}``, ``env://VAR``, ``file:///path``."""


_MAPS = ("headers", "timeouts", "caps", "cloak")


def entry_of(body: NewProvider, id: str) -> dict[str, Any]:
    """The entry of a new provider.

    Raises:
        ApiError: its key is empty.
    """
    _check_key(body.api_key)
    entry: dict[str, Any] = {}
    if isinstance(body.name, str):
        entry["name"] = body.name
    entry["id"] = id
    for name in ProviderChange.__struct_fields__:
        value = _plain(getattr(body, name))
        if value is UNSET or value is None or (name in _MAPS and not value):
            continue
        if isinstance(value, dict):
            if name == "headers":
                _check_headers(value)
            rename = _written if name == "caps" else str
            value = {rename(key): each for key, each in value.items() if each is not None}
        entry[_written(name)] = value
    return entry


def apply_change(
    document: YamlDocument, path: Path, change: ProviderChange, known: Credential
) -> YamlDocument:
    """``document`` with the entry at ``path``, that of ``known``, changed.

    Raises:
        ApiError: a value cannot be meant.
        EditRefused: the layout does not allow it.
    """
    for name in ProviderChange.__struct_fields__:
        value = _plain(getattr(change, name))
        if value is UNSET or _kept(name, value, known):
            continue
        where = (*path, _written(name))
        if name == "api_key":
            _check_key(value)
        if name in _MAPS and value is not None:
            document = _merge(document, where, value, known)
        else:
            document = put(document, where, value)
    return document


def _check_key(value: str) -> None:
    if not value.strip():
        raise invalid("/api_key", "a provider needs a key")
    if PLACEHOLDER in value:
        raise invalid("/api_key", f"{PLACEHOLDER} stands for no key here")


def _check_headers(headers: dict[str, str | None]) -> None:
    for name, value in headers.items():
        if value == PLACEHOLDER:
            raise invalid(f"/headers/{name}", f"{PLACEHOLDER} stands for no value here")


def _kept(name: str, value: object, known: Credential) -> bool:
    """Whether it is what is shown of a secret that stays."""
    if name == "api_key":
        return value in (PLACEHOLDER, masked(known.api_key))
    if name == "proxy_url" and isinstance(value, str) and known.proxy_url is not None:
        own = known.proxy_url.reveal()
        return value != own and value == without_user(known.proxy_url)
    return False


def _merge(
    document: YamlDocument, path: Path, values: dict[str, Any], known: Credential
) -> YamlDocument:
    there = value_at(document.data, path)
    names = list(there) if isinstance(there, dict) else []
    headers = path[-1] == "headers"
    for name, value in values.items():
        if path[-1] == "caps":
            name = _written(name)
        if headers:
            # Names of headers are the same in upper and lower case.
            name = next((each for each in names if each.lower() == name.lower()), name)
            if value == PLACEHOLDER:
                if name not in names:
                    raise invalid(f"/headers/{name}", f"{PLACEHOLDER} stands for no value here")
                continue
        document = put(document, (*path, name), value)
    return document


def _plain(value: Any) -> Any:
    """As the configuration has it: maps and lists of plain values."""
    if isinstance(value, Struct):
        found = {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
        return {_written(name): each for name, each in found.items() if each is not UNSET}
    if isinstance(value, tuple):
        return [
            {name: each for name, each in item.items() if each is not None}
            if isinstance(item, dict)
            else item
            for item in map(_plain, value)
        ]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # as people write it
    return value


def _written(name: str) -> str:
    return name.replace("_", "-")


def body_pointer(path: Path, entry: Path) -> str | None:
    """Where in a body the value at ``path`` of the configuration came from; ``None``: it is
    not in the ``entry`` that the body is about."""
    if path[: len(entry)] != entry:
        return None
    steps = [str(step) for step in path[len(entry) :]]
    if steps and steps[0] != "headers":
        steps = [step.replace("-", "_") for step in steps]
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def key_source(written: object) -> str:
    """Where a key stands, by how it is written: ``env``, ``file``, ``inline`` or ``none``."""
    if not isinstance(written, str) or not written:
        return "none" if written in (None, "") else "inline"
    if written.startswith("file://"):
        return "file"
    return "env" if written.startswith("env://") or "${" in written else "inline"


def without_user(url: Secret) -> str:
    """A proxy's address without name and password."""
    return _USER.sub("", url.reveal())


def shown_header(value: str) -> str:
    """Values of headers are secrets, but for those that stand for a client's header."""
    return value if value.startswith("$") else PLACEHOLDER
