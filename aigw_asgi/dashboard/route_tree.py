"""Where a request would go: what the planner of this process decides, told for people.

The same planner decides over the same health and balance as for requests, so that what is
explained is what happens; nothing is changed by asking.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
from msgspec import field
from msgspec.structs import replace

from aigw_asgi.dashboard.operation import Shape
from aigw_asgi.dashboard.problem import invalid
from aigw_asgi.inference import new_call
from aigw_asgi.state import GatewayState
from aigw_asgi.yaml_document import YamlDocument
from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.codec import Inbound
from aigw_core.codecs import CODECS
from aigw_core.config.snapshot import Credential, Snapshot
from aigw_core.dispatch import Dispatch
from aigw_core.errors import GatewayError
from aigw_core.routing.affinity import sticky_value
from aigw_core.routing.explain import explain, in_words
from aigw_core.routing.glob import glob_match
from aigw_core.routing.plan import Asked, Router


class Score(Shape, frozen=True, kw_only=True):
    weight: int
    priority: int
    latency_ms: float | None
    inflight: int
    standing: str
    """``ready``, ``probe`` or ``resting``."""
    faults: int
    until: int | None = None
    """Unix milliseconds: when its rest ends."""


class RouteCandidate(Shape, frozen=True, kw_only=True):
    """A credential that the request would go to."""

    provider: str
    credential_name: str
    credential_id: str
    model: str
    """The upstream's name."""
    match: str
    """``exact``, ``alias``, ``glob`` or ``any``."""
    score: Score
    source: str
    """Where the configuration has it; empty: it is built in."""
    line: int | None


class RouteRejection(Shape, frozen=True, kw_only=True):
    """A credential that it would not go to."""

    candidate: str
    reason: str
    """``credential_disabled``, ``model_not_supported``, ``model_excluded``,
    ``access_denied``, ``provider_pin_excluded`` or ``cooldown_active``."""
    model: str
    """The name that was looked for."""
    cause: str | None
    """Of a cooldown."""
    until: int | None
    """Unix milliseconds: when it ends."""
    source: str
    line: int | None


class ResolutionStep(Shape, frozen=True, kw_only=True):
    step: str
    """``rewrite_applied``, ``fallback_chain_built`` or ``alias_resolved``."""
    from_: str = field(name="from")
    to: str
    source: str
    """Where the configuration has the rule."""
    line: int | None


class Ranked(Shape, frozen=True, kw_only=True):
    candidate: str
    model: str
    score: float
    rank: int


class RouteError(Shape, frozen=True, kw_only=True):
    type: str
    message: str
    retry_after: float | None


class PayloadEffect(Shape, frozen=True, kw_only=True):
    """What configuration would change in the request to the first candidate."""

    cause: str
    pointer: str


class RouteExplanation(Shape, frozen=True, kw_only=True):
    profile: str
    """The strategy."""
    matched_rule: str | None
    """The pin that limits where the model may go."""
    model_chain: tuple[str, ...]
    """The names that are looked for, in order."""
    model_resolution: tuple[ResolutionStep, ...]
    selected: RouteCandidate | None
    """``null``: the request would be refused."""
    alternates: tuple[RouteCandidate, ...]
    """Where it would go next, in order."""
    rejections: tuple[RouteRejection, ...]
    scoring: tuple[Ranked, ...]
    error: RouteError | None
    attempt_plan: str
    """In words."""
    text: str
    """All of it in words, a line for each candidate and rejection."""
    changes: tuple[PayloadEffect, ...]
    """By payload rules and cloak; only where a body was given."""
    warnings: tuple[str, ...]
    """What of the request the first candidate cannot carry; likewise."""


def explained(
    state: GatewayState,
    router: Router,
    document: YamlDocument | None,
    *,
    models: tuple[str, ...],
    format: Format,
    caller: Caller,
    headers: dict[str, str],
    body: bytes | None,
    stream: bool,
) -> RouteExplanation:
    """The way of a request. ``document`` is where the credentials are looked up.

    Raises:
        ApiError: the body is no request of that format.
    """
    now, wall = time.monotonic(), time.time()
    snapshot = router.snapshot
    inbound = Inbound(body or b"{}", headers, models[0], stream)
    asked = Asked(
        models=models,
        format=format,
        caller=caller,
        sticky=sticky_value(snapshot.strategy, inbound, caller),
    )
    made = explain(router, asked, now)
    candidates = [] if made["selected"] is None else [made["selected"], *made["alternates"]]
    named = _Named(router, document, now, wall)
    routes = tuple(map(named.candidate, candidates))
    rejections = tuple(map(named.rejection, made["rejections"]))
    changes, warnings = _in_body(state, router, asked, inbound, body, now)
    return RouteExplanation(
        profile=made["profile"],
        matched_rule=_pin(snapshot, made),
        model_chain=tuple(made["model_chain"]),
        model_resolution=tuple(map(named.step, made["model_resolution"])),
        selected=routes[0] if routes else None,
        alternates=routes[1:],
        rejections=rejections,
        scoring=tuple(Ranked(**each) for each in made["scoring"]),
        error=None if made["error"] is None else RouteError(**made["error"]),
        attempt_plan=_plan_in_words(routes, made["error"], snapshot, stream=stream),
        text=in_words(made),
        changes=changes,
        warnings=warnings,
    )


