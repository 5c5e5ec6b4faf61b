"""What only the httpcore transport does: proxies."""

from __future__ import annotations

import base64
import logging
import ssl

import pytest

from aigw_asgi.transports.base import UpstreamFailed
from aigw_asgi.transports.httpcore import HttpcoreTransport
from aigw_core.config.secret import Secret
from aigw_core.wire_request import FailureKind, WireRequest
from tests.asgi.transports.conftest import Wiring
from tests.asgi.transports.test_conformance import fetch
from tests.asgi.transports.test_tls import believing, server_context
from tests.asgi.transports.upstream import Act, Peer, Upstream, answer, serves

pytestmark = pytest.mark.anyio

CANARY = "canary-pass:word"
AUTHORIZATION = b"Basic " + base64.b64encode(b"me:" + CANARY.encode())


@pytest.fixture(params=["asyncio", "uvloop", "trio"])
def wiring(request: pytest.FixtureRequest) -> Wiring:
    return Wiring("httpcore", request.param)


@pytest.fixture
def transport(wiring: Wiring) -> HttpcoreTransport:
    return HttpcoreTransport(tls=believing)


def through(
    proxy: Upstream, *, proxy_scheme: str, scheme: str = "http", timeout: float = 10.0
) -> WireRequest:
    address = f"{proxy_scheme}://me:canary-pass%3Aword@127.0.0.1:{proxy.port}"
    return WireRequest(
        "POST",
        f"{scheme}://upstream.test:8443/v1/x?y=z",
        (("authorization", "Bearer k"),),
        b"{}",
        timeout,
        Secret(address),
    )


async def test_a_plain_request_goes_to_the_proxy_whole(transport: HttpcoreTransport) -> None:
    seen: list[bytes] = []

    def script(peer: Peer) -> None:
        for _ in range(2):
            seen.append(peer.request()[0])
            peer.send(answer(b"a"))
        peer.gone()

    async with Upstream(script) as proxy:
        assert await fetch(transport, through(proxy, proxy_scheme="http")) == b"a"
        assert await fetch(transport, through(proxy, proxy_scheme="http")) == b"a"
        await transport.aclose()
        assert proxy.accepted == 1
    lines = seen[0].split(b"\r\n")
    assert lines[0] == b"POST http://upstream.test:8443/v1/x?y=z HTTP/1.1"
    assert b"host: upstream.test:8443" in lines
    assert b"Proxy-Authorization: " + AUTHORIZATION in lines


def tunnel(context: ssl.SSLContext, seen: list[bytes]) -> Act:
    def script(peer: Peer) -> None:
        seen.append(peer.request()[0])
        peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        peer.secure(context)
        for body in (b"a", b"b"):
            seen.append(peer.request()[0])
            peer.send(answer(body))
        peer.gone()

    return script


async def test_a_tls_request_goes_through_a_tunnel(transport: HttpcoreTransport) -> None:
    seen: list[bytes] = []
    async with Upstream(tunnel(server_context("upstream.test"), seen)) as proxy:
        request = through(proxy, proxy_scheme="http", scheme="https")
        assert await fetch(transport, request) == b"a"
        assert await fetch(transport, request) == b"b"
        assert transport.idle == 1
        await transport.aclose()
        assert proxy.accepted == 1
    assert seen[0].startswith(b"CONNECT upstream.test:8443 HTTP/1.1\r\n")
    assert AUTHORIZATION in seen[0]
    assert seen[1].startswith(b"POST /v1/x?y=z HTTP/1.1\r\n")
    assert AUTHORIZATION not in seen[1]


async def test_the_name_is_checked_through_a_tunnel(transport: HttpcoreTransport) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        with pytest.raises(OSError):  # noqa: PT011 - whichever way the client leaves
            peer.secure(server_context("other.test"))

    async with Upstream(script) as proxy:
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(through(proxy, proxy_scheme="http", scheme="https"))
        assert (caught.value.kind, caught.value.sent) == (FailureKind.TLS, False)


