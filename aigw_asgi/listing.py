"""The models, as a list or one by one, in the shape that the client reads.

Sources: the three vendors' references of their model lists. What the gateway does
not know of a model (limits, prices, abilities) is left out.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from aigw_asgi.state import GatewayState
from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.errors import ErrorKind, GatewayError, InvalidRequest
from aigw_core.routing.names import ListedModel, served_names
from aigw_core.routing.plan import Asked

CREATED = 1735689600
"""A fixed time (2025-01-01) for all models: the gateway does not know, and a list
that changes with every call defeats caches."""

_CREATED_TEXT = "2025-01-01T00:00:00Z"
_PAGE = {Format.MESSAGES: 20, Format.GEMINI: 50}
_MAX_PAGE = 1000


def list_models(
    state: GatewayState, caller: Caller, format: Format, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """The models that ``caller`` may use, or a page of them.

    Raises:
        InvalidRequest: the page asked for cannot be.
    """
    models = [model for model in served_names(state.snapshot) if caller.may_use(model.id)]
    if format is Format.MESSAGES:
        return _messages_page(models, parameters)
    if format is Format.GEMINI:
        return _gemini_page(models, parameters)
    return {"object": "list", "data": [_openai(model) for model in models]}


def show_model(state: GatewayState, caller: Caller, format: Format, name: str) -> dict[str, Any]:
    """One model: any name that a request would find a target for.

    Raises:
        GatewayError: it is not served (404, with close names), or not for this
            client (403).
    """
    model = _find(state, caller, format, name)
    if format is Format.MESSAGES:
        return _anthropic(model)
    return _gemini(model) if format is Format.GEMINI else _openai(model)


def _find(state: GatewayState, caller: Caller, format: Format, name: str) -> ListedModel:
    while name.startswith("models/"):
        name = name.removeprefix("models/")
    if caller.may_use(name):
        for model in served_names(state.snapshot):
            if model.id == name:
                return model
    try:
        route = state.router.plan(Asked((name,), format, caller), time.monotonic())
    except GatewayError as exc:
        if exc.failure.kind is ErrorKind.RATE_LIMIT:
            return ListedModel(name, "unknown")  # it is there, if at its limit
        raise
    return ListedModel(name, route.targets[0].credential.provider)


# --- pages -------------------------------------------------------------------


def _messages_page(models: list[ListedModel], asked: Mapping[str, str]) -> dict[str, Any]:
    size = _size(asked, "limit", Format.MESSAGES, least=1)
    if "after_id" in asked and "before_id" in asked:
        raise InvalidRequest("after_id and before_id exclude each other", pointer="after_id")
    start, end = 0, len(models)
    if "after_id" in asked:
        start = 1 + _position(models, asked["after_id"], "after_id")
    elif "before_id" in asked:
        end = _position(models, asked["before_id"], "before_id")
        page = models[max(0, end - size) : end]
        return _messages_list(page, more=end > size)
    page = models[start : start + size]
    return _messages_list(page, more=start + size < end)


def _messages_list(page: list[ListedModel], *, more: bool) -> dict[str, Any]:
    return {
        "data": [_anthropic(model) for model in page],
        "has_more": more,
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }


def _position(models: list[ListedModel], id: str, field: str) -> int:
    for position, model in enumerate(models):
        if model.id == id:
            return position
    raise InvalidRequest(f"no model of the list has the id {id!r}", pointer=field)


def _gemini_page(models: list[ListedModel], asked: Mapping[str, str]) -> dict[str, Any]:
    size = _size(asked, "pageSize", Format.GEMINI, least=0) or _PAGE[Format.GEMINI]
    token = asked.get("pageToken")
    start = 0
    if token:
        # Names the last model of the page before, so that a changed list does no harm.
        last = _read_token(token)
        start = sum(model.id <= last for model in models)
    page = models[start : start + size]
    listed: dict[str, Any] = {"models": [_gemini(model) for model in page]}
    if start + size < len(models):
        listed["nextPageToken"] = base64.urlsafe_b64encode(page[-1].id.encode()).decode()
    return listed


def _read_token(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidRequest("this is no token of a page", pointer="pageToken") from None


def _size(asked: Mapping[str, str], field: str, format: Format, *, least: int) -> int:
    text = asked.get(field)
    if text is None:
        return _PAGE[format]
    if not text.isascii() or not text.isdigit() or int(text[:9]) < least:
        raise InvalidRequest(f"a number from {least} to {_MAX_PAGE}", pointer=field)
    size = int(text[:9])
    if size > _MAX_PAGE and format is Format.MESSAGES:
        raise InvalidRequest(f"a number from {least} to {_MAX_PAGE}", pointer=field)
    return min(size, _MAX_PAGE)


# --- one model ---------------------------------------------------------------


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
        "created_at": _CREATED_TEXT,
    }


def _gemini(model: ListedModel) -> dict[str, Any]:
    name = model.id if model.id.startswith("tunedModels/") else f"models/{model.id}"
    return {
        "name": name,
        "version": "1",
        "displayName": model.id,
        "description": f"Served through {model.provider}.",
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
