"""``routing``: how requests find their way, and where one would go."""

from __future__ import annotations

import os
import time
from typing import Any, Literal

import msgspec
from msgspec import field
from msgspec.structs import replace

from aigw_asgi.builtin import with_builtins
from aigw_asgi.config_store import Loaded, compile_bytes
from aigw_asgi.dashboard.changes import (
    ChangeQuery,
    Draft,
    Edit,
    change,
    document_of,
    reloader_of,
    tagged,
    version_now,
)
from aigw_asgi.dashboard.operation import Answer, Body, Call, Operation
from aigw_asgi.dashboard.problem import invalid, unusable
from aigw_asgi.dashboard.route_tree import RouteExplanation, encoded, explained
from aigw_asgi.dashboard.routing_rules import (
    RoutingChange,
    RoutingRules,
    apply_rules,
    pointer_of,
    rules_of,
)
from aigw_asgi.state import GatewayState
from aigw_asgi.yaml_edit import EditRefused
from aigw_core.access import Caller, authenticate
from aigw_core.chat import Format
from aigw_core.config.path import parse_path
from aigw_core.config.schema import (
    Config,
    Fallback,
    ProviderPin,
    Retry,
    Rewrite,
    Routing,
    Streaming,
)
from aigw_core.config.snapshot import Snapshot
from aigw_core.errors import ConfigError, GatewayError, InvalidConfig
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.plan import Router

_FORMATS = {
    "openai": Format.CHAT,
    "claude": Format.MESSAGES,
    "chat-completions": Format.CHAT,
    "generate-content": Format.GEMINI,
    **{each.value: each for each in Format},
}

FormatName = Literal[
    "chat",
    "messages",
    "responses",
    "gemini",
    "openai",
    "claude",
    "chat-completions",
    "generate-content",
]

_KEYS = ("routing", "retry", "fallbacks", "model-rewrites", "provider-pins", "payload")


class RoutingChanged(RoutingRules, frozen=True, kw_only=True):
    message: str
    effects: tuple[str, ...]
    restart: tuple[str, ...]


class RouteQuestion(Body, frozen=True, kw_only=True):
    """A request, as far as its way depends on it."""

    model: str
    """As a client asks for it."""
    format: FormatName | None = None
    """What the client speaks; default: chat. So are the next two, which the reference has."""
    source_format: FormatName | None = None
    endpoint: FormatName | None = None
    api_key_id: str | None = None
    """The key that the client has; default: one that may do everything."""
    key: str | None = None
    """The key itself, in place of its identifier."""
    stream: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    """What the client sends: some strategies and rules look at it."""
    routing_override: RoutingChange | None = None
    """Rules that are not saved, to be compared."""


class RouteAnswer(RouteExplanation, frozen=True, kw_only=True):
    edited: RouteExplanation | None
    """By the rules that are not saved."""


async def _get(call: Call) -> Answer:
    rules = _rules(call)
    return Answer(rules, tagged(rules.version))


def _rules(call: Call) -> RoutingRules:
    state = call.dashboard.state
    loaded = None if state.reloader is None else state.reloader.loaded
    config = _config_of(state.snapshot) if loaded is None else loaded.reading.config
    return rules_of(loaded, config, version_now(call))


def _config_of(snapshot: Snapshot) -> Config:
    """Of a snapshot that was handed over: what of it is routing."""
    retry = snapshot.retry
    return Config(
        routing=msgspec.convert({"strategy": snapshot.strategy}, Routing),
        retry=Retry(
            max_retries=retry.attempts - 1,
            max_backoff_secs=retry.max_backoff,
            cooldown_429_secs=retry.cooldown_429,
            cooldown_5xx_secs=retry.cooldown_5xx,
            cooldown_network_secs=retry.cooldown_network,
        ),
        streaming=Streaming(bootstrap_retries=retry.stream_attempts - 1),
        fallbacks=tuple(Fallback(model=model, to=to) for model, to in snapshot.fallbacks),
        model_rewrites=tuple(Rewrite(from_=name, to=to) for name, to in snapshot.model_rewrites),
        provider_pins=tuple(
            ProviderPin(model=model, providers=names) for model, names in snapshot.provider_pins
        ),
        force_model_prefix=snapshot.force_model_prefix,
    )


