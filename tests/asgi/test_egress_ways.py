"""One URL, one verdict: by the rule, from the file, from the dashboard, and when the file is
read again (P17). What is dialled is judged once more: ``transports/test_conformance.py``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aigw_asgi.config_store import compile_bytes
from aigw_core.egress import check_base_url
from aigw_core.errors import ConfigError, InvalidConfig
from tests.asgi.dashboard.operator import Operator
from tests.core.test_egress import FINE, REFUSED

pytestmark = pytest.mark.anyio

CONFIG = """\
host: 127.0.0.1
dashboard: {enabled: true}
api-keys: [k]
claude-api-key:
  - {name: here, api-key: sk-1, base-url: %s}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Operator(tmp_path, CONFIG % json.dumps(BEFORE)) as operator:
        yield operator


def by_the_rule(url: str) -> bool:
    try:
        check_base_url(url, False)
    except ConfigError:
        return False
    return True


def in_the_file(url: str) -> bool:
    text = CONFIG % json.dumps(url)
    try:
        compile_bytes(text.encode(), "config.yaml", os.environ)
    except InvalidConfig as exc:
        wrong = {problem.path for problem in exc.problems}
    else:
        wrong = set()
    assert wrong <= {"claude-api-key[0].base-url"}, url
    return not wrong


BEFORE = "https://a.test"
SERVED = [re.sub("/v1/?$", "", url) for url in FINE]
"""That part is added to base URLs, for another reason, and has no place in them."""


async def test_all_ways_in_have_the_same_verdict(operator: Operator) -> None:
    for number, url in enumerate([*SERVED, *filter(None, REFUSED)]):
        expected = url in SERVED
        assert by_the_rule(url) == in_the_file(url) == expected, url
        listed = await operator.ask("GET", "/api/dashboard/providers")
        (id,) = [each["id"] for each in listed.json["providers"] if each["name"] == "here"]
        place = f"/api/dashboard/providers/{id}?dry_run=true"
        changed = await operator.ask("PATCH", place, {"base_url": url})
        assert (changed.status == 200) == expected, (url, changed.body)
        assert expected or changed.json["fields"][0]["path"] == "/base_url", url
        # Somebody writes it to the file, and has that read again; that takes a moment, so not all.
        for text, used in ((url, expected), (BEFORE, True)) if number % 5 == 0 else ():
            operator.file.write_text(CONFIG % json.dumps(text))
            reply = await operator.ask("POST", "/admin/reload")
            assert (reply.status == 200) == used, (text, reply.body)
            found = operator.state.snapshot.credentials[0].base_url
            assert found == (text.rstrip("/") if used else BEFORE)
