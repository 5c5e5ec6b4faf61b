"""Runs an exchange against scripted upstreams under a fake clock.

A script is what one attempt's upstream does: steps with pauses before them. The
simulator performs commands the way the driver does and keeps what the client
would have seen, with times. Nothing sleeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from aigw_core.attempt import Call
from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, Inbound
from aigw_core.codecs import CODECS
from aigw_core.commands import (
    Abort,
    ClientGone,
    Command,
    Drop,
    Emit,
    End,
    Input,
    Reply,
    ResponseData,
    ResponseEof,
    ResponseHead,
    Send,
    Tick,
    UpstreamFailed,
)
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, Snapshot, Timeouts
from aigw_core.exchange import Exchange
from aigw_core.health import Health
from aigw_core.routing.balance import Balance
from aigw_core.routing.budget import RetryBudget
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.plan import RoutePlan, Router
from aigw_core.routing.route import Route
from aigw_core.routing.target import Match, Target
from aigw_core.wire_request import FailureKind

SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}


class Head(Struct, frozen=True):
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType(SSE)
    pause: float = 0.0


class Data(Struct, frozen=True):
    data: bytes
    pause: float = 0.0


class Eof(Struct, frozen=True):
    pause: float = 0.0


class Broken(Struct, frozen=True):
    kind: FailureKind = FailureKind.READ
    pause: float = 0.0


Step = Head | Data | Eof | Broken
Script = Sequence[Step]


class Run(Struct):
    """What happened."""

    commands: list[tuple[float, Command]]
    exchange: Exchange
    health: Health
    open_attempts: set[int]
    """Upstream calls that neither ended by themselves nor were dropped."""
    client_gone_at: float | None

    def all_of(self, kind: type) -> list[Command]:
        return [command for _, command in self.commands if type(command) is kind]

    @property
    def body(self) -> bytes:
        return b"".join(command.data for _, command in self.commands if isinstance(command, Emit))

    @property
    def status(self) -> int | None:
        return next((each.status for _, each in self.commands if isinstance(each, Reply)), None)

    @property
    def headers(self) -> dict[str, str]:
        return next(
            (dict(each.headers) for _, each in self.commands if isinstance(each, Reply)), {}
        )

    @property
    def sends(self) -> int:
        return len(self.all_of(Send))

    @property
    def ended(self) -> bool:
        return bool(self.all_of(End))

    @property
    def aborted(self) -> bool:
        return bool(self.all_of(Abort))


def credential(number: int, format: Format) -> Credential:
    return Credential(
        id=f"id-{number}",
        provider="test",
        name=f"upstream-{number}",
        format=format,
        base_url="http://127.0.0.1:1",
        api_key=Secret("not-a-key"),
        auth_style="bearer",
        position=number,
    )


def route_of(
    targets: Sequence[Target],
    snapshot: Snapshot,
    health: Health,
    budget: RetryBudget | None = None,
) -> Route:
    """A route over exactly these targets, in this order."""
    plan = RoutePlan(tuple(targets))
    router = Router(Catalogue(snapshot), health, Balance())
    return Route(plan, router, budget or RetryBudget())


def simulate(
    scripts: Sequence[Script],
    *,
    client: Format = Format.CHAT,
    upstream: Format = Format.CHAT,
    body: bytes | None = None,
    stream: bool = True,
    targets: int = 2,
    snapshot: Snapshot | None = None,
    client_leaves: float | None = None,
    roll: float = 0.5,
    make: Callable[..., Exchange] = Exchange,
    health: Health | None = None,
    budget: RetryBudget | None = None,
    timeouts: Timeouts | None = None,
    limit: float = 10_000.0,
) -> Run:
    """Serve one request; the n-th attempt meets the n-th script, and a last script
    serves all further attempts."""
    snapshot = snapshot or Snapshot("test")
    health = health or Health()
    codec = CODECS[client]
    inbound = Inbound(body if body is not None else request_body(client, stream=stream))
    peek = codec.peek(inbound)
    context = AnswerContext(model=peek.model, id="0" * 32, created=1, request_id="r-1")
    call = Call(codec, inbound, peek, context)
    found = [
        Target(
            replace(credential(number, upstream), timeouts=timeouts or Timeouts()),
            "upstream-model",
            Match.EXACT,
            "m",
        )
        for number in range(targets)
    ]
    route = route_of(found, snapshot, health, budget)
    exchange = make(call, route, snapshot, CODECS, lambda: roll)
    now = 0.0
    run = Run([], exchange, health, set(), None)
    pending: list[tuple[float, int, Step]] = []  # of the running attempts, in order

    def perform(commands: list[Command]) -> None:
        for command in commands:
            run.commands.append((now, command))
            if isinstance(command, Send):
                run.open_attempts.add(command.attempt)
                script = scripts[min(command.attempt - 1, len(scripts) - 1)]
                at = now
                for step in script:
                    at += step.pause
                    pending.append((at, command.attempt, step))
            elif isinstance(command, Drop):
                run.open_attempts.discard(command.attempt)

    perform(exchange.start(now))
    while not exchange.closed:
        times = [at for at, _, _ in pending[:1]]
        if exchange.deadline is not None:
            times.append(exchange.deadline)
        if client_leaves is not None and run.client_gone_at is None:
            times.append(client_leaves)
        assert times, f"nothing will ever happen to {exchange!r}"
        now = max(now, min(times))
        assert now < limit, f"no end in sight for {exchange!r}"
        if client_leaves is not None and run.client_gone_at is None and client_leaves <= now:
            run.client_gone_at = now
            perform(exchange.receive(ClientGone(), now))
        elif pending and pending[0][0] <= now:
            _, number, step = pending.pop(0)
            if isinstance(step, Eof | Broken):
                run.open_attempts.discard(number)
            perform(exchange.receive(_fact(number, step), now))
        else:
            before = exchange.deadline
            commands = exchange.receive(Tick(), now)
            moved = exchange.deadline is None or before is None or exchange.deadline > before
            assert commands or moved, f"a tick at the deadline did nothing: {exchange!r}"
            perform(commands)
    return run


def _fact(number: int, step: Step) -> Input:
    if isinstance(step, Head):
        return ResponseHead(number, step.status, step.headers)
    if isinstance(step, Data):
        return ResponseData(number, step.data)
    if isinstance(step, Eof):
        return ResponseEof(number)
    return UpstreamFailed(number, step.kind)


def request_body(format: Format, *, stream: bool) -> bytes:
    flag = b"true" if stream else b"false"
    if format is Format.CHAT:
        return b'{"model":"m","stream":%s,"messages":[{"role":"user","content":"hi"}]}' % flag
    return (
        b'{"model":"m","max_tokens":9,"stream":%s,"messages":[{"role":"user","content":"hi"}]}'
        % flag
    )
