"""TLS to upstreams: who is believed, and what a failure is called."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import certifi
import pytest
import trustme
from anyio.lowlevel import checkpoint

from aigw_asgi.transports.base import UpstreamFailed
from aigw_asgi.transports.tls import client_context, make_context
from aigw_core.wire_request import FailureKind, WireRequest
from tests.asgi.transports.conftest import NetworkTransport, Wiring
from tests.asgi.transports.test_conformance import CHUNKED, fetch, open_files, rest, used_loop, wire
from tests.asgi.transports.upstream import Peer, Upstream, answer, says, serves

pytestmark = pytest.mark.anyio

AUTHORITY = trustme.CA()


def server_context(*names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*names).configure_cert(context)
    return context


def believing() -> ssl.SSLContext:
    context = make_context()
    AUTHORITY.configure_trust(context)
    return context


async def local(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
def transport(wiring: Wiring) -> NetworkTransport:
    return wiring.make(tls=believing, resolve=local)


async def test_a_good_certificate_is_believed(transport: NetworkTransport) -> None:
    names: list[str | None] = []
    context = server_context("upstream.test")
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    async with Upstream(
        serves(answer(b"a"), CHUNKED + b"1\r\nb\r\n0\r\n\r\n"), tls=context
    ) as upstream:
        assert await fetch(transport, wire(upstream, host="upstream.test")) == b"a"
        assert await fetch(transport, wire(upstream, host="upstream.test")) == b"b"
        assert transport.idle == 1
        await transport.aclose()
        assert upstream.accepted == 1
    # The address that was connected to is not the name that was asked for.
    assert names == ["upstream.test"]


async def test_an_address_in_the_certificate_is_believed(transport: NetworkTransport) -> None:
    async with Upstream(serves(answer(b"a")), tls=server_context("127.0.0.1")) as upstream:
        assert await fetch(transport, wire(upstream)) == b"a"
        await transport.aclose()


async def failed_opening(transport: NetworkTransport, request: WireRequest) -> UpstreamFailed:
    with pytest.raises(UpstreamFailed) as caught:
        await transport.open(request)
    await transport.aclose()
    assert (transport.in_use, transport.idle) == (0, 0)
    assert not caught.value.sent
    return caught.value


async def test_the_wrong_name_is_not_believed(transport: NetworkTransport) -> None:
    async with Upstream(serves(), tls=server_context("other.test")) as upstream:
        failure = await failed_opening(transport, wire(upstream, host="upstream.test"))
        assert failure.kind is FailureKind.TLS
        assert "other" not in str(failure)
        await upstream.finished()
        assert upstream.accepted == 1


async def test_an_unknown_authority_is_not_believed(wiring: Wiring) -> None:
    transport = wiring.make(tls=ssl.create_default_context, resolve=local)
    async with Upstream(serves(), tls=server_context("upstream.test")) as upstream:
        failure = await failed_opening(transport, wire(upstream, host="upstream.test"))
        assert failure.kind is FailureKind.TLS


async def test_a_port_without_tls_fails_the_handshake(transport: NetworkTransport) -> None:
    def plain(peer: Peer) -> None:
        peer.receive(1)
        peer.send(answer(status=400))
        peer.gone()

    async with Upstream(plain) as upstream:
        request = WireRequest("POST", f"https://upstream.test:{upstream.port}/", (), b"")
        assert (await failed_opening(transport, request)).kind is FailureKind.TLS


async def test_bytes_before_the_handshake_are_no_answer(transport: NetworkTransport) -> None:
    """Somebody on the way slips an answer in before the protection starts."""

    def script(peer: Peer) -> None:
        peer.send(answer(b"forged"))
        with contextlib.suppress(OSError):
            peer.secure(server_context("upstream.test"))
            peer.request()

    async with Upstream(script) as upstream:
        request = WireRequest("POST", f"https://upstream.test:{upstream.port}/", (), b"")
        assert (await failed_opening(transport, request)).kind is FailureKind.TLS


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_an_end_in_the_handshake_is_its_failure(
    transport: NetworkTransport, end: str
) -> None:
    def script(peer: Peer) -> None:
        peer.receive(1)
        getattr(peer, end)()

    async with Upstream(script) as upstream:
        request = WireRequest("POST", f"https://upstream.test:{upstream.port}/", (), b"")
        assert (await failed_opening(transport, request)).kind is FailureKind.TLS


async def test_a_silent_handshake_is_a_connect_timeout(transport: NetworkTransport) -> None:
    async with Upstream(Peer.gone) as upstream:
        request = WireRequest("POST", f"https://upstream.test:{upstream.port}/", (), b"", 0.05)
        assert (await failed_opening(transport, request)).kind is FailureKind.TIMEOUT


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_cut_without_farewell_is_no_end(transport: NetworkTransport, end: str) -> None:
    """Anybody on the way can close the connection; only the upstream can say that the
    body has ended."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        peer.wait()
        getattr(peer, end)()

    async with Upstream(script, tls=server_context("upstream.test")) as upstream:
        stream = await transport.open(wire(upstream, host="upstream.test"))
        assert await stream.read() == b"hello"
        upstream.go_on()
        with pytest.raises(UpstreamFailed) as caught:
            await stream.read()
        assert caught.value.kind is FailureKind.READ
        await stream.aclose()
        await transport.aclose()


