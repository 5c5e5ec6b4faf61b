"""The live channel of a gateway that runs: who may open it, and what it tells."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import bcrypt
import jwt
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from aigw_asgi.dashboard.socket import BURST, GOING_AWAY, MISUSE, SESSION_OVER
from tests.redis_server import running_redis
from tests.running import Running, free_port

PASSWORD = "correct horse battery staple"
_HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()

PATIENCE = 15.0

ALL = ["metrics", "running", "health", "config", "request_log", "log"]


class Gateway(Running):
    """``aigw run`` with the dashboard on."""

    def __init__(self, folder: Path, *words: str, extra: str = "", access: str = "") -> None:
        self.config = folder / "config.yaml"
        port = free_port()
        self.config.write_text(
            f"host: 127.0.0.1\nport: {port}\napi-keys: [sk-of-the-tests]\n"
            f'dashboard: {{{access}enabled: true, password-hash: "{_HASH}"}}\n{extra}'
        )
        arguments = ["-m", "aigw_asgi.cli", "run", "-c", str(self.config), *words]
        super().__init__(arguments, port)

    def __enter__(self) -> Gateway:
        return self

    def ask(self, path: str, body: Any = None, token: str = "", method: str = "POST") -> Any:
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            raw = reply.read()
        return json.loads(raw) if raw else None

    def sign_in(self) -> str:
        body = {"username": "admin", "password": PASSWORD}
        token: str = self.ask("/api/dashboard/auth/login", body)["token"]
        return token

    def ticket(self, token: str) -> str:
        found: str = self.ask("/api/dashboard/ws-ticket", {}, token)["ticket"]
        return found

    def chat(self, text: str) -> None:
        body = {"model": "echo", "messages": [{"role": "user", "content": text}]}
        self.ask("/v1/chat/completions", body, "sk-of-the-tests")

    def open(self, query: str = "", **options: Any) -> connect:
        options.setdefault("open_timeout", PATIENCE)
        return connect(f"ws://127.0.0.1:{self.port}/ws/dashboard{query}", **options)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


async def heard(socket: ClientConnection, type: str) -> dict[str, Any]:
    """The next message of that type; others are passed over."""
    async with asyncio.timeout(PATIENCE):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == type:
                return message


async def within(socket: ClientConnection, seconds: float) -> dict[str, Any] | None:
    """The next message; ``None``: there is none for so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            message: dict[str, Any] = json.loads(await socket.recv())
            return message
    return None


