"""``providers``, tried out: one request through the real path, and an upstream's own models,
of an account that is there and of settings that are not saved."""

from __future__ import annotations

import os

from aigw_asgi.config_store import compile_bytes
from aigw_asgi.dashboard.changes import document_of
from aigw_asgi.dashboard.operation import Body, Call, Operation
from aigw_asgi.dashboard.problem import unusable
from aigw_asgi.dashboard.provider_entries import (
    LISTS,
    NewProvider,
    ProviderChange,
    apply_change,
    body_pointer,
    entry_of,
)
from aigw_asgi.dashboard.provider_view import asked_for, provider_by_id
from aigw_asgi.dashboard.trial import ModelList, Trial, list_models, try_out
from aigw_asgi.yaml_document import YamlDocument
from aigw_asgi.yaml_values import Value, block
from aigw_core.config.path import parse_path
from aigw_core.config.snapshot import Credential
from aigw_core.errors import ConfigError, InvalidConfig


class TrialQuestion(Body, frozen=True, kw_only=True):
    model: str | None = None
    """As clients would ask for it; default: the first that the provider lists."""
    stream: bool = True


class TrialOfNew(NewProvider, frozen=True, kw_only=True):
    """Settings that are not saved."""

    id: str | None = None
    """Of the provider that they are to replace: its key is used where ``api_key`` is as shown."""
    model: str | None = None
    stream: bool = True


async def _test(call: Call) -> Trial:
    body: TrialQuestion = call.body
    state = call.dashboard.state
    return await try_out(state, asked_for(call), body.model, stream=body.stream)


async def _test_new(call: Call) -> Trial:
    body: TrialOfNew = call.body
    credential = _unsaved(call, body)
    return await try_out(call.dashboard.state, credential, body.model, stream=body.stream)


async def _models(call: Call) -> ModelList:
    return await list_models(call.dashboard.state, asked_for(call))


async def _models_of_new(call: Call) -> ModelList:
    return await list_models(call.dashboard.state, _unsaved(call, call.body))


def _unsaved(call: Call, body: TrialOfNew) -> Credential:
    """What the settings would make.

    Raises:
        ApiError: they cannot be used.
    """
    known = None if body.id is None else provider_by_id(call.dashboard.state, body.id)
    document = document_of(call)
    if known is not None and document is not None and known.source:
        place = parse_path(known.source)
        fields = {name: getattr(body, name) for name in ProviderChange.__struct_fields__}
        document = apply_change(document, place, ProviderChange(**fields), known)
    else:
        place = (LISTS[body.provider_type], 0)
        # By itself: what else there is has no bearing on it.
        entry: Value = {
            "host": "127.0.0.1",
            str(place[0]): [entry_of(body, "0" * 12)],
        }
        document = YamlDocument("\n".join(block(entry, 0)), "settings")
    try:
        loaded = compile_bytes(document.text.encode(), document.file, os.environ)
    except InvalidConfig as exc:
        raise unusable(
            [
                ConfigError(each.problem, path=found)
                if (found := body_pointer(parse_path(each.path), place)) is not None
                else each
                for each in exc.problems
            ]
        ) from exc
    source = f"{place[0]}[{place[1]}]"
    for each in loaded.snapshot.credentials:
        if each.source == source:
            return each
    raise unusable([ConfigError("is empty", path="/api_key")])


OPERATIONS = (
    Operation(
        method="POST",
        path="/providers/test",
        id="testNewProvider",
        summary="Try settings out that are not saved",
        handler=_test_new,
        body=TrialOfNew,
        answer=Trial,
        problems=(404, 409),
    ),
    Operation(
        method="POST",
        path="/providers/models",
        id="listModelsOfNewProvider",
        summary="Ask an upstream for its models, with settings that are not saved",
        handler=_models_of_new,
        body=TrialOfNew,
        answer=ModelList,
        problems=(404, 409),
    ),
    Operation(
        method="POST",
        path="/providers/{id}/test",
        id="testProvider",
        summary="Send a short request there",
        handler=_test,
        body=TrialQuestion,
        body_required=False,
        answer=Trial,
    ),
    Operation(
        method="POST",
        path="/providers/{id}/models",
        id="listModelsOfProvider",
        summary="Ask the upstream for its models",
        handler=_models,
        answer=ModelList,
    ),
)