class _Named:
    """Adds to what the planner says where the configuration has it."""

    def __init__(
        self, router: Router, document: YamlDocument | None, now: float, wall: float
    ) -> None:
        self._snapshot = router.snapshot
        self._credentials = {each.name: each for each in router.snapshot.credentials}
        self._health = router.health
        self._document = document
        self._now = now
        self._wall = wall

    def candidate(self, made: dict[str, Any]) -> RouteCandidate:
        credential = self._credentials[made["credential_name"]]
        score = Score(**made["score"], until=self._rest(credential, made["model"])[1])
        return RouteCandidate(
            **{**made, "score": score},
            credential_id=credential.id,
            source=credential.source,
            line=self._line(credential.source),
        )

    def rejection(self, made: dict[str, str]) -> RouteRejection:
        credential = self._credentials[made["candidate"]]
        cause, until = None, None
        if made["reason"] == "cooldown_active":
            cause, until = self._rest(credential, made["model"])
        return RouteRejection(
            **made,
            cause=cause,
            until=until,
            source=credential.source,
            line=self._line(credential.source),
        )

    def step(self, made: dict[str, str]) -> ResolutionStep:
        source = _rule(self._snapshot, made["step"], made["from"], made["to"])
        return ResolutionStep(
            step=made["step"],
            from_=made["from"],
            to=made["to"],
            source=source,
            line=self._line(source),
        )

    def _rest(self, credential: Credential, model: str) -> tuple[str | None, int | None]:
        served = {each.alias: each.id for each in credential.models if each.alias is not None}
        name = model.removeprefix(credential.prefix)
        rest = self._health.rest(credential.id, served.get(name, name))
        if rest is None or rest.until <= self._now:
            return None, None
        return rest.cause.value, round((self._wall + rest.until - self._now) * 1000)

    def _line(self, source: str) -> int | None:
        if self._document is None or not source:
            return None
        return self._document.locate(source)[0]


def _rule(snapshot: Snapshot, step: str, name: str, to: str) -> str:
    """Where the configuration has what made a step."""
    if step == "rewrite_applied":
        for at, (pattern, _) in enumerate(snapshot.model_rewrites):
            if glob_match(pattern, name):
                return f"model-rewrites[{at}]"
    if step == "fallback_chain_built":
        for at, (pattern, substitutes) in enumerate(snapshot.fallbacks):
            if to in substitutes and glob_match(pattern, name):
                return f"fallbacks[{at}]"
    for credential in snapshot.credentials:
        own = name.removeprefix(credential.prefix)
        if any(each.alias == own and each.id == to for each in credential.models):
            return f"{credential.source}.models" if credential.source else ""
    return ""


def _pin(snapshot: Snapshot, made: dict[str, Any]) -> str | None:
    names = [made["model_chain"][0], *(each["to"] for each in made["model_resolution"])]
    for at, (pattern, _) in enumerate(snapshot.provider_pins):
        if any(glob_match(pattern, name) for name in names):
            return f"provider-pins[{at}]"
    return None


def _plan_in_words(
    routes: tuple[RouteCandidate, ...],
    error: dict[str, Any] | None,
    snapshot: Snapshot,
    *,
    stream: bool,
) -> str:
    if error is not None:
        wait = error["retry_after"]
        after = "" if wait is None else f", to be tried again after {wait:.0f} s"
        return f"refused: {error['message']}{after}"
    attempts = snapshot.retry.stream_attempts if stream else snapshot.retry.attempts
    tried = [each.credential_name for each in routes[:attempts]]
    way = " → ".join(tried)
    if len(tried) < attempts and len(routes) < attempts:
        way += " → once more who has recovered"
    return f"{way} → the last error (at most {attempts} attempts)"


def _in_body(
    state: GatewayState,
    router: Router,
    asked: Asked,
    inbound: Inbound,
    body: bytes | None,
    now: float,
) -> tuple[tuple[PayloadEffect, ...], tuple[str, ...]]:
    """What becomes of a body on its way to the first target."""
    if body is None:
        return (), ()
    snapshot = router.snapshot
    try:
        call = new_call(state, CODECS[asked.format], inbound, "explain", asked.caller)
    except GatewayError as exc:
        raise invalid("/body", exc.failure.message) from exc
    try:
        target = router.plan(replace(asked), now).targets[0]
        dispatch = Dispatch(call, CODECS, snapshot.payload, snapshot.cloak_headers)
        attempt, _ = dispatch.prepare(1, target)
    except GatewayError as exc:
        return (), (exc.failure.message,)
    translation = attempt.translation
    changes = tuple(
        PayloadEffect(cause=each.cause, pointer=each.pointer) for each in translation.changes
    )
    return changes, tuple(f"{each.code};{each.pointer}" for each in translation.ledger)


def encoded(body: dict[str, Any], model: str, format: Format, *, stream: bool) -> bytes:
    """A body with what the other fields of a question say."""
    said = dict(body)
    if format is not Format.GEMINI:
        said["model"] = model
        if stream:
            said["stream"] = True
    return msgspec.json.encode(said)
