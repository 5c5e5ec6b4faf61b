"""What clients may ask for, as the API tells it, is what they then get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi.dashboard.operation import PREFIX
from tests.asgi.dashboard.operator import Operator
from tests.asgi.dashboard.test_logs import CANARIES, settle, use

pytestmark = pytest.mark.anyio

CONFIG = f"""\
host: 127.0.0.1
dashboard: {{enabled: true}}
echo: "on"
api-keys: [{{name: app, key: {CANARIES[0]}}}]
openai-api-key:
  - name: first
    api-key: {CANARIES[1]}
    base-url: http://127.0.0.1:9
    prefix: "one/"
    models:
      - {{id: plain}}
      - {{id: claude-sonnet-4-5, alias: sonnet}}
      - {{id: other, alias: plain}}
      - {{id: "gpt-*"}}
      - {{id: hidden}}
      - {{id: renamed}}
    excluded-models: [hidden]
  - name: second
    api-key: {CANARIES[2]}
    base-url: http://127.0.0.1:9
    priority: 5
    models: [{{id: plain}}]
  - name: third
    api-key: {CANARIES[3]}
    base-url: http://127.0.0.1:9
    disabled: true
    models: [{{id: asleep}}]
model-rewrites:
  - {{from: old, to: plain}}
  - {{from: older, to: renamed}}
  - {{from: renamed, to: plain}}
  - {{from: "nothing-*", to: plain}}
"""


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, CONFIG) as operator:
        yield operator


async def listed(operator: Operator) -> dict[tuple[str, str], Any]:
    await settle(operator)
    reply = await operator.ask("GET", PREFIX + "/models")
    assert reply.status == 200, reply.body
    for canary in CANARIES:
        assert canary.encode() not in reply.body
    return {(each["name"], each["kind"]): each for each in reply.json["models"]}


def codes(row: Any) -> list[str]:
    return [each["code"] for each in row["warnings"]]


async def test_every_name_and_where_it_leads(operator: Operator) -> None:
    rows = await listed(operator)
    plain = rows["plain", "exact"]
    assert [each["credential"] for each in plain["targets"]] == ["second", "first"]
    assert plain["resolves_to"] == ["plain"]
    sonnet = rows["sonnet", "alias"]
    assert sonnet["resolves_to"] == ["claude-sonnet-4-5"]
    assert sonnet["price"]["input"] == 3.0
    assert rows["one/sonnet", "prefix"]["resolves_to"] == ["claude-sonnet-4-5"]
    assert rows["gpt-*", "glob"]["targets"][0]["match"] == "glob"
    assert rows["old", "rewrite"]["resolves_to"] == ["plain"]
    assert rows["echo", "echo"]["targets"][0]["credential"] == "echo-messages"
    assert rows["plain", "exact"]["last_used"] is None


async def test_what_is_odd_is_said(operator: Operator) -> None:
    rows = await listed(operator)
    assert codes(rows["plain", "exact"]) == ["shadowed"]
    assert codes(rows["hidden", "exact"]) == ["excluded"]
    assert rows["hidden", "exact"]["targets"] == []
    assert codes(rows["asleep", "exact"]) == ["disabled"]
    assert rows["asleep", "exact"]["targets"][0]["standing"] == "disabled"
    assert codes(rows["gpt-*", "glob"]) == ["unmatched"]
    assert codes(rows["nothing-*", "rewrite"]) == ["unmatched"]
    assert codes(rows["older", "rewrite"]) == ["chained"]
    assert codes(rows["renamed", "exact"]) == ["shadowed"]
    assert codes(rows["old", "rewrite"]) == codes(rows["sonnet", "alias"]) == []


async def test_use_and_rest_are_told(operator: Operator) -> None:
    assert (await use(operator, "a")).status == 200
    assert (await use(operator, "b", "gpt-x")).status == 502
    rows = await listed(operator)
    assert rows["echo", "echo"]["last_used"] is not None
    matched = rows["gpt-*", "glob"]
    assert matched["last_used"] is not None
    assert codes(matched) == []
    assert matched["targets"][0]["standing"] == "cooling"
    assert matched["targets"][0]["until"] > matched["last_used"]
