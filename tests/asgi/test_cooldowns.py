"""What rests can be seen, and ended, by who may look after the gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Snapshot
from tests.asgi.test_admin import come
from tests.asgi.test_routing import Asker, refuses

pytestmark = pytest.mark.anyio


async def told(asker: Asker, method: str = "GET", name: str = "") -> tuple[int, dict[str, Any]]:
    path = "/admin/cooldowns" + (f"/{name}" if name else "")
    response = await asker.gateway.request(method, path, {})
    return response.status, json.loads(await response.read())


async def test_a_rest_is_shown_with_its_cause_and_ended(tmp_path: Path) -> None:
    async with Asker(tmp_path, "", refuses("a")) as asker:
        await asker.ask("plain")
        _, shown = await told(asker)
        [rest] = shown["cooldowns"]
        left = rest.pop("seconds_left")
        assert 0 < left <= 15
        assert rest == {
            "credential": "a",
            "model": None,
            "use": "answers",
            "state": "resting",
            "cause": "upstream",
            "limited": False,
            "faults": 1,
        }
        assert (await told(asker, name="b"))[1] == {"cooldowns": []}
        assert await told(asker, "DELETE", "a") == (200, {"credential": "a", "cleared": 1})
        assert (await told(asker))[1] == {"cooldowns": []}
        before = len(asker.ways)
        for _ in range(2):
            await asker.ask("plain")
        assert "a:plain" in asker.ways[before:]


async def test_a_name_that_nobody_has_is_404(tmp_path: Path) -> None:
    async with Asker(tmp_path, "") as asker:
        for method in ("GET", "DELETE"):
            status, document = await told(asker, method, "nobody")
            assert (status, document["error"]["code"]) == (404, "unknown_credential")


async def test_only_who_looks_after_it_may_end_a_rest() -> None:
    path = "/admin/cooldowns/echo-chat"
    assert (await come(path, Snapshot("t"), peer="10.0.0.1", method="DELETE")).status == 403
    assert (await come(path, Snapshot("t"), method="DELETE")).status == 200


async def test_the_token_of_scrapers_is_for_looking() -> None:
    snapshot = Snapshot("t", scrape_token=Secret("scrape"), echo="on")
    token = {"authorization": "Bearer scrape"}
    path = "/admin/cooldowns/echo-chat"
    assert (await come(path, snapshot, peer="10.0.0.1", headers=token)).status == 200
    refused = await come(path, snapshot, peer="10.0.0.1", headers=token, method="DELETE")
    assert refused.status == 403
