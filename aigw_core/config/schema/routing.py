"""Which credential a request goes to, how often it is tried, and under which name."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from aigw_core.config.schema.section import Section
from aigw_core.config.values import Glob, Name, Seconds

Retries = Annotated[int, Meta(ge=0, le=20)]


class Routing(Section, frozen=True, kw_only=True):
    """The choice among equal credentials."""

    strategy: Annotated[
        Literal[
            "round-robin",
            "weighted",
            "fill-first",
            "least-in-flight",
            "lowest-latency",
            "sticky-key",
            "sticky-session",
            "sticky-prefix",
        ],
        Meta(
            description="`round-robin`: in turn. `weighted`: in turn, by `weight`."
            " `fill-first`: the first usable one, in the order of the file."
            " `least-in-flight`: the fewest running requests for its `weight`."
            " `lowest-latency`: the quicker of two that are drawn by lot."
            " `sticky-...`: always the same for a client key, a session, or the beginning of"
            " a conversation, which keeps prompt caches warm."
        ),
    ] = "round-robin"


class Retry(Section, frozen=True, kw_only=True):
    """What happens after a failed attempt."""

    max_retries: Annotated[
        Retries, Meta(description="Attempts after the first one, of streams too.")
    ] = 2
    max_backoff_secs: Annotated[
        Seconds, Meta(description="Seconds: the longest pause between two attempts.")
    ] = 30.0
    cooldown_429_secs: Annotated[
        Seconds,
        Meta(description="Seconds a credential rests after a 429 that names no time. 0: off."),
    ] = 60.0
    cooldown_5xx_secs: Annotated[
        Seconds,
        Meta(description="Seconds a credential rests after a 5xx that names no time. 0: off."),
    ] = 15.0
    cooldown_network_secs: Annotated[
        Seconds, Meta(description="Seconds a credential rests after a network failure. 0: off.")
    ] = 10.0


class Streaming(Section, frozen=True, kw_only=True):
    """Streams towards clients."""

    keepalive_seconds: Annotated[
        Seconds, Meta(description="Seconds of silence before a sign of life. 0: off.")
    ] = 15.0
    bootstrap_retries: Annotated[
        Retries | None,
        Meta(
            description="Attempts after the first one, of streams. null: as `retry.max-retries`.",
        ),
    ] = None


class Fallback(Section, frozen=True, kw_only=True):
    """Other models to try when one cannot be had."""

    model: Annotated[Glob, Meta(description="A pattern of requested names.")]
    to: Annotated[
        Annotated[tuple[Name, ...], Meta(min_length=1)],
        Meta(description="Names to try after it, in order."),
    ]


class ProviderPin(Section, frozen=True, kw_only=True):
    """Models that only some credentials may serve."""

    model: Annotated[
        Glob, Meta(description="A pattern of requested names; the first rule that matches counts.")
    ]
    providers: Annotated[
        Annotated[tuple[Glob, ...], Meta(min_length=1)],
        Meta(description="Patterns of the names of credentials, or of kinds of provider."),
    ]


class Rewrite(Section, frozen=True, kw_only=True):
    """Another name for requested models."""

    from_: Annotated[
        Glob, Meta(description="A pattern of requested names; the first rule that matches counts.")
    ] = field(name="from")
    to: Annotated[Name, Meta(description="The name used in its place.")]
