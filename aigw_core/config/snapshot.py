"""The compiled configuration. A request holds one snapshot from start to end.

Everything is resolved: secrets are known, defaults are filled in, names are
indexed. Publishing a snapshot is one assignment. What changes while requests
run (health, counters) lives elsewhere, keyed by the stable identifiers here.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from aigw_core.chat import Format
from aigw_core.codec import Caps, Headers
from aigw_core.config.secret import Secret


class ServedModel(Struct, frozen=True, gc=False):
    id: str
    """The upstream's name, or a glob over such names."""
    alias: str | None = None
    """What clients call it, or a glob."""


class Timeouts(Struct, frozen=True, gc=False):
    """Seconds; 0 = no limit."""

    connect: float = 10.0
    first_byte: float = 300.0
    """Streams: until the first event of the upstream."""
    idle: float = 300.0
    """Streams: between two reads."""
    total: float = 600.0
    """A whole non-streaming attempt."""
    stream_total: float = 0.0


class Credential(Struct, frozen=True):
    """An upstream account: key, address, and what may be asked of it."""

    id: str
    """Stable over reloads: a hash of provider, base URL, key and prefix."""
    provider: str
    """``claude``, ``openai``, ``gemini``, ``openai-compat`` or ``echo``."""
    name: str
    """For people and headers: the configured name, else ``claude-1`` and so on."""
    format: Format
    """The wire format it speaks."""
    base_url: str
    api_key: Secret
    auth_style: str
    """``bearer``, ``x-api-key``, ``x-goog-api-key`` or ``none``."""
    position: int
    """Order in the configuration."""
    models: tuple[ServedModel, ...] = ()
    """Empty: every model."""
    excluded_models: tuple[str, ...] = ()
    prefix: str = ""
    headers: Headers = ()
    proxy_url: Secret | None = None
    """``None`` = direct. May hold a password."""
    timeouts: Timeouts = Timeouts()
    caps: Caps = Caps()
    weight: int = 1
    priority: int = 0
    disabled: bool = False


class ClientKey(Struct, frozen=True):
    """A key that clients present."""

    id: str
    """The first 8 hex digits of the digest."""
    name: str
    digest: bytes
    """SHA-256 of the key."""
    expires_at: float | None = None
    """Unix seconds."""
    allowed_models: tuple[str, ...] = ()
    allowed_providers: tuple[str, ...] = ()


class RetryPolicy(Struct, frozen=True, gc=False):
    attempts: int = 3
    """Upstream calls for one request without a stream."""
    stream_attempts: int = 3
    max_backoff: float = 30.0
    cooldown_429: float = 60.0
    cooldown_5xx: float = 15.0
    cooldown_network: float = 10.0
    """Seconds; 0 = off."""


class Snapshot(Struct, frozen=True):
    version: str
    """SHA-256 of the file, first 12 hex digits; ``builtin`` without a file."""
    credentials: tuple[Credential, ...] = ()
    """In the order of the configuration; none that is unusable."""
    client_keys: Mapping[bytes, ClientKey] = {}
    """By digest."""
    allow_anonymous: bool | None = None
    """``None``: loopback peers only, and only without a configuration file."""
    from_file: bool = False
    strategy: str = "round-robin"
    force_model_prefix: bool = False
    retry: RetryPolicy = RetryPolicy()
    keepalive: float = 15.0
    """Seconds of silence towards the client before a keepalive; 0 = off."""
    write_timeout: float = 60.0
    body_limit: int = 32 << 20
    strict_mapping: bool = False
    echo: str = "auto"
    """``auto``, ``on`` or ``off``."""
    model_rewrites: tuple[tuple[str, str], ...] = ()
    passthrough_headers: tuple[str, ...] = ()
