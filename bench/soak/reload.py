"""L5: a gateway under load whose configuration changes ten times a second.

200 streams at a time and 100 requests a second go through a gateway whose file is
swapped between two configurations. Every upstream request must be of one of them as a
whole: path, key and header; every answer must be complete.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

from bench.client import BadStream
from bench.process import Process, free_port
from bench.soak.gateway import Gateway, show_censuses
from bench.soak.scenario import Figure, Options, Progress, lag_figures, none_of
from bench.wire import WIRES

_CONFIG = """
host: 127.0.0.1
api-keys: [soak-key]
echo: "off"
keepalive-expiry: 1
claude-api-key:
  - {{api-key: at-{name}, base-url: "http://127.0.0.1:{port}/{name}", headers: {{x-side: {name}}}}}
"""
WORDS = 40
PAUSE = 0.05


class Upstream:
    """Streams or answers, and looks whether what it is asked is of one piece."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.mixed = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode().lower().split("\r\n")
                fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
                body = await reader.readexactly(int(fields["content-length"]))
                side = lines[0].split("/")[1]
                self.asked[side] += 1
                self.mixed += (fields["x-side"], fields["authorization"]) != (
                    side,
                    f"bearer at-{side}",
                )
                await self._answer(writer, stream=b'"stream":true' in body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, *, stream: bool) -> None:
        wire = WIRES["messages"]
        if not stream:
            body = wire.answer("Hello there").encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (len(body), body)
            )
            return
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        texts = [wire.open(), *(wire.delta(f" w{word}-0") for word in range(WORDS)), wire.close(1)]
        for text in texts:
            data = text.encode()
            writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            await asyncio.sleep(PAUSE)
        writer.write(b"0\r\n\r\n")


async def ask(port: int, *, stream: bool) -> None:
    """One request of a chat client on a connection of its own.

    Raises:
        BadStream: the answer is not what it should be.
    """
    flag = b"true" if stream else b"false"
    body = b'{"model":"m","stream":%b,"messages":[{"role":"user","content":"hi"}]}' % flag
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer soak-key\r\n"
        b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    )
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise BadStream(answer[:300])
    if stream and (answer.count(b'"content":" w') != WORDS or b"data: [DONE]" not in answer):
        raise BadStream(answer[-300:])
    if not stream and b"Hello there" not in answer:
        raise BadStream(answer[-300:])


class Load:
    def __init__(self, port: int, until: float, progress: Progress) -> None:
        self.port = port
        self.until = until
        self.progress = progress
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []

    async def one(self, *, stream: bool) -> None:
        try:
            await ask(self.port, stream=stream)
        except (BadStream, OSError) as exc:
            self.failed.append(repr(exc))
        self.done["streams" if stream else "documents"] += 1

    async def keep_streaming(self) -> None:
        while time.monotonic() < self.until:
            await self.one(stream=True)

    async def keep_asking(self, tasks: asyncio.TaskGroup) -> None:
        while time.monotonic() < self.until:
            tasks.create_task(self.one(stream=False))
            await asyncio.sleep(0.01)

    async def keep_changing(self, path: Path, texts: list[str], gateway: Process) -> None:
        while time.monotonic() < self.until:
            turn = self.done["changes"] = self.done["changes"] + 1
            new = path.with_suffix(".new")
            new.write_text(texts[turn % 2])
            new.replace(path)
            gateway.signal(signal.SIGHUP)
            self.progress(f"{turn} changes, {self.done['streams']} streams")
            await asyncio.sleep(0.1)


async def run(options: Options, progress: Progress) -> list[Figure]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    at = server.sockets[0].getsockname()[1]
    texts = [_CONFIG.format(name=name, port=at) for name in ("one", "two")]
    port = free_port()
    streams = min(options.streams, 200)
    with Gateway(options.folder, texts[0], port) as gateway:
        await _load(gateway, texts, Load(port, time.monotonic() + 1.0, progress), 10)
        before = await gateway.settled()
        upstream.asked.clear()
        await gateway.lag()
        load = Load(port, time.monotonic() + options.seconds, progress)
        await _load(gateway, texts, load, streams)
        lag = await gateway.lag()
        generation = await _generation(port)
        after = await gateway.settled()
    server.close()
    show_censuses({"before": before, "after": after})
    leaked = after.leaked(before)
    done, asked = load.done, upstream.asked
    return [
        Figure("streams and documents", f"{done['streams']} and {done['documents']}"),
        Figure("changes of the file, generations", f"{done['changes']}, {generation}"),
        Figure("asked by one and the other", f"{asked['one']}, {asked['two']}"),
        none_of("failed", len(load.failed), "; ".join(load.failed[:3])),
        none_of("of two configurations at once", upstream.mixed),
        none_of("left in the gateway", sum(leaked.values()), str(leaked or "")),
        *lag_figures(lag),
    ]


async def _load(gateway: Gateway, texts: list[str], load: Load, streams: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(streams):
            tasks.create_task(load.keep_streaming())
        tasks.create_task(load.keep_asking(tasks))
        tasks.create_task(load.keep_changing(gateway.file, texts, gateway))


async def _generation(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /admin/config HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    told = await reader.read()
    writer.close()
    return int(told.split(b'"generation":')[1].split(b",")[0])
