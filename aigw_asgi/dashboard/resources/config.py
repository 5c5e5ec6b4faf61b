"""``config``: the configuration as a whole, and the text of its file."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import anyio.to_thread
import msgspec

from aigw_asgi.dashboard.changes import (
    Changed,
    ChangeQuery,
    Done,
    Draft,
    Edit,
    change,
    document_of,
    is_read_only,
    redactor_of,
    reloader_of,
    tagged,
    version_now,
)
from aigw_asgi.dashboard.config_check import ConfigCheck, FileNow, check_text, places
from aigw_asgi.dashboard.effective import Effective, effective
from aigw_asgi.dashboard.operation import Answer, Body, Call, Operation, Shape
from aigw_asgi.dashboard.placeholders import hidden_data, hidden_text, restored
from aigw_asgi.dashboard.problem import ApiError, invalid, unusable
from aigw_asgi.dashboard.views import Place
from aigw_asgi.reloading import Reloader
from aigw_asgi.yaml_document import YamlDocument
from aigw_asgi.yaml_edit import same
from aigw_asgi.yaml_values import block
from aigw_core.config.view import config_view

_COUNTS = ("claude", "openai", "gemini", "openai_compat")


class DashboardSettings(Shape, frozen=True, kw_only=True):
    enabled: bool
    username: str
    jwt_ttl_secs: int
    request_log_capacity: int
    """Rows."""


class CurrentConfig(Shape, frozen=True, kw_only=True):
    """What is in force. No secret is in it."""

    version: str
    host: str | None
    """Of the listener; ``null``: it is not the gateway's own."""
    port: int | None
    tls: dict[str, Any]
    api_keys_count: int
    routing: dict[str, Any]
    retry: dict[str, Any]
    body_limit_mb: int
    streaming: dict[str, Any]
    connect_timeout: float
    request_timeout: float
    dashboard: DashboardSettings
    providers: dict[str, int]
    """How many credentials, by kind."""
    file: str | None
    """The name of the file; ``null``: there is none."""
    values: tuple[Effective, ...]
    """Each value and where it comes from; empty where a program has made the configuration."""


class RawConfig(Shape, frozen=True, kw_only=True):
    """The text of the file."""

    content: str
    """With ``••••`` in place of secrets. Sent back, each stands for the one at its place."""
    file: str
    """Its name; empty: there is no file, and so no text."""
    version: str
    """Of this text."""
    config_version: str
    """The same."""
    in_force: bool
    """False: another text is; the file cannot be used, or has just been changed."""
    read_only: bool
    """It cannot be written from here."""
    problems: tuple[Place, ...]
    """Why it is not in force. If it is no YAML at all, the text that is in force is shown."""


class ConfigText(Body, frozen=True, kw_only=True):
    yaml: str
    config_version: str | None = None
    """Of the text that was changed; as the header ``if-match``."""


class Undo(Body, frozen=True, kw_only=True):
    version: str
    """Of the text to go back to: one that was in the file before a change."""


class Reloaded(Shape, frozen=True, kw_only=True):
    message: str
    version: str
    generation: int
    changed: bool
    restart: tuple[str, ...]


class Applied(Changed, frozen=True, kw_only=True):
    config_version: str
    """As ``version``."""


# --- looking -----------------------------------------------------------------


async def _current(call: Call) -> Answer:
    state = call.dashboard.state
    snapshot, settings, reloader = state.snapshot, state.settings, state.reloader
    view = config_view(snapshot, settings)
    loaded = None if reloader is None else reloader.loaded
    document = None if loaded is None else loaded.document
    access = snapshot.dashboard
    counts = dict(
        zip(
            _COUNTS,
            (
                view["claude_keys_count"],
                view["openai_keys_count"],
                view["gemini_keys_count"],
                view["compat_keys_count"],
            ),
            strict=True,
        )
    )
    answer = CurrentConfig(
        **{name: view[name] for name in _VIEWED},
        dashboard=DashboardSettings(
            enabled=access is not None,
            username="" if access is None else access.username,
            jwt_ttl_secs=0 if access is None else round(access.session),
            request_log_capacity=0 if settings is None else settings.request_log_rows,
        ),
        providers=counts,
        file=None if document is None else os.path.basename(document.file),
        values=() if loaded is None else effective(loaded),
    )
    return Answer(answer, tagged(answer.version))


_VIEWED = (
    "version",
    "host",
    "port",
    "tls",
    "api_keys_count",
    "routing",
    "retry",
    "body_limit_mb",
    "streaming",
    "connect_timeout",
    "request_timeout",
)


async def _raw(call: Call) -> Answer:
    in_force = version_now(call)
    if document_of(call) is None:
        answer = _no_file(in_force)
    else:
        answer = await anyio.to_thread.run_sync(_raw_of, reloader_of(call), in_force)
    return Answer(answer, tagged(answer.version))


def _no_file(in_force: str) -> RawConfig:
    return RawConfig(
        content="",
        file="",
        version=in_force,
        config_version=in_force,
        in_force=True,
        read_only=True,
        problems=(),
    )


def _raw_of(reloader: Reloader, in_force: str) -> RawConfig:
    """Blocks."""
    known = FileNow(reloader)
    document = known.document
    return RawConfig(
        content=hidden_text(document, redactor_of(known.loaded, known.usable)),
        file=os.path.basename(document.file),
        version=known.version,
        config_version=known.version,
        in_force=known.version == in_force,
        read_only=is_read_only(document.file),
        problems=places(known.problems),
    )


