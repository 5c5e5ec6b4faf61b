"""The process: listener, logging, daemon, state, and what is recorded."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

from aigw_core.config.schema.section import Section
from aigw_core.config.secret import Secret
from aigw_core.config.values import (
    Glob,
    Name,
    Seconds,
    check_name,
    check_password_hash,
    check_price,
    check_redis_url,
    check_strong_secret,
)

FilePath = Annotated[str, Meta(extra={"check": check_name})]
Days = Annotated[int, Meta(ge=1, le=36_500)]
UsdPerMillion = Annotated[Decimal, Meta(extra={"check": check_price})]


class Tls(Section, frozen=True, kw_only=True):
    """HTTPS on the listener. All but ``enable`` is in force without a restart."""

    enable: Annotated[
        bool, Meta(description="Serve HTTPS in place of HTTP.", extra={"restart": True})
    ] = False
    cert: Annotated[FilePath | None, Meta(description="File of the certificate chain, PEM.")] = None
    key: Annotated[FilePath | None, Meta(description="File of the private key, PEM.")] = None
    client_ca: Annotated[
        FilePath | None,
        Meta(description="File of the authorities of client certificates, PEM."),
    ] = None
    client_auth: Annotated[
        Literal["none", "optional", "required"],
        Meta(
            description="Certificates of clients. `optional`: one that is shown must be good."
            " API keys are needed all the same."
        ),
    ] = "none"


class Log(Section, frozen=True, kw_only=True):
    """The log of the process."""

    format: Annotated[
        Literal["text", "json"], Meta(description="Lines for people, or JSON lines.")
    ] = "text"
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least level shown.")
    ] = "info"
    dir: Annotated[
        FilePath | None,
        Meta(description="Folder of daily log files. null: standard output only."),
    ] = None
    retention_days: Annotated[Days, Meta(description="Days that log files are kept.")] = 14


class Daemon(Section, frozen=True, kw_only=True):
    """Running in the background."""

    pid_file: Annotated[FilePath, Meta(description="File of the process id.")] = "./aigw.pid"
    shutdown_timeout: Annotated[
        Seconds, Meta(description="Seconds that running requests get at shutdown.")
    ] = 30.0


class Overload(Section, frozen=True, kw_only=True):
    """What the gateway takes on at most."""

    max_requests: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Requests under way at once in each process; what comes beyond them gets"
            " 503. 0: no limit.",
        ),
    ] = 0
    memory_limit_mb: Annotated[
        Annotated[int, Meta(ge=0, le=1 << 30)] | None,
        Meta(
            description="MiB that each process may use. From 85 % on new requests get 503; from"
            " 95 % on the clients that leave most unread are dropped. null: what the cgroup of the"
            " process may use, together with all that is in it. 0: no limit.",
        ),
    ] = None
    newcomers_per_address: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Connections that one address may have open for more than a second or two"
            " without a first request; addresses of `trusted-proxies` may have any number."
            " 0: no limit.",
            extra={"restart": True},
        ),
    ] = 64


class State(Section, frozen=True, kw_only=True):
    """Where counters, cooldowns and the request log are kept."""

    path: Annotated[
        FilePath | None,
        Meta(description="Folder of the SQLite files. null: the user's state folder."),
    ] = None
    redis: Annotated[
        Secret | None,
        Meta(
            description="redis://HOST:PORT/DB, for state shared by several machines;"
            " rediss:// for TLS.",
            extra={"check": check_redis_url},
        ),
    ] = None


class RequestLog(Section, frozen=True, kw_only=True):
    """The record of requests."""

    max_rows: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="Rows kept; the oldest go first. 0: no log.")
    ] = 1_000_000
    retention_days: Annotated[Days, Meta(description="Days that rows are kept.")] = 30


class Dashboard(Section, frozen=True, kw_only=True):
    """The web dashboard and its API."""

    enabled: Annotated[bool, Meta(description="Serve it.")] = False
    username: Annotated[Name, Meta(description="The operator's name.")] = "admin"
    password_hash: Annotated[
        Secret | None,
        Meta(
            description="A bcrypt hash. null or empty: no sign-in by password.",
            extra={"check": check_password_hash},
        ),
    ] = None
    jwt_secret: Annotated[
        Secret | None,
        Meta(
            description="Signs sessions; 32 bytes or more. null: DASHBOARD_JWT_SECRET, else made"
            " once and kept.",
            extra={"check": check_strong_secret},
        ),
    ] = None
    previous_jwt_secret: Annotated[
        Secret | None,
        Meta(
            description="Sessions signed by it still count, while the secret is changed.",
            extra={"check": check_strong_secret},
        ),
    ] = None
    jwt_ttl_secs: Annotated[
        int, Meta(ge=60, le=30 * 86_400, description="Seconds that a session token is good for.")
    ] = 3600
    session_limit_hours: Annotated[
        int,
        Meta(ge=1, le=720, description="Hours after which an operator has to sign in again."),
    ] = 24
    ws_query_token: Annotated[
        bool, Meta(description="Take a WebSocket's token from its URL as well.")
    ] = True


class Seals(Section, frozen=True, kw_only=True):
    """Keys of the envelopes that carry signed reasoning through other formats."""

    secret: Annotated[
        Secret | None,
        Meta(
            description="32 bytes or more, the same on every node. null: made once and kept.",
            extra={"check": check_strong_secret},
        ),
    ] = None
    previous: Annotated[
        Secret | None,
        Meta(
            description="The secret before this one; still opens envelopes.",
            extra={"check": check_strong_secret},
        ),
    ] = None


class Price(Section, frozen=True, kw_only=True):
    """What a model costs."""

    input: Annotated[UsdPerMillion, Meta(description="USD for a million input tokens.")]
    output: Annotated[UsdPerMillion, Meta(description="USD for a million output tokens.")]
    cache_read: Annotated[
        UsdPerMillion | None,
        Meta(description="USD for a million tokens read from a cache. null: as `input`."),
    ] = None
    cache_write: Annotated[
        UsdPerMillion | None,
        Meta(description="USD for a million tokens written to a cache. null: as `input`."),
    ] = None
    cache_write_long: Annotated[
        UsdPerMillion | None,
        Meta(
            description="USD for a million tokens written to a cache for an hour or more. null: as"
            " `cache-write`."
        ),
    ] = None
    reasoning: Annotated[
        UsdPerMillion | None,
        Meta(description="USD for a million tokens of reasoning. null: as `output`."),
    ] = None


class Capture(Section, frozen=True, kw_only=True):
    """Keeping the bodies of requests and answers."""

    enabled: Annotated[bool, Meta(description="Keep bodies.")] = False
    keys: Annotated[
        tuple[Glob, ...], Meta(description="Patterns of client key names. Empty: all.")
    ] = ()
    models: Annotated[tuple[Glob, ...], Meta(description="Patterns of models. Empty: all.")] = ()
    max_body_bytes: Annotated[
        int, Meta(ge=0, le=1 << 30, description="Bytes kept of each body.")
    ] = 1 << 20
    retention_hours: Annotated[
        int, Meta(ge=1, le=876_000, description="Hours that bodies are kept.")
    ] = 72


class Debug(Section, frozen=True, kw_only=True):
    """Aids for the developers of aigw."""

    check_grammar: Annotated[
        bool,
        Meta(
            description="Check one in 64 of the streams that are translated, while they are sent, "
            "against the rules of the client's format. What breaks them is logged as an error, "
            "without contents, and counted in /metrics; the stream is not changed."
        ),
    ] = False
