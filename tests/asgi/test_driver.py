"""The driver: whatever happens at whichever await, everything is given back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from msgspec.structs import replace

from aigw_asgi.driver import ClientAborted, Driver
from aigw_asgi.transports.base import UpstreamFailed, UpstreamStream
from aigw_core.access import Caller
from aigw_core.attempt import Call
from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, Inbound
from aigw_core.codecs import CODECS
from aigw_core.config.snapshot import RetryPolicy, ServedModel, Snapshot
from aigw_core.exchange import Exchange
from aigw_core.health import Health
from aigw_core.routing.plan import plan
from aigw_core.wire_request import FailureKind, WireRequest
from tests.core.test_exchange import DONE, ERROR, FINISH, OPENING, WORD
from tests.simulate import credential, request_body

pytestmark = pytest.mark.anyio

Answer = Sequence[bytes | FailureKind]
GOOD: Answer = (OPENING, WORD, WORD, FINISH + DONE)


class Checkpoints:
    """Counts the awaits of a run, and cancels at one of them."""

    def __init__(self, cancel_at: int = -1) -> None:
        self.count = 0
        self.cancel_at = cancel_at
        self.scope = anyio.CancelScope()

    async def __call__(self) -> None:
        self.count += 1
        if self.count == self.cancel_at:
            self.scope.cancel()
        await anyio.lowlevel.checkpoint()


class World:
    """Upstreams that answer from a script, and a client that listens; with a census."""

    def __init__(self, answers: Sequence[Answer], checkpoints: Checkpoints) -> None:
        self.answers = list(answers)
        self.checkpoint = checkpoints
        self.open_streams = 0
        self.opened = 0
        self.sent: list[dict[str, Any]] = []
        self.gone = anyio.Event()
        self.leave_after: int | None = None
        self.stall_after: int | None = None

    async def open(self, request: WireRequest) -> UpstreamStream:
        await self.checkpoint()
        answer = self.answers[min(self.opened, len(self.answers) - 1)]
        self.opened += 1
        if answer and answer[0] is FailureKind.CONNECT:
            raise UpstreamFailed(FailureKind.CONNECT, "refused", sent=False)
        self.open_streams += 1
        return ScriptedStream(self, list(answer))

    async def aclose(self) -> None:
        pass

    async def send(self, message: dict[str, Any]) -> None:
        await self.checkpoint()
        self.sent.append(message)
        bodies = sum(each["type"] == "http.response.body" for each in self.sent)
        if self.leave_after is not None and bodies >= self.leave_after:
            self.gone.set()
        if self.stall_after is not None and bodies >= self.stall_after:
            await anyio.sleep_forever()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    @property
    def body(self) -> bytes:
        return b"".join(each.get("body", b"") for each in self.sent)


class ScriptedStream:
    status = 200
    headers = (("content-type", "text/event-stream"),)

    def __init__(self, world: World, reads: list[bytes | FailureKind]) -> None:
        self._world = world
        self._reads = reads
        self._closed = False

    async def read(self) -> bytes:
        await self._world.checkpoint()
        if not self._reads:
            return b""
        step = self._reads.pop(0)
        if isinstance(step, FailureKind):
            raise UpstreamFailed(step, "broken", sent=True)
        if step == b"...":
            await anyio.sleep_forever()
        return step

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()
        if not self._closed:
            self._closed = True
            self._world.open_streams -= 1


def driver_for(
    world: World, health: Health, *, client: Format = Format.CHAT, write_timeout: float = 60.0
) -> Driver:
    served = (ServedModel("m"),)
    snapshot = Snapshot(
        "test",
        credentials=tuple(
            replace(credential(number, Format.CHAT), models=served) for number in range(2)
        ),
        retry=RetryPolicy(max_backoff=0.0, cooldown_429=0, cooldown_5xx=0, cooldown_network=0),
    )
    codec = CODECS[client]
    inbound = Inbound(request_body(client, stream=True))
    peek = codec.peek(inbound)
    context = AnswerContext(model="m", id="0" * 32, created=1, request_id="r")
    route = plan("m", client, Caller(), snapshot, health, turn=0, now=0.0)
    call = Call(codec, inbound, peek, context)
    exchange = Exchange(call, route, snapshot, CODECS, health, lambda: 0.5)
    return Driver(exchange, lambda send, tasks: world, world.receive, world.send, write_timeout)


def nothing_is_left(world: World, health: Health) -> None:
    assert world.open_streams == 0
    assert health.in_flight("id-0") == 0
    assert health.in_flight("id-1") == 0


SCENARIOS: dict[str, Sequence[Answer]] = {
    "good": [GOOD],
    "overloaded first, then good": [(OPENING + ERROR,), GOOD],
    "refused, then good": [(FailureKind.CONNECT,), GOOD],
    "broken midway": [(OPENING, WORD, FailureKind.READ)],
    "broken before content, twice": [(OPENING, FailureKind.READ), (FailureKind.CONNECT,)],
    "truncated": [(OPENING, WORD)],
}


async def test_a_good_stream_arrives_whole() -> None:
    world, health = World([GOOD], Checkpoints()), Health()
    await driver_for(world, health).run()
    assert world.body == b"".join(each for each in GOOD if isinstance(each, bytes))
    assert [each.get("more_body") for each in world.sent] == [None, True, True, True, False]
    nothing_is_left(world, health)


async def test_one_read_is_one_send() -> None:
    words = [WORD] * 50
    world, health = World([(OPENING, *words, FINISH + DONE)], Checkpoints()), Health()
    await driver_for(world, health).run()
    bodies = [each for each in world.sent if each["type"] == "http.response.body"]
    # The opening is held until the first word; the end is said by the last body.
    assert len(bodies) == 1 + 50 + 1


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("client", [Format.CHAT, Format.MESSAGES])
async def test_cancelled_anywhere_everything_is_given_back(name: str, client: Format) -> None:
    probe = Checkpoints()
    world = World(SCENARIOS[name], probe)
    await driver_for(world, Health(), client=client).run()
    assert probe.count > 5
    for cancel_at in range(1, probe.count + 1):
        checkpoints, health = Checkpoints(cancel_at), Health()
        world = World(SCENARIOS[name], checkpoints)
        driver = driver_for(world, health, client=client)
        with checkpoints.scope:
            await driver.run()
        driver.abandon()
        nothing_is_left(world, health)
        again = World([GOOD], Checkpoints())
        await driver_for(again, health, client=client).run()
        nothing_is_left(again, health)


@pytest.mark.parametrize("bodies", [1, 2, 3])
async def test_a_client_that_leaves_drops_the_upstream(bodies: int) -> None:
    world, health = World([(OPENING, WORD, WORD, WORD, b"...")], Checkpoints()), Health()
    world.leave_after = bodies
    driver = driver_for(world, health)
    with anyio.fail_after(5):
        await driver.run()
    assert driver.exchange.record.client_left
    nothing_is_left(world, health)


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    world, health = World([(OPENING, WORD, WORD, b"...")], Checkpoints()), Health()
    world.stall_after = 2
    driver = driver_for(world, health, write_timeout=0.05)
    with anyio.fail_after(5), pytest.raises(ClientAborted):
        await driver.run()
    nothing_is_left(world, health)


async def test_a_server_that_raises_for_a_client_that_left_is_understood() -> None:
    world, health = World([GOOD], Checkpoints()), Health()

    async def send(message: dict[str, Any]) -> None:
        await world.send(message)
        if message["type"] == "http.response.body":
            raise BrokenPipeError

    driver = driver_for(world, health)
    driver._send = send
    with anyio.fail_after(5):
        await driver.run()
    assert driver.exchange.record.client_left
    nothing_is_left(world, health)


async def test_stopping_ends_the_stream_with_an_error_event() -> None:
    world, health = World([(OPENING, WORD, b"...")], Checkpoints()), Health()
    driver = driver_for(world, health)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(driver.run)
            while not world.body:
                await anyio.lowlevel.checkpoint()
            driver.stop()
    assert b'"error"' in world.body
    assert DONE not in world.body
    nothing_is_left(world, health)
