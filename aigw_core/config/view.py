"""The configuration in force, as it may be shown: no secret, and nothing that may hold one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from aigw_core.config.secret import HIDDEN, Secret
from aigw_core.config.snapshot import Snapshot

if TYPE_CHECKING:  # imports the schema
    from aigw_core.config.settings import ServerSettings

_PAIRS_OF_SECRETS = frozenset({"headers", "cloak_headers", "params", "match", "not_match"})
"""Fields of names with values that may be secrets by reference: only the names are shown."""

_COUNTED = {
    "claude_keys_count": "claude",
    "openai_keys_count": "openai",
    "gemini_keys_count": "gemini",
    "compat_keys_count": "openai-compat",
}


def config_view(snapshot: Snapshot, settings: ServerSettings | None) -> dict[str, Any]:
    """JSON values. ``settings`` are those of the listener, if there is one."""
    retry = snapshot.retry
    providers = [credential.provider for credential in snapshot.credentials]
    return {
        "version": snapshot.version,
        "host": None if settings is None else settings.host,
        "port": None if settings is None else settings.port,
        "tls": {"enable": settings is not None and settings.tls is not None},
        "api_keys_count": len(snapshot.client_keys),
        "routing": {"strategy": snapshot.strategy},
        "retry": {
            "max-retries": retry.attempts - 1,
            "max-backoff-secs": retry.max_backoff,
            "cooldown-429-secs": retry.cooldown_429,
            "cooldown-5xx-secs": retry.cooldown_5xx,
            "cooldown-network-secs": retry.cooldown_network,
        },
        "body_limit_mb": snapshot.body_limit >> 20,
        "streaming": {
            "keepalive-seconds": snapshot.keepalive,
            "bootstrap-retries": retry.stream_attempts - 1,
        },
        "connect_timeout": snapshot.timeouts.connect,
        "request_timeout": snapshot.timeouts.total,
        **{field: providers.count(provider) for field, provider in _COUNTED.items()},
        "snapshot": _shown(snapshot),
    }


def _shown(value: object) -> Any:
    if isinstance(value, Secret):
        return HIDDEN if value else None
    if isinstance(value, Struct):
        return {name: _field(name, getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(name): _shown(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal):
        return float(value)
    return HIDDEN if isinstance(value, bytes) else str(value)


def _field(name: str, value: Any) -> Any:
    if name in _PAIRS_OF_SECRETS:
        return {_path(each): HIDDEN for each, _ in value}
    if name == "sensitive_words":
        return [HIDDEN for _ in value]
    if name == "client_keys":
        return [_shown(key) for key in value.values()]  # by digest, in the snapshot
    return _shown(value)


def _path(name: object) -> str:
    return ".".join(map(str, name)) if isinstance(name, tuple) else str(name)
