"""The dashboard's pages, as browsers get them."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aigw_asgi.dashboard.files import Pages
from tests.asgi.dashboard.operator import Operator, Reply

pytestmark = pytest.mark.anyio

INDEX = (
    '<!doctype html><meta name="csp-nonce" content="__AIGW_CSP_NONCE__">'
    '<meta name="aigw-visitor" content="__AIGW_VISITOR__">'
)
SCRIPT = b"export const x = 1;\n" * 100


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    built = tmp_path / "static"
    (built / "assets").mkdir(parents=True)
    (built / "assets" / "main-abc123.js").write_bytes(SCRIPT)
    (built / "assets" / "main-abc123.js.gz").write_bytes(gzip.compress(SCRIPT))
    (built / "icon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("not a page")
    (built / "index.html").write_text(INDEX)
    async with Operator(tmp_path) as operator:
        operator.dashboard.pages = Pages(built)
        yield operator


async def get(operator: Operator, path: str, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await operator.ask("GET", path, headers=named, signed_in=False)


async def test_the_root_leads_to_the_dashboard(operator: Operator) -> None:
    for path in ("/", "/dashboard"):
        reply = await get(operator, path)
        assert (reply.status, reply.headers["location"]) == (307, "/dashboard/")


@pytest.mark.parametrize("path", ["", "requests", "requests/0199aa", "keys?x=1"])
async def test_every_address_within_the_page_is_the_page(operator: Operator, path: str) -> None:
    replies = [await get(operator, f"/dashboard/{path}") for _ in range(2)]
    nonces = set()
    for reply in replies:
        assert reply.status == 200
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert reply.headers["cache-control"] == "no-store"
        found = re.search(rb'csp-nonce" content="([\w-]{20,})"', reply.body)
        assert found is not None
        policy = reply.headers["content-security-policy"]
        assert f"style-src 'self' 'nonce-{found[1].decode()}'" in policy
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'self';")
        assert reply.headers["x-frame-options"] == "DENY"
        nonces.add(found[1])
    assert len(nonces) == 2


async def test_the_page_is_told_who_asks_for_it(operator: Operator) -> None:
    assert b'visitor" content=""' in (await get(operator, "/dashboard/")).body
    cookie = f"aigw_session={operator.token}"
    assert (
        b'visitor" content="signed-in"' in (await get(operator, "/dashboard/", cookie=cookie)).body
    )


async def test_assets_are_kept_for_ever_and_packed(operator: Operator) -> None:
    path = "/dashboard/assets/main-abc123.js"
    plain = await get(operator, path)
    assert plain.body == SCRIPT
    assert plain.headers["content-type"] == "text/javascript"
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in plain.headers
    packed = await get(operator, path, accept_encoding="br, gzip;q=0.5")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == SCRIPT
    again = await get(operator, path, if_none_match=plain.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert (await get(operator, "/dashboard/icon.svg")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "assets/other.js",
        "assets/main-abc123.js.gz",
        "secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "../secret.txt",
        "assets/../../secret.txt",
    ],
)
async def test_nothing_else_can_be_had(operator: Operator, path: str) -> None:
    reply = await get(operator, f"/dashboard/{path}")
    assert reply.status == 404
    assert b"not a page" not in reply.body


async def test_pages_are_only_looked_at(operator: Operator) -> None:
    reply = await operator.ask("POST", "/dashboard/", b"x")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


async def test_without_a_build_the_page_says_how_to_make_one(operator: Operator) -> None:
    folder = operator.folder / "static"
    (folder / "index.html").rename(folder / "elsewhere.html")
    for path in ("/dashboard/", "/dashboard/requests"):
        reply = await get(operator, path)
        assert reply.status == 200
        assert b"make web" in reply.body
        assert "content-security-policy" in reply.headers
    (folder / "elsewhere.html").rename(folder / "index.html")
    assert b"aigw-visitor" in (await get(operator, "/dashboard/")).body
