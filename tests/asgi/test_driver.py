"""The driver: whatever happens at whichever await, everything is given back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from msgspec.structs import replace

from aigw_asgi.driver import ClientAborted, Driver
from aigw_asgi.transports.base import Take, UpstreamFailed, UpstreamStream
from aigw_core.access import Caller
from aigw_core.attempt import Call
from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, Inbound
from aigw_core.codecs import CODECS
from aigw_core.commands import Emit
from aigw_core.config.snapshot import RetryPolicy, ServedModel, Snapshot
from aigw_core.exchange import Exchange
from aigw_core.health import Health
from aigw_core.routing.balance import Balance
from aigw_core.routing.budget import RetryBudget
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.plan import Asked, Router
from aigw_core.routing.route import Route
from aigw_core.wire_request import FailureKind, WireRequest
from tests.core.test_exchange import DONE, ERROR, FINISH, OPENING, WORD
from tests.simulate import credential, request_body

pytestmark = pytest.mark.anyio

Answer = Sequence[bytes | FailureKind]
GOOD: Answer = (OPENING, WORD, WORD, FINISH + DONE)


@pytest.fixture(params=["asyncio", "asyncio, watched", "trio"])
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """``watched``: the server calls when its client leaves, which it can on asyncio only."""
    loop, _, watched = request.param.partition(", ")
    monkeypatch.setattr(World, "watched", bool(watched))
    return str(loop)


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

    watched = False

    def __init__(
        self, answers: Sequence[Answer], checkpoints: Checkpoints, *, flows: bool = False
    ) -> None:
        self.answers = list(answers)
        self.flows = flows
        self.slow = False
        """The client takes nothing at once."""
        self.checkpoint: Callable[[], Awaitable[None]] = checkpoints
        self.open_streams = 0
        self.opened = 0
        self.sent: list[dict[str, Any]] = []
        self.gone = anyio.Event()
        self.on_leave: Callable[[], None] = self.gone.set
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
            self.on_leave()
        if self.stall_after is not None and bodies >= self.stall_after:
            await anyio.sleep_forever()

    def write_now(self, body: bytes) -> bool:
        if not self.slow:
            self.sent.append({"type": "http.response.body", "body": body, "more_body": True})
        return not self.slow

    def begin_now(self, status: int, headers: Any, body: bytes, *, more: bool) -> bool:
        # Whoever is to leave or to stall at some message does so in send().
        if self.slow or self.leave_after is not None or self.stall_after is not None:
            return False
        self.sent.append({"type": "http.response.start", "status": status, "headers": headers})
        self.sent.append({"type": "http.response.body", "body": body, "more_body": more})
        return True

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    @property
    def body(self) -> bytes:
        return b"".join(each.get("body", b"") for each in self.sent)


class Sender:
    """The ``send`` of a server that can write at once, or call when its client leaves."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.begin_now = world.begin_now if world.flows else None
        self.write_now = world.write_now if world.flows else None
        self.watch = self._watch if world.watched else None

    def _watch(self, on_leave: Callable[[], None]) -> None:
        self._world.on_leave = on_leave

    async def __call__(self, message: dict[str, Any]) -> None:
        await self._world.send(message)


class ScriptedStream:
    status = 200
    headers = (("content-type", "text/event-stream"),)

    def __init__(self, world: World, reads: list[bytes | FailureKind]) -> None:
        self._world = world
        self._reads = reads
        self._closed = False
        self.flow = self._flow if world.flows else None

    async def _flow(self, take: Take) -> None:
        while self._reads and isinstance(self._reads[0], bytes) and self._reads[0] != b"...":
            await self._world.checkpoint()
            if not take(self._reads.pop(0)):  # type: ignore[arg-type]  # looked at above
                return

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
    world: World,
    health: Health,
    *,
    client: Format = Format.CHAT,
    write_timeout: float = 60.0,
    backoff: float = 0.0,
) -> Driver:
    served = (ServedModel("m"),)
    snapshot = Snapshot(
        "test",
        credentials=tuple(
            replace(credential(number, Format.CHAT), models=served) for number in range(2)
        ),
        retry=RetryPolicy(max_backoff=backoff, cooldown_429=0, cooldown_5xx=0, cooldown_network=0),
    )
    codec = CODECS[client]
    inbound = Inbound(request_body(client, stream=True))
    peek = codec.peek(inbound)
    context = AnswerContext(model="m", id="0" * 32, created=1, request_id="r")
    router = Router(Catalogue(snapshot), health, Balance())
    plan = router.plan(Asked(("m",), client, Caller()), 0.0)
    route = Route(plan, router, RetryBudget())
    call = Call(codec, inbound, peek, context)
    exchange = Exchange(call, route, snapshot, CODECS, lambda: 0.5)
    return Driver(exchange, lambda send, tasks: world, world.receive, Sender(world), write_timeout)


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


