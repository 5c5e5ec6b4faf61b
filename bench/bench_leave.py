"""How soon an upstream is left after its client has gone, in ms: 50 streams at once."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from bench.process import Process, free_port
from bench.table import head, table

STREAMS = 50
_CONFIG = """
host: 127.0.0.1
allow-anonymous: true
echo: "off"
claude-api-key:
  - api-key: bench-upstream
    base-url: http://127.0.0.1:{upstream}
"""
_START = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello"}}\n\n'
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
_BODY = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
_REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


async def measure() -> list[float]:
    """Milliseconds, one for each stream."""
    left: list[float] = []
    all_left = asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_HEAD + _START)
        try:
            while await reader.read(65536):
                pass
        except ConnectionError:
            pass
        left.append(time.perf_counter())
        if len(left) == STREAMS:
            all_left.set()
        writer.close()

    port = free_port()
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(_CONFIG.format(upstream=server.sockets[0].getsockname()[1]))
        arguments = ["-m", "aigw_asgi.cli", "run", "-c", str(path), "--port", str(port)]
        with Process(arguments, port):
            clients = []
            for _ in range(STREAMS):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(_REQUEST)
                await reader.readuntil(b"hello")
                clients.append(writer)
            gone = time.perf_counter()
            for writer in clients:
                writer.transport.abort()
            await all_left.wait()
    server.close()
    return [(at - gone) * 1000 for at in left]


def main() -> None:
    head("bench_leave: from the client's end to the upstream's, ms")
    times = asyncio.run(measure())
    table(["streams", "median", "worst"], [[len(times), statistics.median(times), max(times)]])


if __name__ == "__main__":
    main()