async def test_a_farewell_is_an_end(transport: NetworkTransport) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        peer.wait()
        peer.farewell()

    async with Upstream(script, tls=server_context("upstream.test")) as upstream:
        stream = await transport.open(wire(upstream, host="upstream.test"))
        assert await stream.read() == b"hello"
        upstream.go_on()
        assert await stream.read() == b""
        await stream.aclose()
        await transport.aclose()


async def test_closing_in_the_body_closes_the_socket(transport: NetworkTransport) -> None:
    async with Upstream(says(CHUNKED), tls=server_context("upstream.test")) as upstream:
        stream = await transport.open(wire(upstream, host="upstream.test"))
        await stream.aclose()
        await upstream.finished()
        await transport.aclose()
        assert (transport.in_use, transport.idle) == (0, 0)


async def test_a_large_answer_comes_whole(transport: NetworkTransport) -> None:
    body = bytes(range(256)) * 20000
    async with Upstream(serves(answer(body)), tls=server_context("upstream.test")) as upstream:
        assert await fetch(transport, wire(upstream, host="upstream.test")) == body
        assert transport.idle == 1
        await transport.aclose()


async def test_cancelling_anywhere_leaks_nothing(
    transport: NetworkTransport, wiring: Wiring
) -> None:
    async def use(request: WireRequest) -> None:
        stream = await transport.open(request)
        try:
            await rest(stream)
        finally:
            await stream.aclose()

    def script(peer: Peer) -> None:
        try:
            while True:
                peer.request()
                peer.send(answer(b"a"))
        except (EOFError, OSError):
            pass

    before = await used_loop(wiring)
    async with Upstream(script, tls=server_context("upstream.test")) as upstream:
        request = wire(upstream, host="upstream.test")
        assert await fetch(transport, request) == b"a"
        for turns in range(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(use, request)
                tasks.start_soon(use, request)
                for _ in range(turns):
                    await checkpoint()
                tasks.cancel_scope.cancel()
        assert await fetch(transport, request) == b"a"
        await transport.aclose()
        assert (transport.in_use, transport.idle) == (0, 0)
    assert open_files() <= before


async def test_the_file_of_the_environment_replaces_the_roots(
    wiring: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "roots.pem"
    AUTHORITY.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    transport = wiring.make(tls=make_context, resolve=local)
    async with Upstream(serves(answer(b"a")), tls=server_context("upstream.test")) as upstream:
        assert await fetch(transport, wire(upstream, host="upstream.test")) == b"a"
        await transport.aclose()


async def test_roots_that_cannot_be_read_are_a_tls_failure(
    wiring: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    transport = wiring.make(tls=make_context, resolve=local)
    async with Upstream(Peer.gone) as upstream:
        request = WireRequest("POST", f"https://upstream.test:{upstream.port}/", (), b"")
        failure = await failed_opening(transport, request)
        assert failure.kind is FailureKind.TLS
        assert "certificates" in str(failure)


def test_the_context_checks_and_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    client_context.cache_clear()
    context = client_context()
    assert context is client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_without_roots_of_the_system_certifi_has_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = ssl.DefaultVerifyPaths("", "", "", str(tmp_path / "no"), "", str(tmp_path))
    no_paths: Callable[[], ssl.DefaultVerifyPaths] = lambda: nowhere  # noqa: E731
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.setattr(ssl, "get_default_verify_paths", no_paths)
    monkeypatch.setattr("aigw_asgi.transports.tls._BUNDLES", ())
    assert make_context().cert_store_stats()["x509_ca"] > 50


def test_a_cut_connection_is_no_farewell_on_older_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Theirs come with the option that makes it one."""
    make = ssl.create_default_context

    def older(*args: Any, **words: Any) -> ssl.SSLContext:
        context = make(*args, **words)
        context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
        return context

    monkeypatch.setattr(ssl, "create_default_context", older)
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert not make_context().options & ssl.OP_IGNORE_UNEXPECTED_EOF
