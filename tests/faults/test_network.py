"""The way to an upstream: names, connections, certificates, and what is kept of them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from aigw_asgi.testing.faults import FaultyUpstream
from aigw_asgi.transports.dial import Resolver
from aigw_asgi.transports.direct import DirectTransport
from aigw_asgi.transports.httpcore import HttpcoreTransport
from aigw_core.chat import Format
from aigw_core.errors import ErrorKind
from tests.faults.checks import (
    UPSTREAMS,
    alone,
    books_agree,
    check_error_event,
    check_success,
    with_another,
)
from tests.faults.rows import ROWS, Of, Row, Verdict
from tests.faults.world import ATTEMPTS, COOLDOWN_NETWORK, World, world

pytestmark = pytest.mark.anyio

ways_of_asking = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
formats = pytest.mark.parametrize("format", Format)


def unreachable(code: str, *, attempts: int = ATTEMPTS) -> Verdict:
    return Verdict(ErrorKind.UPSTREAM, Of.CREDENTIAL, COOLDOWN_NETWORK, attempts, code=code)


async def never_reached(
    gateway: World, verdict: Verdict, format: Format, *, stream: bool, fault: str = "well"
) -> None:
    for upstream in UPSTREAMS:
        await alone(gateway, fault, verdict, upstream, format, stream=stream, reached=False)
        await with_another(gateway, fault, verdict, upstream, format, stream=stream)
    await books_agree(gateway)
    assert gateway.upstream.requests == []


@formats
@ways_of_asking
async def test_connect_refused(format: Format, stream: bool, tmp_path: Path) -> None:
    async with world(tmp_path, url="{faulty.refused_url}") as gateway:
        await never_reached(gateway, unreachable("connect"), format, stream=stream)


async def _no_address(host: str, port: int) -> list[str]:
    raise OSError("no such host")


async def _no_answer(host: str, port: int) -> list[str]:
    await asyncio.Event().wait()
    raise AssertionError


async def _here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


SLOW_NAMES = Verdict(ErrorKind.TIMEOUT, Of.CREDENTIAL, COOLDOWN_NETWORK, ATTEMPTS, code="timeout")


@formats
@ways_of_asking
@pytest.mark.parametrize(
    ("resolve", "verdict"),
    [(_no_address, unreachable("dns")), (_no_answer, SLOW_NAMES)],
    ids=["unknown", "slow"],
)
async def test_dns_failure(
    resolve: Resolver, verdict: Verdict, format: Format, stream: bool, tmp_path: Path
) -> None:
    transport = DirectTransport(resolve=resolve)
    quick = "timeouts: {connect: 0.02}"  # nothing is ever connected to by it
    async with world(
        tmp_path, url="https://nowhere.test", transport=transport, entry=quick
    ) as gateway:
        await never_reached(gateway, verdict, format, stream=stream)


AUTHORITY = trustme.CA()


def _serving(cert: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    return context


def _expired() -> ssl.SSLContext:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    return _serving(
        AUTHORITY.issue_cert(
            "upstream.test", not_before=long_ago, not_after=long_ago.replace(year=2021)
        )
    )


def _wrong_name() -> ssl.SSLContext:
    return _serving(AUTHORITY.issue_cert("other.test"))


def _unknown_authority() -> ssl.SSLContext:
    return _serving(trustme.CA().issue_cert("upstream.test"))


def _plain() -> None:
    return None


def _believing() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


@formats
@ways_of_asking
@pytest.mark.parametrize(
    "certificate",
    [_expired, _wrong_name, _unknown_authority, _plain],
    ids=["expired", "wrong-name", "unknown-authority", "plain-http"],
)
async def test_tls_failure(
    certificate: Callable[[], ssl.SSLContext | None],
    format: Format,
    stream: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The same host is not asked again, and whoever runs the gateway is told."""
    upstream = FaultyUpstream(tls=certificate())
    transport = DirectTransport(tls=_believing, resolve=_here)
    url = "https://upstream.test:{faulty.port}"
    async with world(tmp_path, upstream=upstream, transport=transport, url=url) as gateway:
        await never_reached(gateway, unreachable("tls", attempts=1), format, stream=stream)
    warned = [each.message for each in caplog.records if each.levelname == "WARNING"]
    handshakes = [each for each in warned if "tls: upstream.test" in each]
    assert len(handshakes) == 2 * len(UPSTREAMS)


