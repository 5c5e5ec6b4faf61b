"""Each request is counted once and recorded once, whatever becomes of it (P20)."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import anyio
import pytest

from aigw_asgi import Gateway
from aigw_asgi.stores.request_log import Query
from aigw_asgi.stores.sqlite.log_file import Retention
from aigw_asgi.stores.sqlite.request_log import SqliteRequestLog
from aigw_core.chat import Format
from tests.asgi.clients import asking, send

pytestmark = pytest.mark.anyio

CONFIG = """\
host: 127.0.0.1
echo: "on"
api-keys: [{name: ci, key: sk-ci}]
openai-api-key: [{name: nobody, api-key: k, base-url: "http://127.0.0.1:9", models: [{id: gone}]}]
retry: {max-retries: 1}
"""
MODELS = (
    *("echo", "echo-error-429", "echo-error-overloaded-first-event", "echo-error-midstream"),
    *("echo-cut", "echo-truncated", "echo-malformed", "gone", "no-such-model"),
)
GONE = 499
AUTH = {"authorization": "Bearer sk-ci"}


async def test_outcomes_add_up_to_requests(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    log = SqliteRequestLog(tmp_path / "state", Retention())
    sent: list[int] = []
    async with Gateway(str(file), log=log) as gateway:
        for format in Format:
            for model in MODELS:
                for stream in (False, True):
                    path, body = asking(format, model, "/wps 0 Hi there", stream=stream)
                    reply = await send(gateway, "POST", path, body, AUTH)
                    sent.append(reply.status)
            # A client that leaves in the middle.
            path, body = asking(format, "echo-slow", "one two three four", stream=True)
            with anyio.move_on_after(0.02):
                await send(gateway, "POST", path, body, AUTH)
            sent.append(GONE)
        counted: dict[str, int] = {}
        with anyio.fail_after(30):  # whose client has left is booked a moment later
            while sum(counted.values()) < len(sent):
                await anyio.sleep(0.01)
                text = (await send(gateway, "GET", "/metrics/prometheus", headers=AUTH)).body
                counted = classes_of(text.decode())
        assert await log.flush(60)
        entries = (await log.page(Query(), limit=200)).entries
    recorded = [entry.status for entry in entries]
    assert Counter(recorded) == Counter(sent)
    assert counted == Counter(f"{status // 100}xx" for status in recorded)
    assert len({entry.seq for entry in entries}) == len(sent)
    assert len({entry.request_id for entry in entries}) == len(sent)


def classes_of(text: str) -> Counter[str]:
    """How many requests were counted, by the classes of their statuses."""
    found: Counter[str] = Counter()
    for line in re.findall("^aigw_requests_total.*$", text, re.MULTILINE):
        status = re.search('status="([1-5]xx)"', line)
        assert status is not None, line
        found[status[1]] += int(float(line.rpartition(" ")[2]))
    return found
