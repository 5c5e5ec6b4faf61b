"""Every route, with every method and credentials of all kinds, true, false and nearly true:
who gets in is what a table says, and nobody else (P16).

The table is written here once more, and not taken from the routes. A request comes from
elsewhere; what is said of where it comes from, is not believed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aigw_asgi.dashboard.operation import PREFIX
from aigw_asgi.dashboard.resources import OPERATIONS
from aigw_asgi.routes import ROUTES
from tests.asgi.dashboard.operator import Operator
from tests.corpus import DEEP

pytestmark = pytest.mark.anyio

KEY, SCRAPER = "sk-app-key-of-the-tests", "scraper-of-the-tests"
CONFIG = f"""\
host: 127.0.0.1
dashboard: {{enabled: true}}
api-keys: [{{name: app, key: {KEY}}}]
admin: {{scrape-token: {SCRAPER}}}
"""

PUBLIC = {"/", "/api/hello", "/health"}
FOR_CLIENTS = {
    *("/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/responses"),
    *("/v1/responses/input_tokens", "/v1/responses/compact", "/v1/responses/resp_1"),
    *("/v1/models", "/v1beta/models", "/v1alpha/models", "/v1/models/echo", "/v1beta/models/echo"),
    *("/v1beta/models/echo:generateContent", "/v1beta/models/echo:streamGenerateContent"),
    "/v1/models/echo:countTokens",
}
FOR_SCRAPERS = {
    *("/metrics", "/metrics/prometheus", "/admin/metrics", "/admin/config", "/admin/models"),
    *("/admin/nodes", "/admin/cooldowns", "/admin/cooldowns/x"),
}
FOR_NOBODY = {"/admin/reload", "/nowhere", "/v1", "/admin", "/api/dashboard", "/ws/dashboard"}
WITH_QUERY_KEY = {path for path in FOR_CLIENTS if "/v1beta/" in path or "/v1alpha/" in path}
WITH_QUERY_KEY |= {"/v1/models/echo:countTokens"}

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "X")
VARIANTS = 50 if DEEP else 6
"""Of each path and method."""

Fields = list[tuple[bytes, bytes]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, CONFIG) as operator:
        yield operator


def test_the_table_has_every_route() -> None:
    assert set(ROUTES) <= PUBLIC | FOR_CLIENTS | FOR_SCRAPERS | FOR_NOBODY


async def status_of(gateway: Operator, method: str, path: str, query: bytes, fields: Fields) -> int:
    sent: list[dict[str, Any]] = []
    waiting = [{"type": "http.request", "body": b"{}", "more_body": False}]

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"host", b"127.0.0.1:8317"), *fields],
        "client": ("203.0.113.9", 5000),
        "server": ("192.0.2.1", 8317),
    }
    await gateway.app(scope, receive, send)
    return int(sent[0]["status"])


def _spoilt(dice: Random, key: str) -> str:
    """Nearly ``key``, but not it."""
    at = dice.randrange(len(key))
    return dice.choice(
        [
            key[:at] + key[at + 1 :],
            key[:at] + key[at].swapcase() + "x" + key[at + 1 :],
            key + "\0",
            key[:at] + "é" + key[at:],
            key.upper(),
            f"{key}, {key}x",
            f'"{key}"',
            "*",
            "null",
            "",
        ]
    )


_BELIEVE_ME: list[Fields] = [
    [],
    [],
    [(b"x-forwarded-for", b"127.0.0.1")],
    [(b"forwarded", b"for=127.0.0.1;host=localhost")],
    [(b"x-real-ip", b"::1"), (b"host", b"localhost")],
    [(b"x-original-url", b"/health"), (b"x-rewrite-url", b"/health")],
    [(b"x-http-method-override", b"GET"), (b"origin", b"http://127.0.0.1:8317")],
    [(b"cookie", b"aigw_session=e30.e30.e30"), (b"x-csrf-token", b"x")],
]


def credentials(dice: Random) -> tuple[bytes, Fields, str, bool]:
    """Query and header fields, what they truly hold (``client``, ``scraper`` or nothing),
    and whether it is in the query."""
    key, holds = dice.choice([(KEY, "client"), (SCRAPER, "scraper"), (KEY, ""), (SCRAPER, "")])
    text = key if holds else _spoilt(dice, key)
    raw = text.encode()
    place = dice.choice(["bearer", "x-api-key", "x-goog-api-key", "query", "nowhere", "two"])
    if place == "query":
        odd = any(char in text for char in '\0é" ,*') or not text
        return b"key=" + raw, [], "" if odd else holds, True
    if place == "nowhere":
        name = dice.choice([b"x-key", b"api-key", b"proxy-authorization", b"x-aigw-key"])
        return dice.choice([b"", b"token=" + raw, b"KEY=" + raw]), [(name, raw)], "", False
    fields = {
        "bearer": [(b"authorization", b"Bearer " + raw)],
        "two": [(b"authorization", b"Bearer " + raw), (b"x-api-key", raw + b"x")],
    }.get(place, [(place.encode(), raw)])
    return b"", fields, "" if place == "two" else holds, False


@pytest.mark.parametrize("name", [b"x-api-key", b"x-goog-api-key", b"authorization"])
async def test_a_header_that_comes_twice_is_no_key(gateway: Operator, name: bytes) -> None:
    right = (b"Bearer " if name == b"authorization" else b"") + KEY.encode()
    assert await status_of(gateway, "GET", "/v1/models", b"", [(name, right)]) == 200
    for other in (right, right[:-1], b"", b"Basic eA=="):
        for fields in ([(name, right), (name, other)], [(name, other), (name, right)]):
            assert await status_of(gateway, "GET", "/v1/models", b"", fields) == 401, fields


def _paths(dice: Random) -> Iterator[tuple[str, str]]:
    """What is asked for, and the entry of the table that it is, if it is one."""
    operations = [PREFIX + each.path for each in OPERATIONS if not each.public]
    for path in sorted({*PUBLIC, *FOR_CLIENTS, *FOR_SCRAPERS, *FOR_NOBODY, *operations}):
        yield path, path
        at = dice.randrange(len(path))
        odd = dice.choice(
            [
                path + "/",
                "/" + path,
                path + "/..",
                "/health/.." + path,
                path + ";/health",
                path + "%2fhealth",
                path[:at] + f"%{ord(path[at]):02x}" + path[at + 1 :],
                path.swapcase() if path != "/" else "/%48ealth",
                "http://127.0.0.1" + path,
            ]
        )
        yield odd, ""


def granted(method: str, entry: str, holds: str, in_query: bool) -> bool:
    if entry in PUBLIC:
        return True
    if entry in FOR_CLIENTS:
        return holds == "client" and (not in_query or entry in WITH_QUERY_KEY)
    if entry in FOR_SCRAPERS:
        return holds == "scraper" and not in_query and method in ("GET", "HEAD")
    return False


async def test_who_gets_in_is_what_the_table_says(gateway: Operator) -> None:
    dice = Random(16)
    got_in, asked = 0, 0
    for path, entry in _paths(dice):
        for method in METHODS:
            for _ in range(VARIANTS):
                query, fields, holds, in_query = credentials(dice)
                believe = dice.choice(_BELIEVE_ME)
                status = await status_of(gateway, method, path, query, [*fields, *believe])
                about = (method, path, query, fields, believe, status)
                asked += 1
                if granted(method, entry, holds, in_query):
                    got_in += 1
                    assert status not in (401, 403), about
                elif status < 400:
                    # An odd spelling may be the name of a model, and the key be the right one.
                    assert (entry, holds, path[:3]) == ("", "client", "/v1"), about
    assert got_in > asked / 50