async def _change(call: Call) -> Answer:
    body: RoutingChange = call.body

    def make(draft: Draft) -> Edit:
        document = apply_rules(draft.document, body)
        before, after = draft.document.data, document.data
        keys = [key for key in _KEYS if before.get(key) != after.get(key)]
        return Edit(
            document.text,
            "routing",
            {key: before.get(key) for key in keys},
            {key: after.get(key) for key in keys},
        )

    done = await change(
        call, "routing.update", make, dry_run=call.query.dry_run, pointer=pointer_of
    )
    if done.dry:
        return done.preview()
    rules = _rules(call)
    fields = {name: getattr(rules, name) for name in rules.__struct_fields__}
    answer = RoutingChanged(
        **fields,
        message="new requests go by the new rules",
        effects=done.effects,
        restart=done.restart,
    )
    return Answer(answer, tagged(rules.version))


# --- explaining --------------------------------------------------------------


async def _explain(call: Call) -> RouteAnswer:
    question: RouteQuestion = call.body
    state = call.dashboard.state
    loaded = None if state.reloader is None else state.reloader.loaded
    here = _answer(call, state, state.router, question, loaded)
    edited = None
    if question.routing_override is not None:
        loaded = _edited(call, question.routing_override)
        snapshot = with_builtins(
            loaded.snapshot,
            loopback_only=state.settings is not None and state.settings.loopback_only,
        )
        router = Router(Catalogue(snapshot), state.health, state.balance)
        edited = _answer(call, state, router, question, loaded)
    fields = {name: getattr(here, name) for name in here.__struct_fields__}
    return RouteAnswer(**fields, edited=edited)


async def _preview(call: Call) -> RouteAnswer:
    answer = await _explain(call)
    edited = answer.edited and replace(answer.edited, scoring=())
    return replace(answer, scoring=(), edited=edited)


def _answer(
    call: Call,
    state: GatewayState,
    router: Router,
    question: RouteQuestion,
    loaded: Loaded | None,
) -> RouteExplanation:
    named = question.format or question.source_format or question.endpoint or "chat"
    format = _FORMATS[named]
    body = question.body
    return explained(
        state,
        router,
        None if loaded is None else loaded.document,
        models=(question.model,),
        format=format,
        caller=_caller(call, router.snapshot, question),
        headers={name.lower(): value for name, value in question.headers.items()},
        body=None
        if body is None
        else encoded(body, question.model, format, stream=question.stream),
        stream=question.stream,
    )


def _caller(call: Call, snapshot: Snapshot, question: RouteQuestion) -> Caller:
    if question.key is not None:
        try:
            return authenticate(question.key, snapshot, loopback=False, wall=time.time())
        except GatewayError as exc:
            raise invalid("/key", exc.failure.message) from None
    if question.api_key_id is None:
        return Caller()
    for each in snapshot.client_keys.values():
        if question.api_key_id in (each.id, each.name):
            return Caller(each)
    raise invalid("/api_key_id", "there is no such key")


def _edited(call: Call, override: RoutingChange) -> Loaded:
    """What the rules would make of the configuration in force.

    Raises:
        ApiError: they cannot be used.
    """
    overrides = reloader_of(call).loaded.overrides
    document = document_of(call)
    assert document is not None, "there is a file"
    try:
        edited = apply_rules(document, override)
        return compile_bytes(edited.text.encode(), document.file, os.environ, overrides)
    except EditRefused as exc:
        raise invalid("/routing_override", str(exc)) from exc
    except InvalidConfig as exc:
        raise unusable(
            [
                each
                if (place := pointer_of(parse_path(each.path))) is None
                else ConfigError(each.problem, path=f"/routing_override{place}")
                for each in exc.problems
            ]
        ) from exc


OPERATIONS = (
    Operation(
        method="GET",
        path="/routing",
        id="getRouting",
        summary="How requests find their way",
        handler=_get,
        answer=RoutingRules,
    ),
    Operation(
        method="PATCH",
        path="/routing",
        id="changeRouting",
        summary="Change how requests find their way (merge patch)",
        handler=_change,
        query=ChangeQuery,
        body=RoutingChange,
        answer=RoutingChanged,
        versioned=True,
    ),
    Operation(
        method="POST",
        path="/routing/explain",
        id="explainRoute",
        summary="Where a request would go now, and why nowhere else",
        handler=_explain,
        body=RouteQuestion,
        answer=RouteAnswer,
        problems=(409,),
    ),
    Operation(
        method="POST",
        path="/routing/preview",
        id="previewRoute",
        summary="The same, without scores",
        handler=_preview,
        body=RouteQuestion,
        answer=RouteAnswer,
        problems=(409,),
    ),
)
