"""Every transport of the network on every loop that it runs on."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from msgspec import Struct

from aigw_asgi.transports.base import KEEPALIVE_EXPIRY
from aigw_asgi.transports.dial import Resolver, system_resolver
from aigw_asgi.transports.direct import DirectTransport
from aigw_asgi.transports.httpcore import HttpcoreTransport
from aigw_asgi.transports.tls import client_context

NetworkTransport = DirectTransport | HttpcoreTransport


class Wiring(Struct, frozen=True):
    kind: str
    loop: str

    @property
    def backend(self) -> tuple[str, dict[str, Any]]:
        if self.loop == "trio":
            return "trio", {}
        return "asyncio", {"use_uvloop": self.loop == "uvloop"}

    def make(
        self,
        *,
        keepalive_expiry: float = KEEPALIVE_EXPIRY,
        tls: Callable[[], ssl.SSLContext] = client_context,
        resolve: Resolver = system_resolver,
    ) -> NetworkTransport:
        cls = DirectTransport if self.kind == "direct" else HttpcoreTransport
        return cls(keepalive_expiry=keepalive_expiry, tls=tls, resolve=resolve)


WIRINGS = [
    Wiring("direct", "asyncio"),
    Wiring("direct", "uvloop"),
    Wiring("httpcore", "asyncio"),
    Wiring("httpcore", "uvloop"),
    Wiring("httpcore", "trio"),
]


@pytest.fixture(params=WIRINGS, ids=lambda wiring: f"{wiring.kind}-{wiring.loop}")
def wiring(request: pytest.FixtureRequest) -> Wiring:
    chosen: Wiring = request.param
    return chosen


@pytest.fixture
def anyio_backend(wiring: Wiring) -> tuple[str, dict[str, Any]]:
    return wiring.backend


@pytest.fixture
async def transport(wiring: Wiring) -> AsyncIterator[NetworkTransport]:
    """Closed after the test, which must have left nothing open."""
    made = wiring.make()
    yield made
    await made.aclose()
    assert (made.in_use, made.idle) == (0, 0)
