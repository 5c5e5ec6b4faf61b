"""A gateway that runs out of file descriptors, of memory, or of what it may take on."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import resource
import socket
import sys
import time
from pathlib import Path

import pytest

from aigw_asgi.memory_watch import Figures
from aigw_core.chat import Format
from tests.asgi.clients import asking, error_of
from tests.faults.checks import UPSTREAMS, books_agree, check_success
from tests.faults.test_clients import client, request
from tests.faults.world import Reply, world
from tests.running import gateway

pytestmark = pytest.mark.anyio

formats = pytest.mark.parametrize("format", Format)
ways_of_asking = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])

PATIENCE = 30.0
SPARE = 10
"""Descriptors that the gateway may have beyond those that it has when it is idle."""


def ask(connection: http.client.HTTPConnection, format: Format, model: str, *, stream: bool) -> int:
    """On a connection that stands. Gives the status; an error must be one of the format."""
    path, body = asking(format, model, "/wps 0 Hi there", stream=stream)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        assert error_of(format, json.loads(content))["message"]
        assert response.headers["x-aigw-origin"] == "gateway"
    return response.status


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is of Linux")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_without_descriptors_it_serves_whom_it_has_and_nobody_is_blamed(
    loop: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    with socket.create_server(("127.0.0.1", 0)) as upstream:
        config.write_text(
            "host: 127.0.0.1\nallow-anonymous: true\necho: 'on'\nopenai-compatibility:\n"
            "  - {name: up, api-key: k, models: [{id: far}],"
            f" base-url: 'http://127.0.0.1:{upstream.getsockname()[1]}'}}\n"
        )
        with gateway("--loop", loop, config=config) as running:
            connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE)
            for format in Format:  # they are imported when first asked for, from files
                assert ask(connection, format, "echo", stream=False) == 200
            pid = running.process.pid
            limit = descriptors(pid) + SPARE
            _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, hard))
            crowd = [
                socket.create_connection(("127.0.0.1", running.port)) for _ in range(4 * SPARE)
            ]
            deadline = time.monotonic() + PATIENCE
            while descriptors(pid) < limit and time.monotonic() < deadline:
                time.sleep(0.01)
            for format in Format:
                for stream in (False, True):
                    assert ask(connection, format, "far", stream=stream) == 503
                    assert ask(connection, format, "echo", stream=stream) == 200
            connection.request("GET", "/admin/cooldowns")
            assert json.load(connection.getresponse()) == {"cooldowns": []}
            for each in crowd:
                each.close()
            while descriptors(pid) >= limit and time.monotonic() < deadline:
                time.sleep(0.01)
            late = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE)
            assert ask(late, Format.CHAT, "echo", stream=False) == 200
            late.close()
            connection.close()
    # uvloop closes who comes too many, and says nothing.
    said = running.output.count("out of system resource")
    assert 1 <= said <= 3 if loop == "asyncio" else said == 0


@formats
@ways_of_asking
async def test_as_many_as_are_allowed_and_the_rest_is_told_to_wait(
    format: Format, stream: bool, tmp_path: Path
) -> None:
    async with world(tmp_path, rest="overload: {max-requests: 2}") as gateway:
        upstream = gateway.upstream
        asking_ones = [
            asyncio.create_task(gateway.ask(format, f"{name}-lone/held", stream=stream))
            for name in UPSTREAMS
        ]
        await upstream.until(lambda: upstream.playing == 2)
        for _ in range(2):
            check_told_to_wait(await gateway.ask(format, "chat-lone/well", stream=stream), format)
        assert (await gateway.request("GET", "/health")).status == 200
        upstream.go_on()
        for reply in await asyncio.gather(*asking_ones):
            check_success(reply, format, stream=stream)
        assert gateway.state.admission.running == 0
        check_success(
            await gateway.ask(format, "chat-lone/well", stream=stream), format, stream=stream
        )
        assert gateway.state.health.rests() == []


async def test_a_request_that_is_still_being_sent_counts(tmp_path: Path) -> None:
    async with world(tmp_path, rest="overload: {max-requests: 1}") as gateway:
        ask_for = request(Format.CHAT, "chat-lone/well", stream=False)
        async with client(gateway) as raw:
            raw.send(ask_for[:-5])
            while not gateway.state.admission.running:  # noqa: ASYNC110 - tells nobody
                await asyncio.sleep(0)
            check_told_to_wait(
                await gateway.ask(Format.CHAT, "chat-lone/well", stream=False), Format.CHAT
            )
            raw.leave()
        while gateway.state.admission.running:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert (await gateway.ask(Format.CHAT, "chat-lone/well", stream=False)).status == 200


@formats
@ways_of_asking
async def test_short_of_memory_nothing_new_is_taken_on(
    format: Format, stream: bool, tmp_path: Path
) -> None:
    async with world(tmp_path) as gateway:
        upstream, memory = gateway.upstream, gateway.state.memory
        asking_one = asyncio.create_task(gateway.ask(format, "messages-lone/held", stream=stream))
        await upstream.until(lambda: upstream.playing == 1)
        memory.read = lambda: Figures(86, 100)
        memory.look()
        check_told_to_wait(await gateway.ask(format, "chat-lone/well", stream=stream), format)
        assert (await gateway.request("GET", "/health")).json == {"status": "degraded"}
        upstream.go_on()
        check_success(await asking_one, format, stream=stream)
        memory.read = lambda: Figures(84, 100)
        memory.look()
        check_success(
            await gateway.ask(format, "chat-lone/well", stream=stream), format, stream=stream
        )
        assert (await gateway.request("GET", "/health")).json == {"status": "ok"}
        assert gateway.state.health.rests() == []
        await books_agree(gateway)


@formats
async def test_when_memory_runs_out_clients_that_do_not_read_are_cut(
    format: Format, tmp_path: Path
) -> None:
    """Their upstreams with them; a stream that is read goes on."""
    async with world(tmp_path) as gateway:
        upstream, memory = gateway.upstream, gateway.state.memory
        asking_one = asyncio.create_task(gateway.ask(format, "messages-lone/held", stream=True))
        await upstream.until(lambda: upstream.playing == 1)
        async with client(gateway, small=True) as raw:
            raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
            raw.send(request(format, "chat-lone/endless", stream=True))
            await upstream.until(lambda: upstream.playing == 2)
            memory.read = lambda: Figures(96, 100)
            while upstream.playing == 2:
                memory.look()  # until as much waits for it as makes it slow
                await asyncio.sleep(0)
        memory.read = lambda: None
        memory.look()
        upstream.go_on()
        check_success(await asking_one, format, stream=True)
        await gateway.settled()
        assert sorted(each.status for each in await gateway.entries()) == [200, 499]
        assert gateway.state.health.rests() == []
        await books_agree(gateway)


async def test_memory_is_looked_at_by_itself_and_by_the_limit_that_is_configured(
    tmp_path: Path,
) -> None:
    """A limit that nobody can keep: one at a time is served all the same."""
    async with world(tmp_path, rest="overload: {memory-limit-mb: 1}") as gateway:
        while not gateway.state.admission.pressed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        upstream = gateway.upstream
        asking_one = asyncio.create_task(gateway.ask(Format.CHAT, "chat-lone/held", stream=True))
        await upstream.until(lambda: upstream.playing == 1)
        check_told_to_wait(
            await gateway.ask(Format.CHAT, "chat-lone/well", stream=True), Format.CHAT
        )
        upstream.go_on()
        check_success(await asking_one, Format.CHAT, stream=True)


def check_told_to_wait(reply: Reply, format: Format) -> None:
    assert reply.status == 503
    assert reply.headers["retry-after"] == "1"
    assert reply.headers["x-aigw-origin"] == "gateway"
    assert error_of(format, reply.json)["message"].startswith("the gateway ")
