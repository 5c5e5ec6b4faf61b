"""Who is measured: the pump, the gateway in several shapes, and peers that somebody else runs.

All stand before the same upstream (:mod:`bench.upstream`). A gateway is complete: it knows
its clients by their keys, limits and prices them, keeps its log of requests and its metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.address import Address, from_url
from bench.process import Process, Tree, free_port, listening
from bench.samples import PUMP

CONFIG = """
host: 127.0.0.1
api-keys:
  - {{name: bench, key: bench-key, requests-per-minute: 1000000, tokens-per-minute: 900000000,
      max-concurrent: 100000}}
echo: "off"
state: {{path: "{state}"}}
model-prices: {{"bench-*": {{input: 1, output: 2}}}}
claude-api-key:
  - api-key: bench-upstream
    base-url: http://127.0.0.1:{upstream}
    prefix: m/
    models: [{{id: "bench-*"}}]
openai-compatibility:
  - name: bench-chat
    api-key: bench-upstream
    base-url: http://127.0.0.1:{upstream}
    models: [{{id: "bench-*"}}]
"""

_FAST = ("--http", "httptools", "--loop", "uvloop")
SHAPES: dict[str, tuple[str, ...]] = {
    "httptools+uvloop": _FAST,
    "h11+asyncio": ("--http", "h11", "--loop", "asyncio"),
    "httpcore": (*_FAST, "--transport", "httpcore"),
    "two-workers": (*_FAST, "--workers", "2"),
}
"""Arguments of ``aigw run``; where they say nothing: one worker, the ``direct`` transport."""

SCENARIOS = "ACDMEFGS"
PEERS = "AEFG"
"""Scenarios of a peer that does not say which."""


@dataclass(frozen=True)
class Running:
    """A contestant that can be asked."""

    chat: Address
    """Where the model is served by an upstream of chat."""
    messages: Address
    """Where it is served by one of messages."""
    tree: Tree | None
    """``None`` where nobody may look at its processes."""


@dataclass(frozen=True)
class Contestant:
    name: str
    scenarios: str
    running: Callable[[Path], AbstractContextManager[Running]]
    """Starts it, with files in that folder."""
    fresh: bool = True
    """Each time it is started, that is a new process."""


def pump(upstream: int) -> Contestant:
    """``upstream`` is a port."""

    @contextmanager
    def running(folder: Path) -> Iterator[Running]:
        port = free_port()
        with Process(["-m", "bench.pump", str(port), str(upstream)], port, cpu=0) as process:
            yield Running(Address(port), Address(port), process)

    return Contestant(PUMP, SCENARIOS, running)


def gateway(shape: str, upstream: int) -> Contestant:
    """One of :data:`SHAPES`."""
    return Contestant(shape, SCENARIOS, partial(_gateway, SHAPES[shape], upstream))


@contextmanager
def _gateway(shape: tuple[str, ...], upstream: int, folder: Path) -> Iterator[Running]:
    port = free_port()
    file = folder / f"{port}.yaml"
    file.touch(mode=0o600)  # it has keys, and the gateway would warn
    file.write_text(CONFIG.format(upstream=upstream, state=folder / f"state-{port}"))
    command = ["-m", "aigw_asgi.cli", "run", "-c", str(file), "--port", str(port)]
    cpu = None if "--workers" in shape else 0
    with Process([*command, "--log-level", "warning", *shape], port, cpu=cpu) as process:
        chat = Address(port)
        yield Running(chat, replace(chat, prefix="m/"), process)


def peer(spec: str) -> Contestant:
    """``NAME=URL``, as :func:`bench.address.from_url` reads it.

    Raises:
        ValueError: it is none.
    """
    name, _, url = spec.partition("=")
    address, scenarios = from_url(url)
    if not name or set(scenarios) - set(SCENARIOS):
        raise ValueError(f"{spec} is not NAME=URL, or has scenarios that are none of {SCENARIOS}")

    @contextmanager
    def running(folder: Path) -> Iterator[Running]:
        tree = listening(address.port)
        yield Running(address, address, tree)

    return Contestant(name, scenarios or PEERS, running, fresh=False)