@formats
@ways_of_asking
async def test_a_stale_connection_is_replaced_unseen(
    format: Format, stream: bool, tmp_path: Path
) -> None:
    """The upstream closes it as the next request comes: nobody is to blame."""
    async with world(tmp_path, retries=0) as gateway:
        for upstream in UPSTREAMS:
            for fault in ("stale", "well"):
                reply = await gateway.ask(format, f"{upstream}-lone/{fault}", stream=stream)
                check_success(reply, format, stream=stream)
                entry = (await gateway.entries())[-1]
                assert (entry.attempts, entry.failed) == (1, False)
            await gateway.settled()
            first, second = gateway.upstream.requests[-2:]
            assert first.connection != second.connection
            assert gateway.state.health.rests() == []
            gateway.upstream.cut()  # the other format must not meet it
            await gateway.connected(0)
        await books_agree(gateway)


@formats
@ways_of_asking
async def test_an_idle_connection_that_was_cut_is_not_used(
    format: Format, stream: bool, tmp_path: Path
) -> None:
    async with world(tmp_path, retries=0) as gateway:
        for _ in range(2):
            reply = await gateway.ask(format, "chat-lone/well", stream=stream)
            check_success(reply, format, stream=stream)
            gateway.upstream.cut()
            await gateway.connected(0)
        assert [each.connection for each in gateway.upstream.requests] == [1, 2]


@formats
async def test_a_huge_event_is_cut_off_at_the_limit(format: Format, tmp_path: Path) -> None:
    """While it comes: its upstream would send on, and is left."""
    midway = Verdict(
        ErrorKind.UPSTREAM_MALFORMED, Of.MODEL, COOLDOWN_NETWORK, midway=True, rotates=False
    )
    whole = Verdict(ErrorKind.UPSTREAM_MALFORMED, Of.MODEL, COOLDOWN_NETWORK)
    async with world(tmp_path, retries=0) as gateway:
        await alone(gateway, "huge-event", midway, "chat", format, stream=True)
        await alone(gateway, "huge-event", whole, "messages", format, stream=False)
        await gateway.connected(0)
        await books_agree(gateway)


@formats
@ways_of_asking
async def test_when_all_are_limited_the_smallest_wait_is_told(
    format: Format, stream: bool, tmp_path: Path
) -> None:
    """And nobody is asked until then."""
    async with world(tmp_path) as gateway:
        for upstream in UPSTREAMS:
            model = f"{upstream}-lone/limited-seconds"
            first = await gateway.ask(format, model, stream=stream)
            asked = len(gateway.upstream.requests)
            second = await gateway.ask(format, model, stream=stream)
            assert [first.status, second.status] == [429, 429]
            assert first.headers["retry-after"] == "17"
            assert 1 <= int(second.headers["retry-after"]) <= 17
            assert second.headers["x-aigw-origin"] == "gateway"
            assert len(gateway.upstream.requests) == asked
        await gateway.settled()
        entries = await gateway.entries()
        assert [each.attempts for each in entries] == [1, 0] * len(UPSTREAMS)
        assert [each.status for each in entries] == [429] * len(entries)


@formats
@pytest.mark.parametrize("fault", ["silent", "stalls-midway"])
async def test_a_stall_is_bridged_by_keepalives_and_its_end_is_an_error_event(
    fault: str, format: Format, tmp_path: Path
) -> None:
    """Whether the answer has begun or not; the upstream breaks off once a client has seen
    a keepalive."""
    async with world(tmp_path, retries=0, keepalive=0.01) as gateway:
        for upstream in UPSTREAMS:
            asking = asyncio.create_task(
                gateway.ask(format, f"{upstream}-lone/{fault}", stream=True, until=_keepalive)
            )
            await gateway.upstream.until(lambda: gateway.upstream.playing == 1)
            await gateway.seen.wait()
            gateway.upstream.cut()
            reply = await asking
            await gateway.settled()
            assert _keepalive(reply.body)
            if format is Format.GEMINI:
                assert b"\n:" not in b"\n" + reply.body
            check_error_event(reply, format)
            assert (await gateway.entries())[-1].failed
        await books_agree(gateway)


def _keepalive(body: bytes) -> bool:
    return b": keepalive\n\n" in body or b"event: ping" in body or b"\n\n\n" in b"\n\n" + body


SOME = [row for row in ROWS if row.fault in ("closes", "resets-midway", "cut-event", "extra-bytes")]


@formats
@ways_of_asking
@pytest.mark.parametrize("row", SOME, ids=lambda row: row.name)
async def test_the_other_transport_tells_the_same(
    row: Row, format: Format, stream: bool, tmp_path: Path
) -> None:
    async with world(tmp_path, transport=HttpcoreTransport()) as gateway:
        for upstream in UPSTREAMS:
            verdict = row.verdict(upstream, stream=stream)
            await alone(gateway, row.fault, verdict, upstream, format, stream=stream)
        await books_agree(gateway)