async def test_what_flows_needs_no_send() -> None:
    words = [WORD] * 50
    world, health = World([(OPENING, *words, FINISH + DONE)], Checkpoints(), flows=True), Health()
    sends = 0

    async def send(message: dict[str, Any]) -> None:
        nonlocal sends
        sends += 1
        await world.send(message)

    driver = driver_for(world, health)
    driver._send = send
    await driver.run()
    assert world.body == OPENING + WORD * 50 + FINISH + DONE
    assert sends == 1  # the end: the first word went out with the head and what was held
    nothing_is_left(world, health)


@pytest.mark.parametrize("name", ["good", "broken midway", "truncated"])
async def test_flowing_or_not_the_client_gets_the_same(name: str) -> None:
    bodies = []
    for flows, slow in ((False, False), (True, False), (True, True)):
        world, health = World(SCENARIOS[name], Checkpoints(), flows=flows), Health()
        world.slow = slow
        await driver_for(world, health).run()
        bodies.append(world.body)
        nothing_is_left(world, health)
    assert bodies[0] == bodies[1] == bodies[2] != b""


async def test_what_flows_does_not_overtake_a_send_under_way() -> None:
    """As a keepalive is, that hangs on a slow client."""
    world = World([(OPENING, WORD, WORD, WORD, FINISH + DONE)], Checkpoints(), flows=True)
    health = Health()
    driver = driver_for(world, health)
    keepalive = Emit(b": keepalive\n\n")
    open_again = anyio.Event()

    async def send(message: dict[str, Any]) -> None:
        if message.get("body") == keepalive.data:
            await open_again.wait()
        await world.send(message)

    async def go_on() -> None:
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        open_again.set()

    async def turn() -> None:
        for _ in range(3):  # so that what was started has begun, in whatever order
            await anyio.lowlevel.checkpoint()

    def write_now(body: bytes) -> bool:
        if not open_again.is_set():
            driver._company.start_soon(partial(driver._perform, [keepalive], reader=False))
            driver._company.start_soon(go_on)
        return world.write_now(body)

    driver._send, driver._write_now, world.checkpoint = send, write_now, turn
    await driver.run()
    assert world.body == OPENING + WORD * 2 + keepalive.data + WORD + FINISH + DONE
    nothing_is_left(world, health)


async def test_a_piece_that_cannot_be_read_fails_the_request_and_gives_back() -> None:
    world, health = World([(OPENING, WORD, WORD)], Checkpoints(), flows=True), Health()

    def explode(body: bytes) -> bool:
        raise LookupError

    driver = driver_for(world, health)
    driver._write_now = explode
    with pytest.raises(LookupError):
        await _unwrapped(driver)
    driver.abandon()
    nothing_is_left(world, health)


async def _unwrapped(driver: Driver) -> None:
    """Run it; the one exception of its task group alone."""
    try:
        await driver.run()
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


@pytest.mark.parametrize("flows", [False, True], ids=["reads", "flows"])
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("client", [Format.CHAT, Format.MESSAGES])
async def test_cancelled_anywhere_everything_is_given_back(
    name: str, client: Format, flows: bool
) -> None:
    probe = Checkpoints()
    world = World(SCENARIOS[name], probe, flows=flows)
    await driver_for(world, Health(), client=client).run()
    assert probe.count > (4 if flows else 5)  # what is begun at once is no place to cancel at
    for cancel_at in range(1, probe.count + 1):
        checkpoints, health = Checkpoints(cancel_at), Health()
        world = World(SCENARIOS[name], checkpoints, flows=flows)
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


async def test_a_client_that_leaves_in_a_pause_between_attempts_ends_it() -> None:
    world, health = World([(OPENING + ERROR,)], Checkpoints()), Health()
    driver = driver_for(world, health, backoff=60.0)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(driver.run)
            while "BACKING_OFF" not in repr(driver.exchange):
                await anyio.lowlevel.checkpoint()
            for _ in range(5):  # until it waits
                await anyio.lowlevel.checkpoint()
            world.on_leave()
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
