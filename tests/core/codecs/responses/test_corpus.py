"""Recorded traffic of this format decodes, and is the same when it is written and
read again. Skipped where the recordings are not at hand."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aigw_core.chat import ChatResponse, Effort, Media, Opaque, Reasoning, Text, ToolCall
from aigw_core.codec import Caps, Inbound, Peek
from aigw_core.codecs.responses import CODEC
from aigw_core.collect import collect
from aigw_core.errors import InvalidRequest, UpstreamError
from aigw_core.ledger import Ledger
from tests.core.codecs.responses.wires import CONTEXT, decode, encode

ROOT = Path(os.environ.get("AIGW_CORPUS") or Path(__file__).parents[5] / "shared")
CASES = ROOT / "corpus" / "cases" / "responses"
CLIENTS = ROOT / "corpus-clients"

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="the recorded traffic is not here (set AIGW_CORPUS)"
)

ALL = Caps(efforts=tuple(Effort), prefill=True)


def cases() -> Iterator[dict[str, Any]]:
    for path in sorted(CASES.glob("*.jsonl")):
        for line in path.read_text("utf-8").split("\n"):
            if line:
                yield json.loads(line)


def is_create(case: dict[str, Any]) -> bool:
    return bool(case["path"].partition("?")[0].rstrip("/").endswith("/responses"))


def requests() -> Iterator[tuple[str, dict[str, Any]]]:
    for case in cases():
        if case["request_body"] and is_create(case):
            yield case["id"], case["request_body"]
    for path in sorted(CLIENTS.glob("*.json")):
        capture = json.loads(path.read_text("utf-8"))
        for number, request in enumerate(capture["requests"]):
            body = request.get("body")
            if capture["format"] == "responses" and isinstance(body, dict):
                yield f"{path.name}#{number}", body


def test_requests_decode_and_come_back() -> None:
    refused: dict[str, str] = {}
    count = 0
    for name, body in requests():
        inbound = Inbound(msgspec.json.encode(body))
        try:
            CODEC.peek(inbound)
            request = CODEC.decode_request(inbound)
        except InvalidRequest as exc:
            refused[name] = exc.failure.message
            continue
        ledger = Ledger(CODEC.pointers)
        encoded = CODEC.encode_request(request, request.model, ALL, ledger)
        assert CODEC.decode_request(Inbound(encoded.body)) == request, name
        assert ledger.entries == [], name
        count += 1
    assert count > 300
    # A prompt template may name the model; nobody could route such a request.
    assert set(refused.values()) <= {"/model: the field is missing"}, refused


def bare(response: ChatResponse) -> Any:
    """Without what may differ: seals are made anew in the last event, numbers are
    rounded, and natives keep the spacing of their source."""
    parts: list[Any] = []
    for part in response.choices[0].parts:
        if isinstance(part, Text):
            citations = tuple([msgspec.structs.replace(one, native=None) for one in part.citations])
            parts.append(
                msgspec.structs.replace(part, citations=citations, logprobs=(), native=None)
            )
        elif isinstance(part, Reasoning):
            sealed = part.seal is not None
            parts.append(msgspec.structs.replace(part, seal=None, native=None))
            parts.append(sealed)
        elif isinstance(part, Opaque):
            parts.append(part.label)
        elif isinstance(part, Media | ToolCall):
            parts.append(msgspec.structs.replace(part, native=None))
        else:
            parts.append(part)
    return parts, response.choices[0].stop, response.usage


def test_streams_decode_to_what_their_last_event_says() -> None:
    count = 0
    for case in cases():
        if "sse" not in case:
            continue
        data = case["sse"].encode()
        answer = collect(decode(data))
        documents = [line[6:] for line in case["sse"].splitlines() if line.startswith("data: {")]
        last = json.loads(documents[-1])["response"]
        if last["output"]:
            whole = CODEC.decode_response(msgspec.json.encode(last))
            assert bare(whole) == bare(answer), case["id"]
        tap = CODEC.relay_tap(Peek("m", True))
        assert tap.feed(data) + tap.eof() == data, case["id"]
        assert tap.failure is None
        assert tap.usage == answer.usage
        count += 1
    assert count > 100


def test_streams_come_back() -> None:
    for case in cases():
        if "sse" in case:
            events = decode(case["sse"].encode())
            assert bare(collect(decode(encode(events)))) == bare(collect(events)), case["id"]


def test_streams_decode_the_same_however_they_are_cut() -> None:
    for case in cases():
        data = case.get("sse", "").encode()
        if 0 < len(data) < 12_000:
            whole = decode(data)
            for cut in range(0, len(data), 97):
                assert decode(data[:cut], data[cut:]) == whole, (case["id"], cut)


def test_answers_decode_and_come_back() -> None:
    refused: dict[str, str] = {}
    count = 0
    for case in cases():
        if case.get("response_json") is None or case["response_status"] >= 400:
            continue
        if not is_create(case):
            continue
        try:
            response = CODEC.decode_response(msgspec.json.encode(case["response_json"]))
        except UpstreamError as exc:
            refused[case["id"]] = exc.failure.message
            continue
        again = CODEC.decode_response(CODEC.encode_response(response, CONTEXT))
        assert again.choices == response.choices, case["id"]
        assert again.usage.input_total == response.usage.input_total
        assert again.usage.output_total == response.usage.output_total
        count += 1
    assert count > 200
    assert len(refused) < 10, refused


def test_errors_decode() -> None:
    kinds: set[str] = set()
    for case in cases():
        if case["response_status"] >= 400:
            body = msgspec.json.encode(case.get("response_json") or case.get("response_text"))
            failure = CODEC.decode_error(case["response_status"], case["response_headers"], body)
            kinds.add(failure.kind.value)
    assert kinds == {"invalid_request", "not_found", "upstream_auth"}
