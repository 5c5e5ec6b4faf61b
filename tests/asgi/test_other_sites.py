"""Pages of other sites, in the browser of somebody who may use the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.asgi.dashboard.operator import Operator

pytestmark = pytest.mark.anyio

ORIGIN = {"origin": "https://other.test"}
PATHS = [
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1/models",
    "/v1beta/models/m:generateContent",
    "/admin/cooldowns",
    "/admin/reload",
    "/metrics",
    "/health",
    "/api/dashboard/providers",
    "/api/dashboard/auth/login",
    "/dashboard/",
    "/nowhere",
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    config = "host: 127.0.0.1\ndashboard: {enabled: true}\napi-keys: [sk-for-the-tests]\n"
    async with Operator(tmp_path, config) as operator:
        yield operator


@pytest.mark.parametrize("path", PATHS)
async def test_a_preflight_allows_nothing(operator: Operator, path: str) -> None:
    """So a browser sends nothing but what a form could send, which has no key with it."""
    wanted = {
        **ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    reply = await operator.ask("OPTIONS", path, headers=wanted)
    assert reply.status >= 400
    assert not [name for name in reply.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_answer_is_for_other_sites_to_read(
    operator: Operator, path: str, method: str
) -> None:
    reply = await operator.ask(method, path, headers=ORIGIN)
    assert not [name for name in reply.headers if name.startswith("access-control-")]
