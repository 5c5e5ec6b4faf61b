"""Gateways for the official SDKs: on both loops, over all three transports; each transport
on each loop only where ``AIGW_DEEP=1``, since a client sees nothing of how they meet
(``tests/asgi/transports`` has each of them on both loops)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.corpus import DEEP
from tests.running import Running, echo_upstream, gateway

SERVERS = {
    "uvloop": ("--loop", "uvloop", "--http", "httptools"),
    "asyncio": ("--loop", "asyncio", "--http", "h11"),
}
TRANSPORTS = ("direct", "httpcore", "memory")
GATEWAYS = (
    list(product(SERVERS, TRANSPORTS))
    if DEEP
    else [("uvloop", "direct"), ("asyncio", "httpcore"), ("uvloop", "memory")]
)

_CONFIG = """
host: 127.0.0.1
api-keys: [sk-test]
echo: "on"
claude-api-key:
  - api-key: upstream-key
    base-url: {upstream}
    prefix: messages/
openai-compatibility:
  - name: chat-upstream
    api-key: upstream-key
    base-url: {upstream}
    prefix: chat/
  - name: responses-upstream
    api-key: upstream-key
    base-url: {upstream}
    wire-api: responses
    prefix: responses/
gemini-api-key:
  - api-key: upstream-key
    base-url: {upstream}
    prefix: gemini/
force-model-prefix: true
retry: {{cooldown-429-secs: 0, cooldown-5xx-secs: 0, cooldown-network-secs: 0}}
"""


@pytest.fixture(scope="session")
def upstream() -> Iterator[Running]:
    with echo_upstream() as running:
        yield running


@pytest.fixture(
    scope="session",
    params=GATEWAYS,
    ids=lambda each: "-".join(each),
)
def server(
    request: pytest.FixtureRequest, upstream: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, str]]:
    """A gateway, and the transport that its requests take."""
    loop, transport = request.param
    path: Path = tmp_path_factory.mktemp("gateway") / "config.yaml"
    path.write_text(_CONFIG.format(upstream=upstream.url))
    # The built-in echo is reached in memory, whatever the network transport is.
    network = transport if transport != "memory" else "auto"
    with gateway(*SERVERS[loop], "--transport", network, config=path) as running:
        yield running, transport


@pytest.fixture(params=["chat", "messages", "responses", "gemini"])
def upstream_format(request: pytest.FixtureRequest) -> str:
    format: str = request.param
    return format


@pytest.fixture
def model(server: tuple[Running, str], upstream_format: str) -> str:
    """A pattern: ``model % "echo-tools"`` reaches that model over the transport at hand."""
    if server[1] == "memory":
        return f"%s@{upstream_format}"
    return f"{upstream_format}/%s"


@pytest.fixture
def base_url(server: tuple[Running, str]) -> str:
    return server[0].url
