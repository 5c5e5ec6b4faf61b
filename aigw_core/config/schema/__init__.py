"""The configuration file, as it is written: every key with its type, limits and default.

:class:`Config` is the whole file. What is written here feeds the decoder, the
JSON Schema and the table of the manual. The names of keys are kebab-case;
times are seconds unless the key says otherwise.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from aigw_core.config.schema.access import Admin, KeyEntry
from aigw_core.config.schema.credential import (
    CapsEntry,
    CloakEntry,
    CredentialEntry,
    HeaderName,
    HeaderValue,
    ModelEntry,
    ProxyUrl,
    TimeoutsEntry,
)
from aigw_core.config.schema.payload import FilterRule, ModelMatch, Payload, RawRule, SetRule
from aigw_core.config.schema.routing import (
    Fallback,
    ProviderPin,
    Retry,
    Rewrite,
    Routing,
    Streaming,
)
from aigw_core.config.schema.section import Section
from aigw_core.config.schema.server import (
    Capture,
    Daemon,
    Dashboard,
    Debug,
    Log,
    Overload,
    Price,
    RequestLog,
    Seals,
    State,
    Tls,
)
from aigw_core.config.values import Name, Network, Seconds, check_host, check_passed_header

__all__ = [
    "Admin",
    "CapsEntry",
    "Capture",
    "CloakEntry",
    "Config",
    "CredentialEntry",
    "Daemon",
    "Dashboard",
    "Debug",
    "Fallback",
    "FilterRule",
    "KeyEntry",
    "Log",
    "ModelEntry",
    "ModelMatch",
    "Overload",
    "Payload",
    "Price",
    "ProviderPin",
    "RawRule",
    "RequestLog",
    "Retry",
    "Rewrite",
    "Routing",
    "Seals",
    "Section",
    "SetRule",
    "State",
    "Streaming",
    "TimeoutsEntry",
    "Tls",
]

PassedHeader = Annotated[str, Meta(extra={"check": check_passed_header})]


class Config(Section, frozen=True, kw_only=True):
    """Configuration of aigw."""

    host: Annotated[
        str,
        Meta(
            description="Listen address. 127.0.0.1 without a file, or with one that says nothing.",
            extra={"check": check_host, "restart": True},
        ),
    ] = "0.0.0.0"
    port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="Listen port; 0: any free one.",
            extra={"restart": True},
        ),
    ] = 8317
    tls: Annotated[Tls, Meta(description="HTTPS on the listener.")] = Tls()
    workers: Annotated[
        int, Meta(ge=1, le=256, description="Serving processes.", extra={"restart": True})
    ] = 1
    api_keys: Annotated[
        tuple[KeyEntry, ...],
        Meta(description="Keys that clients present: plain texts, or maps with the keys below."),
    ] = ()
    allow_anonymous: Annotated[
        bool | Literal["auto"],
        Meta(
            description="Serve clients without a key. `auto`: only from this machine, and only when"
            " no configuration file was read."
        ),
    ] = "auto"
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Meta(description="Networks (CIDR) whose forwarding headers are believed."),
    ] = ()
    admin: Annotated[Admin, Meta(description="Administration routes and metrics.")] = Admin()
    echo: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="The built-in test models. `auto`: while only this machine can reach the"
            " listener."
        ),
    ] = "auto"

    claude_api_key: Annotated[
        tuple[CredentialEntry, ...], Meta(description="Accounts that speak Anthropic Messages.")
    ] = ()
    openai_api_key: Annotated[
        tuple[CredentialEntry, ...], Meta(description="Accounts at OpenAI.")
    ] = ()
    gemini_api_key: Annotated[
        tuple[CredentialEntry, ...], Meta(description="Accounts that speak Gemini.")
    ] = ()
    openai_compatibility: Annotated[
        tuple[CredentialEntry, ...],
        Meta(description="Accounts at other servers that speak an OpenAI format."),
    ] = ()

    proxy_url: Annotated[
        ProxyUrl | None,
        Meta(description="Proxy to all upstreams: http, https or socks5. null: none."),
    ] = None
    connect_timeout: Annotated[
        Seconds, Meta(description="Seconds to connect to an upstream. 0: no limit.")
    ] = 10.0
    first_byte_timeout: Annotated[
        Seconds, Meta(description="Seconds until the first event of a stream. 0: no limit.")
    ] = 300.0
    idle_timeout: Annotated[
        Seconds, Meta(description="Seconds between two reads of a stream. 0: no limit.")
    ] = 300.0
    write_timeout: Annotated[
        Seconds, Meta(description="Seconds that a client may leave an answer unread. 0: no limit.")
    ] = 60.0
    request_timeout: Annotated[
        Seconds, Meta(description="Seconds of a whole request without a stream. 0: no limit.")
    ] = 600.0
    stream_total_timeout: Annotated[
        Seconds, Meta(description="Seconds of a whole stream. 0: no limit.")
    ] = 0.0
    keepalive_expiry: Annotated[
        Seconds,
        Meta(
            description="Seconds that an unused upstream connection is kept.",
            extra={"restart": True},
        ),
    ] = 4.0
    body_limit_mb: Annotated[
        int, Meta(ge=1, le=1024, description="MiB: the largest request body.")
    ] = 32
    non_stream_keepalive_secs: Annotated[
        Seconds,
        Meta(description="Seconds between spaces sent ahead of a slow answer. 0: off."),
    ] = 0.0
    streaming: Annotated[Streaming, Meta(description="Streams towards clients.")] = Streaming()
    overload: Annotated[Overload, Meta(description="What is taken on at most.")] = Overload()

    routing: Annotated[Routing, Meta(description="Choice among credentials.")] = Routing()
    retry: Annotated[Retry, Meta(description="Failed attempts.")] = Retry()
    force_model_prefix: Annotated[
        bool,
        Meta(description="A credential with a prefix answers only names that begin with it."),
    ] = False
    model_rewrites: Annotated[
        tuple[Rewrite, ...], Meta(description="Other names for requested models.")
    ] = ()
    fallbacks: Annotated[tuple[Fallback, ...], Meta(description="Models to try after others.")] = ()
    provider_pins: Annotated[
        tuple[ProviderPin, ...], Meta(description="Models that only some credentials may serve.")
    ] = ()

    payload: Annotated[Payload, Meta(description="Changes to translated requests.")] = Payload()
    strict_mapping: Annotated[
        bool, Meta(description="Refuse requests that cannot be translated without loss.")
    ] = False
    passthrough_headers: Annotated[
        tuple[PassedHeader, ...],
        Meta(description="Headers of upstream answers that clients get to see."),
    ] = ()
    claude_header_defaults: Annotated[
        dict[HeaderName, HeaderValue],
        Meta(description="Request headers for Claude upstreams whose cloak is active."),
    ] = field(default_factory=dict)
    seals: Annotated[Seals, Meta(description="Keys of the envelopes of reasoning signatures.")] = (
        Seals()
    )

    dashboard: Annotated[Dashboard, Meta(description="The web dashboard.")] = Dashboard()
    request_log: Annotated[
        RequestLog, Meta(description="The record of requests.", extra={"restart": True})
    ] = RequestLog()
    capture: Annotated[Capture, Meta(description="Keeping bodies.")] = Capture()
    model_prices: Annotated[
        dict[Name, Price], Meta(description="Prices by model, before the built-in ones.")
    ] = field(default_factory=dict)
    log: Annotated[Log, Meta(description="The log of the process.", extra={"restart": True})] = (
        Log()
    )
    daemon: Annotated[
        Daemon, Meta(description="Running in the background.", extra={"restart": True})
    ] = Daemon()
    state: Annotated[State, Meta(description="Where state is kept.", extra={"restart": True})] = (
        State()
    )
    debug: Annotated[Debug, Meta(description="Aids for developers.")] = Debug()
