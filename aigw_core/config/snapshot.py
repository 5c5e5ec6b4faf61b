"""The compiled configuration. A request holds one snapshot from start to end.

Everything is resolved: secrets are known, defaults are filled in, names are
indexed. Publishing a snapshot is one assignment. What changes while requests
run (health, counters) lives elsewhere, keyed by the stable identifiers here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from typing import Any

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


class Cloak(Struct, frozen=True, gc=False):
    """Rewriting of requests that go to one credential."""

    always: bool
    """Else ``skip_user_agents`` are left alone."""
    replace_system: bool
    """Else ``system_prompt`` goes in front of the client's."""
    system_prompt: str
    sensitive_words: tuple[str, ...] = ()
    user_id_per_key: bool = False
    """Else one for each request."""
    skip_user_agents: tuple[str, ...] = ()
    whole_words: bool = True
    """Else sensitive words are found inside longer ones, too."""


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
    allow_insecure: bool = False
    """Plain http may leave loopback and private networks."""
    cloak: Cloak | None = None
    source: str = ""
    """Where the configuration has it: ``claude-api-key[0]``; empty: it is built in."""


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
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_concurrent: int | None = None
    masked: str = ""
    """What may be shown of the key."""
    created_at: float | None = None
    """Unix seconds."""

    @property
    def limited(self) -> bool:
        """It may not use as much as there is."""
        return (
            self.requests_per_minute is not None
            or self.tokens_per_minute is not None
            or self.max_concurrent is not None
        )


class RetryPolicy(Struct, frozen=True, gc=False):
    attempts: int = 3
    """Upstream calls for one request without a stream."""
    stream_attempts: int = 3
    max_backoff: float = 30.0
    cooldown_429: float = 60.0
    cooldown_5xx: float = 15.0
    cooldown_network: float = 10.0
    """Seconds; 0 = off."""


Steps = tuple[str | int, ...]
"""The way to a value: keys of objects, positions in arrays."""


class PayloadMatch(Struct, frozen=True):
    """What a payload rule is for. All that is said must hold."""

    name: str
    """A glob of the upstream's name of the model, or of the client's."""
    protocol: str | None = None
    """A kind of provider, or a wire format of upstreams; lower case."""
    client: Format | None = None
    """The wire format of the client."""
    headers: Headers = ()
    """Lower-case names of client headers, and globs of their values."""
    match: tuple[tuple[Steps, Any], ...] = ()
    """Values that the translated request has."""
    not_match: tuple[tuple[Steps, Any], ...] = ()
    """Values that it does not have."""
    exist: tuple[Steps, ...] = ()
    """What it has, and not as ``null``."""
    not_exist: tuple[Steps, ...] = ()


class PayloadRule(Struct, frozen=True):
    """A change to translated requests."""

    source: str
    """Where the configuration has it: ``payload.default[0]``."""
    matches: tuple[PayloadMatch, ...]
    """One that holds is enough."""
    params: tuple[tuple[Steps, bytes | None], ...]
    """Where, and the JSON to put there; ``None`` in rules that take out. In the order
    in which they are applied."""


class PayloadRules(Struct, frozen=True):
    """Applied in this order, each in the order of the configuration."""

    default: tuple[PayloadRule, ...] = ()
    override: tuple[PayloadRule, ...] = ()
    filter: tuple[PayloadRule, ...] = ()


class Price(Struct, frozen=True):
    """USD for a million tokens."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    cache_write_long: Decimal | None = None
    """Written for an hour or more; ``None``: as ``cache_write``."""
    reasoning: Decimal | None = None
    """``None``: as ``output``."""
    audio_input: Decimal | None = None
    """``None``: as ``input``."""
    audio_output: Decimal | None = None
    long: Price | None = None
    """Of requests whose prompt has more than ``long_above`` tokens."""
    long_above: int = 0


class CapturePolicy(Struct, frozen=True, gc=False):
    """Which bodies are kept. Empty globs: all."""

    keys: tuple[str, ...]
    models: tuple[str, ...]
    max_body: int
    """Bytes of each body."""
    retention: float
    """Seconds."""


class DashboardAccess(Struct, frozen=True):
    """How the dashboard is reached."""

    username: str
    password_hash: Secret | None
    """bcrypt; ``None``: no sign-in by password."""
    jwt_secret: Secret | None
    """``None``: the shell keeps one of its own."""
    session: float
    """Seconds that a token is good for."""
    ws_query_token: bool
    previous_jwt_secret: Secret | None = None
    """Sessions that it signed still count."""
    session_limit: float = 86_400.0
    """Seconds from a sign-in after which there has to be another, however often the token
    was renewed."""


Networks = tuple[IPv4Network | IPv6Network, ...]


class Snapshot(Struct, frozen=True):
    version: str
    """SHA-256 of the file, first 12 hex digits; ``builtin`` without a file."""
    generation: int = 1
    """How many configurations this process has had in force, with this one."""
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
    """Lower-case names of headers of upstream answers that clients get to see."""
    keepalive_expiry: float = 4.0
    """Seconds that an unused upstream connection is kept."""
    non_stream_keepalive: float = 0.0
    """Seconds between spaces ahead of a slow answer; 0 = off."""
    check_grammar: bool = False
    timeouts: Timeouts = Timeouts()
    """Of credentials that name none of their own."""
    fallbacks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Globs of requested names, and the names to try after them."""
    provider_pins: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Globs of names, and the globs of credentials or providers that alone may serve them."""
    trusted_proxies: Networks = ()
    admin_networks: Networks = ()
    """Beside loopback."""
    scrape_token: Secret | None = None
    payload: PayloadRules = PayloadRules()
    cloak_headers: Headers = ()
    """For Claude upstreams whose cloak is active."""
    seal_secret: Secret | None = None
    """``None``: the shell keeps one of its own."""
    previous_seal_secret: Secret | None = None
    prices: Mapping[str, Price] = {}
    """By model; before the built-in ones."""
    capture: CapturePolicy | None = None
    """``None``: bodies are not kept."""
    dashboard: DashboardAccess | None = None
    """``None``: not served."""
    max_requests: int = 0
    """Under way at once in each process; 0 = no limit."""
    memory_limit: int | None = None
    """Bytes that each process may use; 0 = no limit. ``None``: what its cgroup may."""

    @property
    def label(self) -> str:
        """The version, and which configuration of its process it is: ``0123456789ab/2``."""
        return f"{self.version}/{self.generation}"