async def _schema(call: Call) -> Answer:
    from aigw_core.config.json_schema import json_schema

    return Answer(msgspec.json.encode(json_schema()))


# --- checking ----------------------------------------------------------------


async def _validate(call: Call) -> ConfigCheck:
    given: dict[str, Any] = call.body
    text, is_text = given.get("yaml"), "yaml" in given
    if is_text:
        unknown = sorted(set(given) - {"yaml", "config_version"})
        if unknown:
            raise invalid(f"/{unknown[0]}", "there is no such field beside yaml")
        if not isinstance(text, str):
            raise invalid("/yaml", "Expected `str`")
    else:
        # The configuration itself, as a JSON object with the keys of the file.
        text = "\n".join(block(given, 0)) if given else ""
    reloader = call.dashboard.state.reloader
    return await anyio.to_thread.run_sync(partial(check_text, reloader, text, lines=is_text))


# --- changing ----------------------------------------------------------------


async def _apply(call: Call) -> Answer:
    body: ConfigText = call.body
    reloader = reloader_of(call)
    in_force = reloader.loaded

    def make(draft: Draft) -> Edit:
        redactor = redactor_of(in_force, draft.usable)
        return _whole(draft, restored(body.yaml, draft.document, redactor))

    done = await change(
        call,
        "config.apply",
        make,
        version=body.config_version,
        dry_run=call.query.dry_run,
        repair=True,
    )
    if done.dry:
        return done.preview()
    return _applied(done, "the configuration is written, and in force")


async def _undo(call: Call) -> Answer:
    """Back to the text of before, secrets and all: what the page has of it lacks them."""
    body: Undo = call.body
    reloader_of(call)
    text = call.dashboard.earlier.get(body.version)
    if text is None:
        message = "the text of before is not kept here any more"
        raise ApiError(404, "not_found", message)

    def make(draft: Draft) -> Edit:
        return _whole(draft, YamlDocument(text, draft.document.file))

    done = await change(call, "config.undo", make, dry_run=call.query.dry_run, repair=True)
    if done.dry:
        return done.preview()
    return _applied(done, "the configuration is as it was before")


def _whole(draft: Draft, document: YamlDocument) -> Edit:
    """Another text for all of the file."""
    before, after = hidden_data(draft.document.data), hidden_data(document.data)
    keys = [
        key
        for key in sorted({*before, *after})
        if not same(draft.document.data.get(key), document.data.get(key))
    ]
    return Edit(
        document.text,
        os.path.basename(document.file),
        {key: before.get(key) for key in keys},
        {key: after.get(key) for key in keys},
    )


def _applied(done: Done, message: str) -> Answer:
    answer = Applied(
        message=message,
        version=done.version,
        config_version=done.version,
        effects=done.effects,
        restart=done.restart,
    )
    return Answer(answer, tagged(done.version))


async def _reload(call: Call) -> Answer:
    reloader = reloader_of(call)
    before = version_now(call)
    outcome = await reloader.reload()
    if outcome.problems:
        refused = unusable(outcome.problems).problem
        fields = () if refused.fields is msgspec.UNSET else refused.fields
        message = f"the file is not taken, and what was in force still is: {refused.message}"
        raise ApiError(422, "reload_failed", message, fields=fields)
    call.dashboard.state.sharing.tell_reload()
    await call.dashboard.audit.tell(
        "config.reload",
        who=call.who,
        address=call.address,
        version_before=before,
        version_after=outcome.version,
        request_id=call.request_id,
    )
    message = "a new configuration is in force" if outcome.changed else "nothing has changed"
    answer = Reloaded(
        message=message,
        version=outcome.version,
        generation=outcome.generation,
        changed=outcome.changed,
        restart=outcome.restart,
    )
    return Answer(answer, tagged(outcome.version))


OPERATIONS = (
    Operation(
        method="POST",
        path="/config/validate",
        id="validateConfig",
        summary="Whether a configuration could be used, and what it would come to",
        handler=_validate,
        body=dict[str, Any],
        answer=ConfigCheck,
        problems=(503,),
    ),
    Operation(
        method="POST",
        path="/config/reload",
        id="reloadConfig",
        summary="Read the file again, on all nodes",
        handler=_reload,
        answer=Reloaded,
        problems=(409, 422),
    ),
    Operation(
        method="GET",
        path="/config/current",
        id="currentConfig",
        summary="What is in force, and where each value comes from",
        handler=_current,
        answer=CurrentConfig,
    ),
    Operation(
        method="GET",
        path="/config/raw",
        id="rawConfig",
        summary="The text of the file, without secrets",
        handler=_raw,
        answer=RawConfig,
        problems=(409, 503),
    ),
    Operation(
        method="PUT",
        path="/config/apply",
        id="applyConfig",
        summary="Replace the text of the file, and put it in force",
        handler=_apply,
        query=ChangeQuery,
        body=ConfigText,
        answer=Applied,
        versioned=True,
    ),
    Operation(
        method="POST",
        path="/config/undo",
        id="undoConfig",
        summary="Put back a text that a change from here has replaced",
        handler=_undo,
        query=ChangeQuery,
        body=Undo,
        answer=Applied,
        problems=(404,),
        versioned=True,
    ),
    Operation(
        method="GET",
        path="/config/schema",
        id="configSchema",
        summary="The JSON Schema of the configuration",
        handler=_schema,
        answer=dict[str, Any],
    ),
)
