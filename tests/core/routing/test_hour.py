"""Whole exchanges over a simulated hour: what clients see when upstreams fail.

Several requests a second to three credentials. A virtual clock; exchanges overlap,
since each takes its second.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count

from msgspec import Struct
from msgspec.structs import replace

from aigw_core.access import Caller
from aigw_core.attempt import Call
from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, Inbound
from aigw_core.codecs import CODECS
from aigw_core.commands import (
    Command,
    Input,
    Reply,
    ResponseData,
    ResponseEof,
    ResponseHead,
    Send,
    Tick,
)
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import RetryPolicy, ServedModel, Snapshot
from aigw_core.exchange import Exchange
from aigw_core.health import Health
from aigw_core.routing.balance import Balance
from aigw_core.routing.budget import RetryBudget
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.plan import Asked, Router
from aigw_core.routing.route import Route
from tests.simulate import JSON, credential, request_body

ANSWER = (
    b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
REFUSAL = b'{"error":{"message":"no","type":"server_error","param":null,"code":null}}'

Fails = Callable[[str, float], bool]
"""Whether a credential (by its id) fails a request that comes at a time."""


class Request(Struct):
    began: float
    exchange: Exchange
    status: int = 0


class Hour(Struct):
    """What came of it."""

    requests: list[Request]
    sends: list[tuple[float, str]]
    """When, and to which credential."""

    def between(self, start: float, end: float) -> tuple[list[Request], int]:
        """The requests that began then, and the upstream calls made then."""
        asked = [each for each in self.requests if start <= each.began < end]
        return asked, sum(start <= at < end for at, _ in self.sends)


def simulate_hour(
    seconds: float, rate: float, fails: Fails, *, health: Health, budget: RetryBudget
) -> Hour:
    served = (ServedModel("m"),)
    snapshot = Snapshot(
        "test",
        credentials=tuple(
            replace(credential(number, Format.CHAT), models=served, api_key=Secret(f"id-{number}"))
            for number in range(3)
        ),
        retry=RetryPolicy(),
    )
    router = Router(Catalogue(snapshot), health, Balance())
    dice = random.Random(7)
    codec = CODECS[Format.CHAT]
    inbound = Inbound(request_body(Format.CHAT, stream=False))
    call = Call(
        codec,
        inbound,
        codec.peek(inbound),
        AnswerContext(model="m", id="0" * 32, created=1, request_id="r"),
    )
    hour = Hour([], [])
    order = count()
    events: list[tuple[float, int, Request | None, Input | None]] = []

    def later(at: float, request: Request | None, fact: Input | None) -> None:
        heapq.heappush(events, (at, next(order), request, fact))

    def perform(request: Request, commands: list[Command], now: float) -> None:
        for command in commands:
            if isinstance(command, Reply):
                request.status = command.status
            elif isinstance(command, Send):
                number = command.attempt
                name = dict(command.request.headers)["authorization"].removeprefix("Bearer ")
                hour.sends.append((now, name))
                failed = fails(name, now)
                took = 0.05 if failed else dice.uniform(0.5, 1.5)
                body = REFUSAL if failed else ANSWER
                later(now + took, request, ResponseHead(number, 500 if failed else 200, JSON))
                later(now + took, request, ResponseData(number, body))
                later(now + took, request, ResponseEof(number))
        deadline = request.exchange.deadline
        if deadline is not None:
            later(max(deadline, now), request, Tick())

    for number in range(int(seconds * rate)):
        later(number / rate, None, None)
    while events:
        now, _, request, fact = heapq.heappop(events)
        if request is None:
            plan = router.plan(Asked(("m",), Format.CHAT, Caller(), roll=dice.random()), now)
            exchange = Exchange(call, Route(plan, router, budget), snapshot, CODECS, dice.random)
            request = Request(now, exchange)
            hour.requests.append(request)
            perform(request, exchange.start(now), now)
        elif fact is not None and not request.exchange.closed:
            perform(request, request.exchange.receive(fact, now), now)
    return hour


def errors(requests: list[Request]) -> int:
    return sum(each.status != 200 for each in requests)


def test_one_dead_credential_of_three_is_not_noticed() -> None:
    hour = simulate_hour(
        3600.0, 3.0, lambda name, at: name == "id-1", health=Health(), budget=RetryBudget()
    )
    asked, sends = hour.between(0.0, 3600.0)
    assert len(asked) == 10_800
    assert errors(asked) < 10
    dead = sum(name == "id-1" for _, name in hour.sends)
    assert sends == len(asked) + dead
    assert dead < 40  # a probe at the end of each rest


def test_when_all_fail_they_are_spared_and_found_again() -> None:
    """All fail from 60 s to 90 s."""
    hour = simulate_hour(
        150.0, 10.0, lambda name, at: 60.0 <= at < 90.0, health=Health(), budget=RetryBudget()
    )
    during, load = hour.between(60.0, 90.0)
    assert load <= 1.2 * len(during)
    assert errors(hour.between(0.0, 59.0)[0]) == 0
    late = [each for each in hour.requests if each.began >= 90.0 and each.status != 200]
    assert all(each.began < 95.0 for each in late)
    # And everybody works again, not just the first one found.
    names = {name for at, name in hour.sends if at >= 140.0}
    assert names == {"id-0", "id-1", "id-2"}


def test_without_a_budget_the_second_would_not_hold() -> None:
    class Endless(RetryBudget):
        def allows(self, base_url: str) -> bool:
            return True

    hour = simulate_hour(
        100.0, 10.0, lambda name, at: 60.0 <= at < 90.0, health=Health(), budget=Endless()
    )
    during, load = hour.between(60.0, 90.0)
    assert load > 1.2 * len(during)


def test_without_health_the_first_would_cost_a_call_in_three() -> None:
    class Blind(Health):
        def failed(self, *arguments: object) -> None:
            pass

    hour = simulate_hour(
        60.0, 10.0, lambda name, at: name == "id-1", health=Blind(), budget=RetryBudget()
    )
    assert sum(name == "id-1" for _, name in hour.sends) > 150
