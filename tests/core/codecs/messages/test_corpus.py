"""Recorded exchanges of the vendor: everything is read, requests come back as they were."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aigw_core.codec import Caps, Inbound, Peek
from aigw_core.codecs.messages import CODEC
from aigw_core.collect import Collector, collect, explode
from aigw_core.errors import ErrorKind, InvalidRequest, UpstreamError
from aigw_core.ledger import Ledger
from tests.core.codecs.messages.wire_text import check_order, feed_all

_SHARED = Path(os.environ.get("AIGW_CORPUS") or Path(__file__).parents[5] / "shared")
_CASES = _SHARED / "corpus" / "cases" / "messages"

pytestmark = pytest.mark.skipif(not _CASES.is_dir(), reason="no recorded exchanges on this machine")


def cases() -> Iterator[dict[str, Any]]:
    for path in sorted(_CASES.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


def test_requests_come_back_as_they_were() -> None:
    refused: Counter[str] = Counter()
    count = 0
    for case in cases():
        if not isinstance(case["request_body"], dict):
            continue
        body = json.dumps(case["request_body"]).encode()
        try:
            request = CODEC.decode_request(Inbound(body, case["request_headers"]))
        except InvalidRequest as exc:
            refused[exc.failure.message.split(" the id ")[0]] += 1
            continue
        ledger = Ledger(CODEC.pointers)
        encoded = CODEC.encode_request(request, request.model, Caps(), ledger)
        again = CODEC.decode_request(Inbound(encoded.body, dict(encoded.headers)))
        assert again == request, case["id"]
        assert ledger.entries == [], case["id"]
        count += 1
    assert count >= 200
    assert set(refused) <= {
        "Object missing required field `max_tokens`",  # counting tokens
        "Object missing required field `model`",  # it stands in the path there
        "/messages/0: Expected `object`, got `str`",  # the vendor refused it too
        "/messages/2/content/0/tool_use_id: no tool call before it has",  # an early model took it
    }


def test_streams_are_read() -> None:
    failed = Counter[str]()
    count = 0
    for case in cases():
        if "sse" not in case:
            continue
        data = case["sse"].encode()
        events = feed_all(CODEC.stream_decoder(), [data])
        check_order(events)
        collector = Collector()
        collector.add(events)
        tap = CODEC.relay_tap(Peek("m", stream=True))
        tap.feed(data)
        if collector.failure is not None:
            assert collector.failure.kind is ErrorKind.UPSTREAM_MALFORMED
            failed[case["id"]] += 1
            continue
        assert tap.terminal, case["id"]
        assert tap.usage == collector.usage
        count += 1
    assert count >= 70
    # Two answers spliced in the middle of the first.
    assert set(failed) <= {"messages-anthropic-b58e78807b90"}


def test_answers_and_errors_are_read() -> None:
    kinds: Counter[str] = Counter()
    for case in cases():
        if "response_json" not in case:
            continue
        body = json.dumps(case["response_json"]).encode()
        if case["response_status"] != 200:
            failure = CODEC.decode_error(case["response_status"], case["response_headers"], body)
            kinds[failure.kind] += 1
            continue
        try:
            response = CODEC.decode_response(body)
        except UpstreamError:
            assert set(case["response_json"]) == {"input_tokens"}, case["id"]
            continue
        assert collect(explode(response)) == response, case["id"]
        kinds["answer"] += 1
    assert kinds["answer"] >= 150
    assert kinds[ErrorKind.UPSTREAM] == 0
