"""What credentials and client keys are called, and by what they are known again.

Identifiers depend on what an entry is, not on where it stands, so that health
and counters survive a reload that moves it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import msgspec

from aigw_core.config.schema import Config, CredentialEntry, KeyEntry
from aigw_core.config.secret import Secret

PROVIDERS: Mapping[str, str] = {
    "claude-api-key": "claude",
    "openai-api-key": "openai",
    "gemini-api-key": "gemini",
    "openai-compatibility": "openai-compat",
}
"""The lists of credentials, and what kind of provider each one holds."""


def credential_lists(config: Config) -> Iterator[tuple[str, tuple[CredentialEntry, ...]]]:
    """Key and entries of each list, in the order of ``PROVIDERS``."""
    yield "claude-api-key", config.claude_api_key
    yield "openai-api-key", config.openai_api_key
    yield "gemini-api-key", config.gemini_api_key
    yield "openai-compatibility", config.openai_compatibility


def credential_name(kind: str, position: int, entry: CredentialEntry) -> str:
    """The configured name, else ``claude-1`` for the first of its list."""
    return entry.name or f"{PROVIDERS[kind]}-{position + 1}"


def credential_id(provider: str, base_url: str, entry: CredentialEntry) -> str:
    """What it is written to be known by, else twelve hex digits of a hash over provider,
    address, key and prefix."""
    if entry.id is not None:
        return entry.id
    parts = (provider, base_url, entry.api_key.reveal(), entry.prefix or "")
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:12]


def repeated(entries: tuple[CredentialEntry, ...]) -> frozenset[int]:
    """Positions of entries that are wholly equal to an earlier one."""
    by_key: dict[Secret, list[CredentialEntry]] = {}
    positions: set[int] = set()
    for at, entry in enumerate(entries):
        earlier = by_key.setdefault(entry.api_key, [])
        if entry in earlier:
            positions.add(at)
        else:
            earlier.append(entry)
    return frozenset(positions)


def key_name(position: int, entry: KeyEntry) -> str:
    return entry.name or f"key-{position + 1}"


def key_digest(entry: KeyEntry) -> bytes:
    """The SHA-256 of a client key, which has either ``key`` or ``key_hash``."""
    if entry.key_hash is not None:
        return bytes.fromhex(entry.key_hash.reveal().partition(":")[2])
    assert entry.key is not None
    return hashlib.sha256(entry.key.reveal().encode()).digest()
