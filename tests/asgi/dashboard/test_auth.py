"""Signing in, going on and signing out, as clients do it: over HTTP."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from aigw_asgi.dashboard.sessions import COOKIE
from tests.asgi.dashboard.operator import CONFIG, Operator, Reply
from tests.running import Running, free_port

pytestmark = pytest.mark.anyio

AUTH = "/api/dashboard/auth"


def hash_of(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def config(password: str, *more: str) -> str:
    access = f"{{enabled: true, password-hash: '{hash_of(password)}'}}"
    return "\n".join([CONFIG.replace("{enabled: true}", access), *more, ""])


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, config("right", "trusted-proxies: [10.0.0.1]")) as found:
        yield found


async def login(operator: Operator, password: str = "right", **more: Any) -> Reply:
    body = {"username": "admin", "password": password}
    return await operator.ask("POST", f"{AUTH}/login", body, signed_in=False, **more)


async def by_cookie(
    operator: Operator, method: str, path: str, reply: Reply, **headers: str
) -> Reply:
    cookie = reply.headers["set-cookie"].partition(";")[0]
    fields = {"cookie": cookie, **{name.replace("_", "-"): text for name, text in headers.items()}}
    return await operator.ask(method, path, headers=fields, signed_in=False)


async def test_a_browser_signs_in_changes_something_and_signs_out(operator: Operator) -> None:
    begun = await login(operator)
    assert begun.status == 200
    assert begun.json.keys() == {"token", "expires_in", "token_type", "csrf_token"}
    assert begun.json["token_type"] == "Bearer"
    cookie = f"{COOKIE}={begun.json['token']}; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"
    assert begun.headers["set-cookie"] == cookie
    assert begun.headers["cache-control"] == "no-store"

    who = await by_cookie(operator, "GET", f"{AUTH}/session", begun)
    assert who.json == {
        "authenticated": True,
        "username": "admin",
        "expires_in": pytest.approx(3600, abs=30),
        "csrf_token": begun.json["csrf_token"],
        "password_set": True,
    }
    refused = await by_cookie(operator, "POST", "/api/dashboard/ws-ticket", begun)
    assert (refused.status, refused.json["error"]) == (403, "csrf_failed")
    csrf = who.json["csrf_token"]
    ticket = await by_cookie(operator, "POST", "/api/dashboard/ws-ticket", begun, x_csrf_token=csrf)
    assert ticket.status == 200
    assert await operator.dashboard.sessions.open_ticket(ticket.json["ticket"])

    renewed = await by_cookie(operator, "POST", f"{AUTH}/refresh", begun, x_csrf_token=csrf)
    assert renewed.status == 200
    assert renewed.json["csrf_token"] == csrf
    assert renewed.headers["set-cookie"] != begun.headers["set-cookie"]
    assert (await by_cookie(operator, "POST", f"{AUTH}/logout", renewed)).status == 403
    over = await by_cookie(operator, "POST", f"{AUTH}/logout", renewed, x_csrf_token=csrf)
    assert over.status == 204
    assert over.headers["set-cookie"].startswith(f"{COOKIE}=; Path=/; Max-Age=0")
    for each in (begun, renewed):
        gone = await by_cookie(operator, "GET", f"{AUTH}/session", each)
        assert (gone.status, gone.json["error"]) == (401, "invalid_token")


async def test_who_is_not_signed_in_learns_whether_there_is_a_password(
    operator: Operator, tmp_path: Path
) -> None:
    reply = await operator.ask("GET", f"{AUTH}/session", signed_in=False)
    assert (reply.status, reply.json["error"]) == (401, "missing_token")
    assert reply.json["password_set"] is True
    (tmp_path / "other").mkdir()
    async with Operator(tmp_path / "other") as other:
        reply = await other.ask("GET", f"{AUTH}/session", signed_in=False)
        assert (reply.status, reply.json["password_set"]) == (401, False)
        reply = await login(other)
        assert (reply.status, reply.json["error"]) == (403, "no_password")


async def test_without_a_configuration_the_link_signs_in(tmp_path: Path) -> None:
    async with Operator(tmp_path, None) as operator:
        reply = await operator.ask("GET", f"{AUTH}/session")
        assert (reply.status, reply.json["username"]) == (200, "admin")


async def test_too_many_attempts_are_locked_out_and_told_when_to_come_again(
    operator: Operator,
) -> None:
    replies = [await login(operator, f"guess {number}") for number in range(8)]
    assert [reply.status for reply in replies] == [401] * 5 + [429] * 3
    assert "4 attempts are left" in replies[0].json["message"]
    last = replies[-1]
    assert last.json["error"] == "too_many_attempts"
    assert 200 < last.json["retry_after"] <= 300
    assert last.headers["retry-after"] == str(last.json["retry_after"])
    assert (await login(operator)).status == 429
    # Another address, told by a proxy that is trusted, and not by one that is not.
    said = {"x-forwarded-for": "192.0.2.8"}
    assert (await login(operator, headers=said, peer="10.0.0.1")).status == 200


async def test_who_forges_addresses_is_counted_as_one(operator: Operator) -> None:
    statuses = []
    for number in range(7):
        forged = {"x-forwarded-for": f"192.0.2.{number}"}
        statuses.append((await login(operator, "guess", headers=forged, peer="10.9.9.9")).status)
    assert statuses == [401] * 5 + [429] * 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"username": "admin", "password": "x" * 73}, 401),
        ({"username": "admin", "password": "x" * 5000}, 422),
        ({"username": "admin"}, 422),
        ({"username": "admin", "password": 7}, 422),
        ({"username": "admin", "password": "x", "otp": "1"}, 422),
        (b'{"username": "admin", "password": "\\ud800"}', 400),
        (b"{", 400),
    ],
)
async def test_a_body_that_signs_nobody_in(operator: Operator, body: Any, status: int) -> None:
    headers = {"content-type": "application/json"}
    reply = await operator.ask("POST", f"{AUTH}/login", body, headers, signed_in=False)
    assert reply.status == status, reply.body
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    ("peer", "headers", "secure"),
    [
        ("127.0.0.1", {}, False),
        ("10.0.0.1", {"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https"}, True),
        ("10.0.0.1", {"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "http"}, False),
        ("10.9.9.9", {"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https"}, False),
    ],
)
async def test_a_cookie_is_for_https_where_the_client_came_so(
    operator: Operator, peer: str, headers: Mapping[str, str], secure: bool
) -> None:
    reply = await login(operator, peer=peer, headers=headers)
    assert reply.headers["set-cookie"].endswith("; Secure") is secure


async def test_a_link_is_for_those_on_this_machine(operator: Operator) -> None:
    link = {"token": operator.dashboard.sessions.new_link()}
    path = f"{AUTH}/link"
    elsewhere: list[dict[str, Any]] = [
        {"peer": "192.0.2.1"},
        {"headers": {"x-forwarded-for": "127.0.0.1"}},
        {"headers": {"via": "1.1 proxy"}},
    ]
    for where in elsewhere:
        reply = await operator.ask("POST", path, link, signed_in=False, **where)
        assert (reply.status, reply.json["error"]) == (403, "not_here"), where
    assert (await operator.ask("POST", path, link, signed_in=False)).status == 200
    reply = await operator.ask("POST", path, link, signed_in=False)
    assert (reply.status, reply.json["error"]) == (401, "used_link")


async def test_another_password_in_the_file_ends_sessions_at_once(operator: Operator) -> None:
    begun = await login(operator)
    operator.file.write_text(config("other"))
    assert (await operator.app.reload()) is not None
    for reply in (
        await operator.ask("GET", f"{AUTH}/session"),
        await by_cookie(operator, "GET", f"{AUTH}/session", begun),
    ):
        assert (reply.status, reply.json["error"]) == (401, "invalid_token")
    assert (await login(operator, "right")).status == 401
    assert (await login(operator, "other")).status == 200


# --- real processes ----------------------------------------------------------


def ask(port: int, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
    """On a connection of its own, so to any worker."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        headers = {"content-type": "application/json"} if body is not None else {}
        if token:
            headers["authorization"] = f"Bearer {token}"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        raw = response.read()
        return response.status, json.loads(raw) if raw else None
    finally:
        connection.close()


@pytest.mark.parametrize("workers", [1, 3])
def test_the_link_that_is_printed_signs_in_at_any_worker_once(workers: int, tmp_path: Path) -> None:
    port, output = free_port(), tmp_path / "output"
    command = ["-m", "aigw_asgi.cli", "run", f"--port={port}", f"--workers={workers}"]
    with output.open("w") as file, Running(command, port, stdout=file.fileno()):
        wait_until(lambda: "link=" in output.read_text())
        link = re.findall(r"#link=([\w.-]+)", output.read_text())[0]
        status, begun = ask(port, "POST", f"{AUTH}/link", {"token": link})
        assert status == 200, begun
        for _ in range(6):
            assert ask(port, "POST", f"{AUTH}/link", {"token": link})[0] == 401
            assert ask(port, "GET", f"{AUTH}/session", token=begun["token"])[0] == 200
        assert ask(port, "POST", f"{AUTH}/logout", token=begun["token"])[0] == 204

        def over() -> bool:
            found = [ask(port, "GET", f"{AUTH}/session", token=begun["token"]) for _ in range(10)]
            return all(status == 401 for status, _ in found)

        wait_until(over)


def wait_until(condition: Callable[[], bool]) -> None:
    """Of other processes."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