async def closed(socket: ClientConnection) -> int:
    """The code that the server closes with."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
    assert socket.close_code is not None
    return socket.close_code


async def watch(socket: ClientConnection, *channels: str, **after: int) -> None:
    await socket.send(json.dumps({"type": "subscribe", "channels": channels, "after": after}))


def refused(gateway: Gateway, query: str = "", **options: Any) -> int:
    """The status of a handshake that fails."""

    async def main() -> int:
        with pytest.raises(InvalidStatus) as caught:
            async with gateway.open(query, **options):
                pass
        assert json.loads(caught.value.response.body)["error"]
        return caught.value.response.status_code

    return asyncio.run(main())


def test_every_way_in(gateway: Gateway) -> None:
    token = gateway.sign_in()
    own = {"origin": gateway.url}
    ways: list[tuple[str, dict[str, Any]]] = [
        (f"?ticket={gateway.ticket(token)}", {}),
        (f"?ticket={gateway.ticket(token)}", own),
        (f"?token={token}", {}),
        ("", {"additional_headers": {"authorization": f"Bearer {token}"}}),
        ("", {"subprotocols": ["other", f"aigw.jwt.{token}"]}),
        ("", {"additional_headers": {"cookie": f"aigw_session={token}"}, **own}),
    ]

    async def main() -> None:
        for query, options in ways:
            async with gateway.open(query, **options) as socket:
                hello = json.loads(await socket.recv())
                assert hello["type"] == "hello"
                assert set(hello["channels"]) == set(ALL)
                assert 3500 < hello["expires_in"] <= 3600
                wanted = options.get("subprotocols")
                assert socket.subprotocol == (wanted[1] if wanted else None)

    asyncio.run(main())


def test_no_way_in(gateway: Gateway) -> None:
    token = gateway.sign_in()
    cookie = {"cookie": f"aigw_session={token}"}
    bearer = {"authorization": f"Bearer {token}"}
    assert refused(gateway) == 401
    assert refused(gateway, "?token=e30.e30.e30") == 401
    assert refused(gateway, "?ticket=" + token) == 401
    assert refused(gateway, subprotocols=["aigw.jwt.x"]) == 401
    # A cookie comes along with every page; where it comes from has to be known.
    assert refused(gateway, additional_headers=cookie) == 401
    for foreign in (
        "http://evil.example",
        "null",
        f"https://127.0.0.1:{gateway.port}",
        f"http://localhost:{gateway.port}",
        "http://127.0.0.1",
        f"http://127.0.0.1:{gateway.port}.evil.example",
    ):
        assert refused(gateway, additional_headers=cookie, origin=foreign) == 403
        assert refused(gateway, additional_headers=bearer, origin=foreign) == 403
        assert refused(gateway, f"?ticket={gateway.ticket(token)}", origin=foreign) == 403


def test_a_ticket_is_good_once(gateway: Gateway) -> None:
    ticket = gateway.ticket(gateway.sign_in())

    async def main() -> None:
        async with gateway.open(f"?ticket={ticket}") as socket:
            await heard(socket, "hello")

    asyncio.run(main())
    assert refused(gateway, f"?ticket={ticket}") == 401


def test_what_happens_is_told(gateway: Gateway) -> None:
    token = gateway.sign_in()

    async def main() -> None:
        async with gateway.open(f"?token={token}") as socket:
            await heard(socket, "hello")
            await watch(socket, *ALL)
            states: dict[str, Any] = {}
            while not states.keys() >= {"metrics", "running", "health", "config"}:
                message = json.loads(await socket.recv())
                states[message["type"]] = message["data"]
            assert states["health"]["status"] == "idle"
            assert states["config"]["file"] == "config.yaml"
            assert states["running"] == {"total": 0, "requests": []}
            metrics = states["metrics"]
            await asyncio.to_thread(gateway.chat, "Hello")
            row = await heard(socket, "request_log")
            assert row["data"]["seq"] == row["seq"]
            assert (row["data"]["model"], row["data"]["status"]) == ("echo", 200)
            after = metrics
            while after["total_requests"] == metrics["total_requests"]:
                after = (await heard(socket, "metrics"))["data"]
            assert after["total_requests"] == metrics["total_requests"] + 1
            await watch(socket, "request_log")
            # What was under way when the wish came may still arrive.
            while (message := await within(socket, 1.5)) is not None:
                assert message["type"] in ("metrics", "running")

    asyncio.run(main())


def test_who_comes_back_misses_nothing(gateway: Gateway) -> None:
    token = gateway.sign_in()

    async def main() -> None:
        async with gateway.open(f"?token={token}") as socket:
            known = (await heard(socket, "hello"))["channels"]["request_log"]["seq"]
            await watch(socket, "request_log")
            await asyncio.to_thread(gateway.chat, "first")
            assert (await heard(socket, "request_log"))["seq"] == known + 1
        async with gateway.open(f"?token={token}") as stays:
            await heard(stays, "hello")
            await watch(stays, "request_log", request_log=known + 1)
            for text in ("second", "third"):
                await asyncio.to_thread(gateway.chat, text)
            for seq in (known + 2, known + 3):
                assert (await heard(stays, "request_log"))["seq"] == seq
            async with gateway.open(f"?token={token}") as socket:
                newest = (await heard(socket, "hello"))["channels"]["request_log"]["seq"]
                assert newest == known + 3
                await watch(socket, "request_log", request_log=known)
                told: list[int] = []
                while not told or told[-1] < newest:
                    async with asyncio.timeout(PATIENCE):
                        message = json.loads(await socket.recv())
                    if message["type"] == "gap":
                        assert message["channel"] == "request_log"
                        told += range(message["from"], message["to"] + 1)
                    else:
                        told.append(message["seq"])
                assert told == [known + 1, known + 2, known + 3]

    asyncio.run(main())


def test_the_end_of_the_session_ends_the_socket(tmp_path: Path) -> None:
    """Though nobody signs out, and whatever happens meanwhile."""
    secret = "a-secret-of-sessions-that-the-test-knows"
    with Gateway(tmp_path, access=f"jwt-secret: {secret}, ") as gateway:
        claims = jwt.decode(gateway.sign_in(), options={"verify_signature": False})

        def lasting(seconds: int) -> str:
            return jwt.encode({**claims, "exp": int(time.time()) + seconds}, secret, "HS256")

        async def main(seconds: int) -> bool:
            """Whether it lasted until somebody watched: a machine may be too busy for that."""
            with contextlib.suppress(InvalidStatus, ConnectionClosed):
                async with gateway.open(f"?token={lasting(seconds)}") as socket:
                    assert (await heard(socket, "hello"))["expires_in"] <= seconds
                    await watch(socket, *ALL)
                    assert await closed(socket) == SESSION_OVER
                    return True
            return False

        assert any(asyncio.run(main(seconds)) for seconds in (2, 10))
        assert refused(gateway, f"?token={lasting(0)}") == 401


def test_signing_out_ends_the_socket(gateway: Gateway) -> None:
    token = gateway.sign_in()

    async def main() -> None:
        async with gateway.open(f"?token={token}") as socket:
            await heard(socket, "hello")
            await asyncio.to_thread(gateway.ask, "/api/dashboard/auth/logout", {}, token)
            assert await closed(socket) == SESSION_OVER

    asyncio.run(main())
    assert refused(gateway, f"?token={token}") == 401


def test_who_talks_too_much_is_shown_the_door(gateway: Gateway) -> None:
    token = gateway.sign_in()

    async def main() -> None:
        async with gateway.open(f"?token={token}") as socket:
            await heard(socket, "hello")
            for _ in range(2 * BURST):
                try:
                    await socket.send('{"type":"subscribe","channels":[]}')
                except ConnectionClosed:
                    break
            assert await closed(socket) == MISUSE

    asyncio.run(main())


def test_what_is_not_understood_is_passed_over(gateway: Gateway) -> None:
    token = gateway.sign_in()

    async def main() -> None:
        async with gateway.open(f"?token={token}") as socket:
            await heard(socket, "hello")
            for text in ("", "{", "[]", '{"type":"else"}', '{"type":"subscribe","channels":3}'):
                await socket.send(text)
            await socket.send(b"\xff\x00")
            await socket.send('{"type":"subscribe","channels":["config"],"after":{"log":-7}}')
            await socket.send('{"type":"subscribe","x":' + "[" * 2000 + "]" * 2000 + "}")
            await socket.send('{"type":"subscribe","channels":["unheard-of","config"]}')
            await heard(socket, "config")

    asyncio.run(main())


def test_a_token_in_the_query_can_be_forbidden(tmp_path: Path) -> None:
    with Gateway(tmp_path) as gateway:
        text = gateway.config.read_text().replace(
            "enabled: true", "enabled: true, ws-query-token: false"
        )
        gateway.config.write_text(text)
        token = gateway.sign_in()
        gateway.ask("/admin/reload", {})
        assert refused(gateway, f"?token={token}") == 401

        async def main() -> None:
            async with gateway.open(f"?ticket={gateway.ticket(token)}") as socket:
                await heard(socket, "hello")

        asyncio.run(main())
    assert token not in gateway.output


def test_the_end_of_the_gateway_is_told(tmp_path: Path) -> None:
    with Gateway(tmp_path) as gateway:
        token = gateway.sign_in()

        async def main() -> None:
            async with gateway.open(f"?token={token}") as socket:
                await heard(socket, "hello")
                gateway.process.send_signal(signal.SIGTERM)
                assert await closed(socket) == GOING_AWAY

        asyncio.run(main())
        assert gateway.process.wait(PATIENCE) == 0


def test_another_worker_knows_the_ticket_and_the_rows(tmp_path: Path) -> None:
    """With two workers most of what is asked here meets the other one now and then."""
    with Gateway(tmp_path, "--workers", "2") as gateway:
        token = gateway.sign_in()

        async def main() -> None:
            for turn in range(6):
                async with gateway.open(f"?ticket={gateway.ticket(token)}") as socket:
                    known = (await heard(socket, "hello"))["channels"]["request_log"]["seq"]
                    await watch(socket, "request_log", request_log=known)
                    await asyncio.to_thread(gateway.chat, f"turn {turn}")
                    assert (await heard(socket, "request_log"))["seq"] == known + 1
            async with gateway.open(f"?token={token}") as socket:
                await heard(socket, "hello")
                await asyncio.to_thread(gateway.ask, "/api/dashboard/auth/logout", {}, token)
                assert await closed(socket) == SESSION_OVER
            for _ in range(6):
                with pytest.raises(urllib.error.HTTPError) as caught:
                    gateway.ask("/api/dashboard/auth/session", None, token, "GET")
                with caught.value:
                    assert caught.value.code == 401

        asyncio.run(main())


def test_it_speaks_over_tls(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    tls = f"tls: {{enable: true, cert: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}\n"
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with Gateway(tmp_path, extra=tls) as gateway:
        base = f"https://127.0.0.1:{gateway.port}"
        body = json.dumps({"username": "admin", "password": PASSWORD}).encode()
        request = urllib.request.Request(
            base + "/api/dashboard/auth/login", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE, context=context) as reply:
            cookie = reply.headers["set-cookie"]
        assert "Secure" in cookie

        async def main() -> None:
            options: dict[str, Any] = {
                "ssl": context,
                "additional_headers": {"cookie": cookie.partition(";")[0]},
            }
            place = f"wss://127.0.0.1:{gateway.port}/ws/dashboard"
            async with connect(place, origin=Origin(base), **options) as socket:
                await heard(socket, "hello")
            with pytest.raises(InvalidStatus) as caught:
                async with connect(place, origin=Origin(base.replace("https", "http")), **options):
                    pass
            assert caught.value.response.status_code == 403

        asyncio.run(main())


def test_signing_out_at_one_gateway_counts_at_the_other(tmp_path: Path) -> None:
    """Two gateways with nothing in common but a Redis and the secret of sessions."""
    secret = "the-same-secret-of-sessions-at-both-gateways"
    with running_redis(tmp_path) as server, ExitStack() as stack:
        extra = f"state: {{redis: {server.url.reveal()}}}\n"
        gateways = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            made = Gateway(folder, extra=extra, access=f"jwt-secret: {secret}, ")
            gateways.append(stack.enter_context(made))
        one, two = gateways
        token = one.sign_in()
        ticket = one.ticket(token)

        async def main() -> None:
            async with two.open(f"?ticket={ticket}") as socket:
                await heard(socket, "hello")
                await asyncio.to_thread(one.ask, "/api/dashboard/auth/logout", {}, token)
                assert await closed(socket) == SESSION_OVER

        asyncio.run(main())
        assert refused(one, f"?ticket={ticket}") == 401
        assert refused(two, f"?token={token}") == 401
        with pytest.raises(urllib.error.HTTPError) as caught:
            two.ask("/api/dashboard/auth/session", None, token, "GET")
        with caught.value:
            assert caught.value.code == 401
