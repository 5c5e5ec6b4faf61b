"""``bench_gateway`` and its parts, with small numbers: that they measure what they say."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from bench import held as held_streams
from bench.address import Address
from bench.client import BadStream, Window, streams
from bench.held import held, per_stream
from bench.process import listening
from bench.samples import read
from tests.running import ROOT, Running, free_port, gateway


def upstream() -> Running:
    port = free_port()
    return Running(["-m", "bench.upstream", str(port)], port)


def bench_gateway(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.bench_gateway", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=100,
    )


def test_a_peer_is_measured_beside_pump_and_gateway(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "peer.yaml"
    config.write_text(
        "{host: 127.0.0.1, api-keys: [peer-key], echo: 'off', openai-compatibility: [{name: up,"
        f" api-key: k, base-url: 'http://127.0.0.1:{port}', models: [{{id: 'bench-*'}}]}}]}}"
    )
    values, drawn = tmp_path / "values.tsv", tmp_path / "values.svg"
    with gateway(config=config) as running:
        spec = f"other=http://peer-key@127.0.0.1:{running.port}?scenarios=A"
        words = ["--rounds", "2", "--streams", "3", "--chunks", "5", "--pause-us", "2000"]
        words += ["--scenarios", "AC", "--server", "h11+asyncio", "--upstream", str(port)]
        words += ["--peer", spec, "--tsv", str(values), "--plot", str(drawn)]
        done = bench_gateway(words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# bench_gateway: end to end on loopback\n# aigw ")
    samples = read(values)
    assert samples.pairs("us_per_unit") == [
        ("A", "pump"),
        ("A", "h11+asyncio"),
        ("A", "other"),
        ("C", "h11+asyncio"),
    ]
    for scenario, name in samples.pairs("over_pump"):
        assert len(samples.values(scenario, name, "over_pump")) == 2
        assert all(each > 0 for each in samples.values(scenario, name, "us_per_unit"))
    assert "<svg " in drawn.read_text()


def test_who_listens_is_found_by_the_port() -> None:
    with upstream() as running:
        found = listening(running.port)
        assert found is not None
        assert found.cpu_seconds > 0
        assert 0 < found.pss_bytes <= found.rss_bytes
        port = running.port
    assert listening(port) is None


def test_held_streams_are_as_many_as_the_size_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_streams, "SETTLING", 0.0)

    async def run() -> list[int]:
        open_ones = 0
        left = asyncio.Semaphore(0)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal open_ones
            await reader.readuntil(b"\r\n\r\n")
            open_ones += 1
            writer.write(b"HTTP/1.1 200 OK\r\n\r\ndata: w")
            writer.write(b"ord w0-1\n\n")
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
            left.release()

        async def memory() -> int:
            return 100 + open_ones * 7

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            where = server.sockets[0].getsockname()[:2]
            asked = lambda number: b"GET /%d HTTP/1.1\r\n\r\n" % number  # noqa: E731
            found = await held(where, asked, (2, 5, 9), memory, stalls=False)
            for _ in range(9):
                await left.acquire()
            return found

    found = asyncio.run(run())
    assert found == [114, 135, 163]
    assert per_stream((2, 5, 9), found) == 7.0


def test_a_window_is_open_while_all_streams_are() -> None:
    with upstream() as running:
        tree = listening(running.port)
        assert tree is not None
        window = Window(tree, 3)
        asyncio.run(
            streams(
                Address(running.port),
                "chat",
                count=3,
                chunks=20,
                pause_us=2_000,
                window=window,
            )
        )
        assert 1 < window.us_per_delta < 100_000
        assert window.pss_bytes > 1 << 20
        never = Window(tree, 4)
        asyncio.run(
            streams(Address(running.port), "chat", count=3, chunks=2, pause_us=0, window=never)
        )
        with pytest.raises(BadStream):
            _ = never.us_per_delta


@pytest.mark.parametrize(
    ("model", "kept"), [("bench-2-0", False), ("bench-2-0-hang", True), ("bench-2-0-flood", True)]
)
def test_the_upstream_ends_falls_silent_or_floods(model: str, kept: bool) -> None:
    async def run(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(Address(port).request("chat", model, stream=True))
        wanted = b" w1-" if kept else b"[DONE]"
        data = await reader.readuntil(wanted)
        if "flood" in model:
            data += await reader.readexactly(200_000)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return data

    with upstream() as running:
        data = asyncio.run(run(running.port))
    assert (b"x" * 60_000 in data) is ("flood" in model)
    assert data.count(b" w") == 2


def test_unknown_servers_and_peers_without_an_upstream_are_refused() -> None:
    for words, problem in (
        (["--server", "fast"], "there is no fast"),
        (["--peer", "other=http://127.0.0.1:1"], "--peer needs --upstream"),
        (["--peer", "nobody"], "invalid peer value"),
    ):
        done = bench_gateway(words)
        assert done.returncode == 2
        assert problem in done.stderr
