"""What befalls the process: it is to end, its clock jumps, its loop is held up."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path

import pytest

from aigw_asgi.loop_watch import LoopWatch
from aigw_core.chat import Format
from tests.asgi.clients import error_of
from tests.faults.checks import UPSTREAMS, books_agree, check_error_event, check_success
from tests.faults.world import PATIENCE, logged, world

pytestmark = pytest.mark.anyio

formats = pytest.mark.parametrize("format", Format)
ways_of_asking = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@formats
@ways_of_asking
async def test_who_does_not_end_in_time_is_told_so(
    format: Format, stream: bool, tmp_path: Path
) -> None:
    """By an error event where some of the answer is out, else by a refusal."""
    async with world(tmp_path, shutdown_timeout=0.05) as gateway:
        upstream = gateway.upstream
        asking = [
            asyncio.create_task(
                gateway.ask(format, f"{name}-lone/stalls-midway", stream=stream, until=bool)
            )
            for name in UPSTREAMS
        ]
        await upstream.until(lambda: upstream.playing == len(UPSTREAMS))
        running = gateway.state.running
        while stream and sum(each.exchange.streaming for each in running) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
        gateway.stop.set()
        for reply in await asyncio.gather(*asking):
            if stream:
                check_error_event(reply, format)
            else:
                assert reply.status == 503
                assert error_of(format, reply.json)["message"]
                assert reply.headers["x-aigw-origin"] == "gateway"
        await gateway.settled()
        await gateway.connected(0)
        assert gateway.state.health.rests() == []
        assert gateway.state.metrics.report(1.0)["total_errors"] == len(UPSTREAMS)
    assert [each.error for each in await logged(tmp_path)] == ["unavailable"] * len(UPSTREAMS)


@formats
@ways_of_asking
async def test_what_runs_may_end_while_the_gateway_drains(
    format: Format, stream: bool, tmp_path: Path
) -> None:
    async with world(tmp_path) as gateway:
        upstream = gateway.upstream
        asking = asyncio.create_task(gateway.ask(format, "chat-lone/held", stream=stream))
        await upstream.until(lambda: upstream.playing == 1)
        gateway.stop.set()
        while not gateway.state.draining:  # noqa: ASYNC110
            await asyncio.sleep(0)
        upstream.go_on()
        check_success(await asking, format, stream=stream)


@formats
@ways_of_asking
@pytest.mark.parametrize("jump", [3600.0, -3600.0], ids=["ahead", "back"])
async def test_the_wall_clock_may_jump(
    jump: float, format: Format, stream: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rest is as long as it was, a stream goes on, and nobody is blamed for it."""
    wall = time.time
    async with world(tmp_path) as gateway:
        model = "chat-lone/limited-seconds"
        assert (await gateway.ask(format, model, stream=stream)).status == 429
        (rest,) = gateway.state.health.rests()
        upstream = gateway.upstream
        asking = asyncio.create_task(gateway.ask(format, "messages-lone/held", stream=stream))
        await upstream.until(lambda: upstream.playing == 1)
        monkeypatch.setattr(time, "time", lambda: wall() + jump)
        upstream.go_on()
        check_success(await asking, format, stream=stream)
        again = await gateway.ask(format, model, stream=stream)
        assert again.status == 429
        assert 1 <= int(again.headers["retry-after"]) <= 17
        assert gateway.state.health.rests() == [rest]
        await gateway.settled()
        entries = await gateway.entries()
        assert all(0 <= each.latency_ms < PATIENCE * 1000 for each in entries)
        await books_agree(gateway)


async def test_a_loop_that_is_held_up_is_noticed(tmp_path: Path) -> None:
    noticed = threading.Event()
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())
            noticed.set()

    def hold_the_loop_up() -> None:
        assert noticed.wait(PATIENCE)  # as a call would that blocks

    log = logging.getLogger("aigw")
    listener = Listener(logging.WARNING)
    async with world(tmp_path) as gateway:
        assert (await gateway.request("GET", "/health")).json == {"status": "ok"}
        watch = gateway.state.watch = LoopWatch(limit=0.02)
        log.addHandler(listener)
        try:
            watch.start()
            hold_the_loop_up()
        finally:
            log.removeHandler(listener)
        (line,) = lines
        assert "stood still" in line
        assert "hold_the_loop_up" in line
        assert "\n" not in line
        assert (await gateway.request("GET", "/health")).json == {"status": "degraded"}
        assert watch.count >= 1
        watch.stop()


async def test_a_loop_that_is_busy_in_small_steps_is_not(caplog: pytest.LogCaptureFixture) -> None:
    watch = LoopWatch(limit=5.0)
    watch.start()
    for _ in range(100):
        await asyncio.sleep(0)
    watch.stop()
    assert (watch.count, watch.slow) == (0, False)
    assert caplog.records == []
