"""Payload rules: changes to translated requests, by model."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from aigw_core.config.schema.section import Section
from aigw_core.config.values import Glob, check_payload_path, check_protocol

FieldPath = Annotated[str, Meta(extra={"check": check_payload_path})]


class ModelMatch(Section, frozen=True, kw_only=True):
    """Models that a rule is for."""

    name: Annotated[Glob, Meta(description="A pattern of the upstream's model names.")]
    protocol: Annotated[
        str | None,
        Meta(
            description="openai, claude, gemini or openai-compat. null: all.",
            extra={"check": check_protocol},
        ),
    ] = None


Matches = Annotated[tuple[ModelMatch, ...], Meta(min_length=1)]


class SetRule(Section, frozen=True, kw_only=True):
    """Fields to set."""

    models: Annotated[Matches, Meta(description="The models; one match is enough.")]
    params: Annotated[
        Annotated[dict[FieldPath, Any], Meta(min_length=1)],
        Meta(description="Dotted paths and the values to set; `\\.` is a dot in a name."),
    ]


class FilterRule(Section, frozen=True, kw_only=True):
    """Fields to take out."""

    models: Annotated[Matches, Meta(description="The models; one match is enough.")]
    params: Annotated[
        Annotated[tuple[FieldPath, ...], Meta(min_length=1)],
        Meta(description="Dotted paths of the fields."),
    ]


class Payload(Section, frozen=True, kw_only=True):
    """Changes to the translated request, in the order default, override, filter."""

    default: Annotated[tuple[SetRule, ...], Meta(description="Set where the field is absent.")] = ()
    override: Annotated[tuple[SetRule, ...], Meta(description="Set always.")] = ()
    filter: Annotated[tuple[FilterRule, ...], Meta(description="Take out.")] = ()