def socks(*, word: bytes, then: Act) -> Act:
    """A SOCKS5 proxy, RFC 1928 and 1929, that connects to nothing but ``then``."""

    def script(peer: Peer) -> None:
        assert peer.receive(3) == b"\x05\x01\x02"
        peer.send(b"\x05\x02")
        assert peer.receive(5) == b"\x01\x02me\x10"
        good = peer.receive(16) == word
        peer.send(b"\x01\x00" if good else b"\x01\x01")
        if not good:
            peer.gone()
            return
        assert peer.receive(5) == b"\x05\x01\x00\x03\x0d"
        assert peer.receive(15) == b"upstream.test" + (8443).to_bytes(2, "big")
        peer.send(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        then(peer)

    return script


async def test_socks_leads_to_the_upstream(transport: HttpcoreTransport) -> None:
    script = socks(word=CANARY.encode(), then=serves(answer(b"a"), answer(b"b")))
    async with Upstream(script) as proxy:
        request = through(proxy, proxy_scheme="socks5")
        assert await fetch(transport, request) == b"a"
        assert await fetch(transport, request) == b"b"
        await transport.aclose()
        assert proxy.accepted == 1


async def test_the_words_for_the_proxy_are_not_logged(
    transport: HttpcoreTransport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    script = socks(word=CANARY.encode(), then=serves(answer(b"a")))
    async with Upstream(script) as one, Upstream(serves(answer(b"a"))) as two:
        assert await fetch(transport, through(one, proxy_scheme="socks5")) == b"a"
        request = through(two, proxy_scheme="http")
        assert await fetch(transport, request) == b"a"
        assert "canary" not in repr(request)
        await transport.aclose()
    assert caplog.records
    assert "canary" not in caplog.text
    assert AUTHORIZATION.decode() not in caplog.text


def refuses(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
    peer.gone()


def hangs_up(peer: Peer) -> None:
    peer.more()


def babbles(peer: Peer) -> None:
    peer.more()
    peer.send(b"\x00\xffnonsense\r\n\r\n")
    peer.gone()


@pytest.mark.parametrize("script", [refuses, hangs_up, babbles])
async def test_a_tunnel_that_fails_is_a_connect_failure(
    transport: HttpcoreTransport, script: Act
) -> None:
    async with Upstream(script) as proxy:
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(through(proxy, proxy_scheme="http", scheme="https"))
        assert (caught.value.kind, caught.value.sent) == (FailureKind.CONNECT, False)
        assert "canary" not in str(caught.value)
        assert transport.in_use == 0


@pytest.mark.parametrize(
    "script",
    [socks(word=b"another word    ", then=hangs_up), hangs_up, babbles],
    ids=["wrong-word", "hangs-up", "babbles"],
)
async def test_socks_that_fails_is_a_connect_failure(
    transport: HttpcoreTransport, script: Act
) -> None:
    async with Upstream(script) as proxy:
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(through(proxy, proxy_scheme="socks5"))
        assert (caught.value.kind, caught.value.sent) == (FailureKind.CONNECT, False)
        assert "canary" not in str(caught.value)
        assert transport.in_use == 0


@pytest.mark.parametrize("proxy_scheme", ["http", "socks5"])
async def test_a_silent_proxy_is_a_connect_timeout(
    transport: HttpcoreTransport, proxy_scheme: str
) -> None:
    async with Upstream(Peer.gone) as proxy:
        request = through(proxy, proxy_scheme=proxy_scheme, scheme="https", timeout=0.05)
        with pytest.raises(UpstreamFailed) as caught:
            await transport.open(request)
        assert (caught.value.kind, caught.value.sent) == (FailureKind.TIMEOUT, False)
        assert transport.in_use == 0


@pytest.mark.parametrize(
    "address",
    ["ftp://127.0.0.1", "127.0.0.1:1", "http://", "http://127.0.0.1:x", "http://[::1", ""],
)
async def test_a_proxy_url_that_is_none_is_a_connect_failure(
    transport: HttpcoreTransport, address: str
) -> None:
    request = WireRequest("POST", "http://upstream.test/", (), b"", 10.0, Secret(address))
    with pytest.raises(UpstreamFailed) as caught:
        await transport.open(request)
    assert caught.value.kind is FailureKind.CONNECT


async def test_two_proxies_do_not_share_connections(transport: HttpcoreTransport) -> None:
    async with Upstream(serves(answer(b"a"))) as one, Upstream(serves(answer(b"b"))) as two:
        assert await fetch(transport, through(one, proxy_scheme="http")) == b"a"
        assert await fetch(transport, through(two, proxy_scheme="http")) == b"b"
        assert transport.idle == 2
        await transport.aclose()
