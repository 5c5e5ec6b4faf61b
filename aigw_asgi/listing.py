"""The model list, in the shape that the client reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aigw_core.config.snapshot import Snapshot
from aigw_core.routing.names import ListedModel, served_names

CREATED = 1735689600
"""A fixed time (2025-01-01) for all models: the gateway does not know, and a list
that changes with every call defeats caches."""


def list_models(snapshot: Snapshot, headers: Mapping[str, str]) -> dict[str, Any]:
    """OpenAI's list; Anthropic's when the client sends ``anthropic-version``."""
    models = served_names(snapshot)
    if "anthropic-version" in headers:
        return {
            "data": [_anthropic(model) for model in models],
            "has_more": False,
            "first_id": models[0].id if models else None,
            "last_id": models[-1].id if models else None,
        }
    return {"object": "list", "data": [_openai(model) for model in models]}


def _openai(model: ListedModel) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "model",
        "created": CREATED,
        "owned_by": model.provider,
    }


def _anthropic(model: ListedModel) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id,
        "created_at": "2025-01-01T00:00:00Z",
    }
