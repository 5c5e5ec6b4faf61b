"""Who may use the gateway: client keys, administrators, proxies in front."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta

from aigw_core.config.schema.section import Section
from aigw_core.config.secret import Secret
from aigw_core.config.values import (
    Glob,
    Name,
    Network,
    check_key_hash,
    check_key_prefix,
    check_token,
)

Count = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]


class KeyEntry(Section, frozen=True, kw_only=True):
    """A key that clients present; a plain text stands for ``{key: text}``."""

    shorthand: ClassVar[str | None] = "key"

    key: Annotated[
        Secret | None,
        Meta(description="The key itself; or write `key-hash`.", extra={"check": check_token}),
    ] = None
    key_hash: Annotated[
        Secret | None,
        Meta(
            description="`sha256:` and 64 hex digits: the SHA-256 of the key.",
            extra={"check": check_key_hash},
        ),
    ] = None
    name: Annotated[
        Name | None, Meta(description="What logs call it. Default: `key-1` and so on.")
    ] = None
    expires_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="When it ends, RFC 3339 with a time zone. null: never."),
    ] = None
    created_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="When it was made, for people."),
    ] = None
    key_prefix: Annotated[
        str | None,
        Meta(
            description="How the key begins, for people who look for it beside a `key-hash`.",
            extra={"check": check_key_prefix},
        ),
    ] = None
    allowed_models: Annotated[
        tuple[Glob, ...], Meta(description="Patterns of models it may use. Empty: all.")
    ] = ()
    allowed_providers: Annotated[
        tuple[Glob, ...],
        Meta(description="Patterns of credential names or provider kinds. Empty: all."),
    ] = ()
    requests_per_minute: Annotated[
        Count | None, Meta(description="Requests in a minute. null: no limit.")
    ] = None
    tokens_per_minute: Annotated[
        Count | None, Meta(description="Tokens in a minute, both ways. null: no limit.")
    ] = None
    max_concurrent: Annotated[
        Count | None, Meta(description="Requests at the same time. null: no limit.")
    ] = None


class Admin(Section, frozen=True, kw_only=True):
    """Who reaches the administration routes and the metrics."""

    allow: Annotated[
        tuple[Network, ...],
        Meta(description="Networks (CIDR) beside loopback that reach /admin/* and /metrics."),
    ] = ()
    scrape_token: Annotated[
        Secret | None,
        Meta(
            description="A bearer token for scrapers of the metrics.", extra={"check": check_token}
        ),
    ] = None
