"""Payload rules: changes to translated requests, by model and by what a request has."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from aigw_core.config.schema.section import Section
from aigw_core.config.values import (
    Glob,
    check_changed_path,
    check_client_format,
    check_json_text,
    check_payload_path,
    check_protocol,
    check_seen_header,
)

FieldPath = Annotated[str, Meta(extra={"check": check_payload_path})]
ChangedPath = Annotated[str, Meta(extra={"check": check_changed_path})]
JsonText = Annotated[str, Meta(extra={"check": check_json_text})]
SeenHeader = Annotated[str, Meta(extra={"check": check_seen_header})]


class ModelMatch(Section, frozen=True, kw_only=True):
    """Requests that a rule is for; all that is written must hold."""

    name: Annotated[
        Glob, Meta(description="A pattern of models, by the upstream's name or the client's.")
    ]
    protocol: Annotated[
        str | None,
        Meta(
            description="openai, claude, gemini or openai-compat, or the upstream's wire format:"
            " chat, messages, responses. null: all.",
            extra={"check": check_protocol},
        ),
    ] = None
    from_protocol: Annotated[
        str | None,
        Meta(
            description="The client's wire format: chat (or openai), messages (or claude),"
            " responses, gemini. null: all.",
            extra={"check": check_client_format},
        ),
    ] = None
    headers: Annotated[
        dict[SeenHeader, Glob],
        Meta(description="Headers of the client's request, and patterns of their values."),
    ] = field(default_factory=dict)
    match: Annotated[
        dict[FieldPath, Any], Meta(description="Paths and the values that must be there.")
    ] = field(default_factory=dict)
    not_match: Annotated[
        dict[FieldPath, Any], Meta(description="Paths and values that must not be there.")
    ] = field(default_factory=dict)
    exist: Annotated[
        tuple[FieldPath, ...], Meta(description="Paths at which there must be something.")
    ] = ()
    not_exist: Annotated[
        tuple[FieldPath, ...],
        Meta(description="Paths at which there must be nothing, or null."),
    ] = ()


Matches = Annotated[tuple[ModelMatch, ...], Meta(min_length=1)]


class SetRule(Section, frozen=True, kw_only=True):
    """Fields to set."""

    models: Annotated[Matches, Meta(description="For which requests; one match is enough.")]
    params: Annotated[
        Annotated[dict[ChangedPath, Any], Meta(min_length=1)],
        Meta(
            description="Dotted paths and the values to set. A number is a position in a list;"
            " `\\.` is a dot in a name."
        ),
    ]


class RawRule(Section, frozen=True, kw_only=True):
    """Fields to set, with the values as JSON texts."""

    models: Annotated[Matches, Meta(description="For which requests; one match is enough.")]
    params: Annotated[
        Annotated[dict[ChangedPath, JsonText], Meta(min_length=1)],
        Meta(description="Dotted paths and JSON texts, which are sent as they stand."),
    ]


class FilterRule(Section, frozen=True, kw_only=True):
    """Fields to take out."""

    models: Annotated[Matches, Meta(description="For which requests; one match is enough.")]
    params: Annotated[
        Annotated[tuple[ChangedPath, ...], Meta(min_length=1)],
        Meta(description="Dotted paths of the fields."),
    ]


class Payload(Section, frozen=True, kw_only=True):
    """Changes to the translated request, in the order of these keys."""

    default: Annotated[tuple[SetRule, ...], Meta(description="Set where the field is absent.")] = ()
    default_raw: Annotated[
        tuple[RawRule, ...], Meta(description="The same, with values as JSON texts.")
    ] = ()
    override: Annotated[tuple[SetRule, ...], Meta(description="Set always.")] = ()
    override_raw: Annotated[
        tuple[RawRule, ...], Meta(description="The same, with values as JSON texts.")
    ] = ()
    filter: Annotated[tuple[FilterRule, ...], Meta(description="Take out.")] = ()
