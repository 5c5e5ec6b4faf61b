"""An entry of the four provider lists: an upstream account and what may be asked of it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from aigw_core.chat import Effort
from aigw_core.config.schema.section import Section
from aigw_core.config.secret import Secret
from aigw_core.config.values import (
    Glob,
    Name,
    Seconds,
    check_api_key,
    check_base_url,
    check_header_name,
    check_header_value,
    check_id,
    check_prefix,
    check_proxy_url,
    check_sensitive_word,
)

ProxyUrl = Annotated[Secret, Meta(extra={"check": check_proxy_url})]
HeaderName = Annotated[str, Meta(extra={"check": check_header_name})]
HeaderValue = Annotated[Secret, Meta(extra={"check": check_header_value})]
Word = Annotated[str, Meta(extra={"check": check_sensitive_word})]
Tokens = Annotated[int, Meta(ge=1, le=100_000_000)]


class ModelEntry(Section, frozen=True, kw_only=True):
    """A model that a credential serves."""

    id: Annotated[
        Name, Meta(description="The upstream's name of the model, or a pattern over such names.")
    ]
    alias: Annotated[
        Name | None,
        Meta(description="What clients call it, or a pattern. A pattern renames nothing."),
    ] = None


class CloakEntry(Section, frozen=True, kw_only=True):
    """Rewriting of requests for privacy and policy; the operator writes every text."""

    mode: Annotated[
        Literal["auto", "always", "never"],
        Meta(description="`auto`: all clients but those in `skip-user-agents`."),
    ] = "never"
    strict_mode: Annotated[
        bool,
        Meta(
            description="`true`: `system-prompt` replaces the client's; `false`: it goes in front."
        ),
    ] = False
    system_prompt: Annotated[
        str | None, Meta(description="The text. Required unless `mode` is `never`.")
    ] = None
    sensitive_words: Annotated[
        tuple[Word, ...],
        Meta(description="Words that become placeholders on the way out and come back in answers."),
    ] = ()
    whole_words: Annotated[
        bool,
        Meta(description="`false`: sensitive words are found inside longer words, too."),
    ] = True
    cache_user_id: Annotated[
        bool,
        Meta(
            description="`true`: one opaque user id for each client key; `false`: for each request."
        ),
    ] = False
    skip_user_agents: Annotated[
        tuple[Name, ...],
        Meta(description="Beginnings of `User-Agent` values that `mode: auto` leaves alone."),
    ] = ()


class TimeoutsEntry(Section, frozen=True, kw_only=True):
    """Time limits of one credential, in place of the general ones."""

    connect: Annotated[Seconds | None, Meta(description="Seconds, as `connect-timeout`.")] = None
    first_byte: Annotated[Seconds | None, Meta(description="Seconds, as `first-byte-timeout`.")] = (
        None
    )
    idle: Annotated[Seconds | None, Meta(description="Seconds, as `idle-timeout`.")] = None


class CapsEntry(Section, frozen=True, kw_only=True):
    """What the models behind a credential can do, where it differs from the usual."""

    thinking: Annotated[
        Literal["none", "effort", "adaptive", "budget", "level", "default"] | UnsetType,
        Meta(description="How reasoning is asked for. `default`: as the wire format usually does."),
    ] = UNSET
    efforts: Annotated[
        tuple[Effort, ...] | UnsetType, Meta(description="Efforts that the model knows.")
    ] = UNSET
    budget_min: Annotated[
        Tokens | UnsetType, Meta(description="Tokens: the least reasoning budget.")
    ] = UNSET
    budget_max: Annotated[
        Tokens | UnsetType, Meta(description="Tokens: the largest reasoning budget.")
    ] = UNSET
    thinking_off: Annotated[
        bool | UnsetType, Meta(description="Reasoning can be switched off.")
    ] = UNSET
    sampling: Annotated[
        bool | UnsetType | None,
        Meta(description="Takes temperature and the like. null: as the wire format usually does."),
    ] = UNSET
    max_output: Annotated[
        Tokens | UnsetType | None, Meta(description="Tokens: the most that an answer may have.")
    ] = UNSET
    default_max_tokens: Annotated[
        Tokens | UnsetType,
        Meta(
            description="Tokens: the limit sent when a client names none but the format needs one."
        ),
    ] = UNSET
    token_field: Annotated[
        Literal["max_completion_tokens", "max_tokens"] | UnsetType,
        Meta(
            description="The field of that limit. Default under openai-compatibility: max_tokens."
        ),
    ] = UNSET
    prefill: Annotated[bool | UnsetType, Meta(description="Continues a last assistant turn.")] = (
        UNSET
    )
    mid_system: Annotated[
        bool | UnsetType, Meta(description="Takes system messages between other turns.")
    ] = UNSET
    forced_tool_with_thinking: Annotated[
        bool | UnsetType, Meta(description="A tool may be forced while reasoning is on.")
    ] = UNSET
    tool_result_media: Annotated[
        tuple[Name, ...] | UnsetType | None,
        Meta(description="Media kinds allowed in tool results. null: as the format usually does."),
    ] = UNSET
    json_schema: Annotated[bool | UnsetType, Meta(description="Answers by a JSON Schema.")] = UNSET
    schema_dialect: Annotated[
        Literal["json_schema", "openapi_subset"] | UnsetType,
        Meta(description="The dialect that schemas are written in."),
    ] = UNSET
    parallel_flag: Annotated[
        bool | UnsetType, Meta(description="Knows the switch for parallel tool calls.")
    ] = UNSET
    block_binding: Annotated[
        bool | UnsetType, Meta(description="Can drop reasoning that fits no longer.")
    ] = UNSET
    stream_usage_option: Annotated[
        bool | UnsetType, Meta(description="Knows the switch for usage in streams.")
    ] = UNSET
    needs_reasoning_content: Annotated[
        bool | UnsetType, Meta(description="Wants earlier reasoning back with tool calls.")
    ] = UNSET
    api_version: Annotated[
        Name | UnsetType | None, Meta(description="The version header, where the format has one.")
    ] = UNSET
    reads_seals_of: Annotated[
        tuple[Name, ...] | UnsetType,
        Meta(description="Models whose signed reasoning this one accepts."),
    ] = UNSET
    cache_marks: Annotated[
        bool | UnsetType | None,
        Meta(description="Takes marks for prompt caches. null: as the format usually does."),
    ] = UNSET


class CredentialEntry(Section, frozen=True, kw_only=True):
    """An upstream account."""

    api_key: Annotated[
        Secret,
        Meta(
            description="The upstream's key. An entry whose key is empty is left out.",
            extra={"check": check_api_key},
        ),
    ]
    base_url: Annotated[
        str | None,
        Meta(
            description="Where the upstream is, without `/v1`. Default: the vendor's own address;"
            " required under openai-compatibility.",
            extra={"check": check_base_url},
        ),
    ] = None
    proxy_url: Annotated[
        ProxyUrl | None,
        Meta(description='The proxy to it; "" = none, null = the general `proxy-url`.'),
    ] = None
    prefix: Annotated[
        str | None,
        Meta(
            description="A literal beginning of model names that leads here and is taken off,"
            " such as `team-a/`.",
            extra={"check": check_prefix},
        ),
    ] = None
    models: Annotated[
        tuple[ModelEntry, ...], Meta(description="What it serves. Empty: every model.")
    ] = ()
    excluded_models: Annotated[
        tuple[Glob, ...],
        Meta(description="Patterns of models that it does not serve, by either name."),
    ] = ()
    headers: Annotated[
        dict[HeaderName, HeaderValue],
        Meta(
            description="Request headers to add or replace. `$name` stands for the client's header."
        ),
    ] = field(default_factory=dict)
    disabled: Annotated[bool, Meta(description="Never used.")] = False
    name: Annotated[
        Name | None,
        Meta(description="What logs, headers and key policies call it. Default: `claude-1` etc."),
    ] = None
    id: Annotated[
        str | None,
        Meta(
            description="What health, counters and the dashboard know it by; the dashboard writes"
            " it. Default: a hash of kind, address, key and prefix.",
            extra={"check": check_id},
        ),
    ] = None
    cloak: Annotated[
        CloakEntry, Meta(description="Rewriting of requests; in force under claude-api-key only.")
    ] = CloakEntry()
    wire_api: Annotated[
        Literal["chat", "responses"],
        Meta(
            description="The wire format to speak; in force under openai-api-key and"
            " openai-compatibility only."
        ),
    ] = "chat"
    weight: Annotated[
        int, Meta(ge=1, le=1000, description="Its share among equals: 1 to 1000.")
    ] = 1
    priority: Annotated[
        int,
        Meta(ge=-1000, le=1000, description="Credentials of a higher priority are tried first."),
    ] = 0
    timeouts: Annotated[TimeoutsEntry, Meta(description="Time limits of its own.")] = (
        TimeoutsEntry()
    )
    caps: Annotated[CapsEntry, Meta(description="What its models can do.")] = CapsEntry()
    auth_style: Annotated[
        Literal["x-api-key", "bearer", "x-goog-api-key"] | None,
        Meta(
            description="The header that bears the key. Default: the vendor's own, and bearer"
            " where an Anthropic format is spoken by another host."
        ),
    ] = None
    allow_insecure: Annotated[
        bool, Meta(description="Permits plain http beyond loopback and private networks.")
    ] = False
