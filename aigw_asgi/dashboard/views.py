"""The gateway as it is just now, as dashboards are shown it: health, configuration, requests
that run.

The state channels send these, and the API answers with them.
"""

from __future__ import annotations

import time
from operator import itemgetter
from typing import TYPE_CHECKING

from aigw_asgi.dashboard.operation import Shape
from aigw_core.routing.target import ECHO

if TYPE_CHECKING:
    from aigw_asgi.driver import Driver
    from aigw_asgi.state import GatewayState
    from aigw_core.config.snapshot import Credential

MAX_RUNNING = 100
"""Requests in flight that are told one by one: the newest."""


class CredentialHealth(Shape, frozen=True, kw_only=True):
    """How one credential stands."""

    id: str
    name: str
    provider: str
    state: str
    """``ok``, ``cooling`` (all of it, or one of its models), ``probation``: the next request
    shows whether it has recovered, or ``disabled``."""
    model: str | None = None
    """Of ``cooling`` and ``probation``: the one model that is meant; ``None``: all."""
    cause: str | None = None
    until: int | None = None
    """Unix milliseconds: when the rest ends."""
    in_flight: int = 0


class HealthState(Shape, frozen=True, kw_only=True):
    """How the gateway is, in a word, in a sentence, and by credential."""

    status: str
    """``ok``, ``degraded``, ``down``: no credential answers, ``draining`` or ``idle``: there
    is none but for the built-in echo."""
    verdict: str
    credentials: tuple[CredentialHealth, ...]


class Place(Shape, frozen=True, kw_only=True):
    """A problem with the configuration, and where."""

    path: str
    message: str
    line: int | None = None
    column: int | None = None


class ConfigState(Shape, frozen=True, kw_only=True):
    """What is in force, and how the file stands to it."""

    version: str
    generation: int
    """How many configurations this process has had in force."""
    file: str | None
    """Its name, without folders; ``None``: there is no file."""
    problems: tuple[Place, ...] = ()
    """Why what is in the file is not in force."""
    restart: tuple[str, ...] = ()
    """Keys whose new values count from the next start on."""
    open_to_all: bool = False
    """Clients need no key, wherever they are."""
    providers: int = 0
    """Credentials, without the built-in echo."""


class RunningRequest(Shape, frozen=True, kw_only=True):
    """A request that is being answered."""

    request_id: str
    started: int
    """Unix milliseconds."""
    format: str
    model: str
    stream: bool
    attempts: int
    """With the one that runs."""
    credential: str | None
    served_model: str | None
    first_content_ms: float | None
    pieces: int
    """Of a stream, as they went out."""
    bytes_out: int


class Running(Shape, frozen=True, kw_only=True):
    """Requests that are being answered by this process."""

    total: int
    requests: tuple[RunningRequest, ...]
    """The newest first, at most a hundred."""


def health_state(state: GatewayState) -> HealthState:
    found = tuple(
        _credential_health(state, each)
        for each in state.snapshot.credentials
        if each.provider != ECHO
    )
    status, verdict = _verdict(state, found)
    return HealthState(status=status, verdict=verdict, credentials=found)


def _credential_health(state: GatewayState, credential: Credential) -> CredentialHealth:
    now = time.monotonic()
    standing, worst = "ok", None
    if credential.disabled:
        standing = "disabled"
    elif rests := [each for each in state.health.rests() if each.credential == credential.id]:
        worst = min(rests, key=lambda each: (each.until <= now, bool(each.model), -each.until))
        standing = "cooling" if worst.until > now else "probation"
    return CredentialHealth(
        id=credential.id,
        name=credential.name,
        provider=credential.provider,
        state=standing,
        model=None if worst is None else worst.model or None,
        cause=None if worst is None else worst.cause.value,
        until=None if worst is None else round((time.time() + worst.until - now) * 1000),
        in_flight=state.health.in_flight(credential.id),
    )


def _verdict(state: GatewayState, credentials: tuple[CredentialHealth, ...]) -> tuple[str, str]:
    if state.draining:
        return "draining", "Draining: requests that run are finished, new ones are refused."
    used = [each for each in credentials if each.state != "disabled"]
    if not used:
        return "idle", "No provider is configured; only the built-in echo models answer."
    away = [each for each in used if each.state == "cooling" and each.model is None]
    partly = [each for each in used if each.state == "cooling" and each.model is not None]
    names = ", ".join(f"{each.name} ({each.cause})" for each in [*away, *partly][:3])
    if len(away) == len(used):
        return "down", f"No provider answers: {names}."
    if away or partly:
        rest = len(used) - len(away)
        return "degraded", f"Degraded: {names} cooling down; {rest} of {len(used)} answer."
    what = "provider answers" if len(used) == 1 else "providers answer"
    return "ok", f"Healthy: {len(used)} of {len(used)} {what}."


def config_state(state: GatewayState) -> ConfigState:
    reloader, snapshot = state.reloader, state.snapshot
    document = None if reloader is None else reloader.loaded.document
    last = None if reloader is None else reloader.last
    return ConfigState(
        version=snapshot.version,
        generation=snapshot.generation,
        file=None if document is None else document.file.rpartition("/")[2],
        problems=()
        if last is None
        else tuple(
            Place(path=each.path, message=each.problem, line=each.line, column=each.column)
            for each in last.problems
        ),
        restart=() if last is None else last.restart,
        open_to_all=snapshot.allow_anonymous is True,
        providers=sum(each.provider != ECHO for each in snapshot.credentials),
    )


def running(state: GatewayState) -> Running:
    now, wall = time.monotonic(), time.time()
    # One that has not been sent anything yet begins now.
    began = [(now if each.sent_at is None else each.sent_at, each) for each in state.running]
    began.sort(key=itemgetter(0), reverse=True)
    return Running(
        total=len(began),
        requests=tuple(
            [
                _running_request(each, round((wall + at - now) * 1000))
                for at, each in began[:MAX_RUNNING]
            ]
        ),
    )


def _running_request(driver: Driver, started: int) -> RunningRequest:
    exchange = driver.exchange
    record, target = exchange.record, exchange.target
    first = record.first_content
    return RunningRequest(
        request_id=record.request_id,
        started=started,
        format=record.format,
        model=record.model,
        stream=record.stream,
        attempts=len(record.attempts) + 1,
        credential=None if target is None else target.credential.name,
        served_model=None if target is None else target.model,
        first_content_ms=None if first is None else round(first * 1000, 1),
        pieces=record.pieces,
        bytes_out=record.bytes_out,
    )
