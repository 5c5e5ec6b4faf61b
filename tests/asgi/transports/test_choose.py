"""Which transport serves which request."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from aigw_asgi.transports import UpstreamFailed, choose
from aigw_asgi.transports.httpcore import HttpcoreTransport
from aigw_core.config.secret import Secret
from aigw_core.wire_request import FailureKind, WireRequest
from tests.asgi.transports.test_conformance import fetch, wire
from tests.asgi.transports.upstream import Peer, Upstream, answer

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "uvloop", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    if request.param == "trio":
        return "trio", {}
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


async def test_a_proxy_is_used_when_there_is_one(
    anyio_backend_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[bytes] = []

    def script(peer: Peer) -> None:
        lines.append(peer.request()[0].partition(b"\r\n")[0])
        peer.send(answer(b"a"))
        peer.gone()

    # The environment has no say.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    transport = choose()
    assert isinstance(transport, HttpcoreTransport) is (anyio_backend_name == "trio")
    async with Upstream(script) as server:
        assert await fetch(transport, wire(server)) == b"a"
        proxy = Secret(f"http://127.0.0.1:{server.port}")
        request = WireRequest("POST", "http://upstream.test/x", (), b"", 10.0, proxy)
        assert await fetch(transport, request) == b"a"
        assert "in_use=0 idle=" in repr(transport)
        await transport.aclose()
        assert lines == [b"POST /v1/x HTTP/1.1", b"POST http://upstream.test/x HTTP/1.1"]
        for late in (wire(server), request):
            with pytest.raises(UpstreamFailed) as caught:
                await transport.open(late)
            assert caught.value.kind is FailureKind.POOL
    await anyio.lowlevel.checkpoint()
