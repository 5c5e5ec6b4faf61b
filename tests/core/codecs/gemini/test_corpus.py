"""Recorded traffic of the vendor and of its clients, read in place.

Found through ``AIGW_CORPUS``, else beside the checkout; skipped without it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aigw_core.chat import ToolCall
from aigw_core.codec import Caps, Peek
from aigw_core.codecs.gemini import CODEC
from aigw_core.collect import collect
from aigw_core.errors import ErrorKind, Failure, InvalidRequest
from aigw_core.ledger import Ledger
from tests.core.codecs.gemini.helpers import CONTEXT, decode, inbound, merge_deltas

ROOT = Path(os.environ.get("AIGW_CORPUS") or Path(__file__).parents[5] / "shared")

if not (ROOT / "corpus/cases/gemini").is_dir():
    pytest.skip("no recorded traffic here: set AIGW_CORPUS", allow_module_level=True)


def cases() -> list[dict[str, Any]]:
    files = sorted((ROOT / "corpus/cases/gemini").glob("*.jsonl"))
    lines = (line for file in files for line in file.read_text("utf-8").splitlines() if line)
    return [json.loads(line) for line in lines]


CASES = cases()


def streams() -> Iterator[tuple[str, list[str], bytes]]:
    for case in CASES:
        body = case.get("sse") or case.get("response_text")
        if body is None and isinstance(case.get("response_json"), list):
            body = json.dumps(case["response_json"], indent=1)
        if body is not None and case["response_status"] == 200:
            yield case["id"], case["tags"], body.encode()


def test_every_stream_decodes_the_same_however_it_is_cut() -> None:
    ends: dict[str, int] = {}
    for name, tags, stream in streams():
        events = decode(stream)
        assert decode([stream[i : i + 61] for i in range(0, len(stream), 61)]) == events, name
        last = events[-1]
        end = last.kind if isinstance(last, Failure) else "complete"
        ends[end] = ends.get(end, 0) + 1
        if "stream-no-terminal" in tags:
            assert end is ErrorKind.UPSTREAM_TRUNCATED, name
        elif "stream-error" in tags:
            assert end is ErrorKind.UPSTREAM, name
        else:
            assert end == "complete", name
    assert ends["complete"] >= 79


def test_every_stream_comes_out_of_the_encoder_as_it_went_in() -> None:
    for name, _, stream in streams():
        events = decode(stream)
        again = decode(CODEC.stream_encoder(CONTEXT).encode(events))
        if isinstance(events[-1], Failure):
            assert isinstance(again[-1], Failure), name
            continue
        before, after = collect(events), collect(again)
        assert after.usage == before.usage, name
        assert [choice.stop.reason for choice in after.choices] == [
            choice.stop.reason for choice in before.choices
        ], name
        assert _calls(after) == _calls(before), name


def _calls(answer: Any) -> list[ToolCall]:
    return [p for c in answer.choices for p in c.parts if isinstance(p, ToolCall)]


def test_every_stream_is_relayed_as_it_is() -> None:
    for name, tags, stream in streams():
        if not stream.startswith(b"data: "):
            continue
        tap = CODEC.relay_tap(Peek("m", stream=True))
        relayed = tap.feed(stream) + tap.eof()
        if tap.failure is None:
            assert relayed == stream, name
            assert merge_deltas(decode(relayed)) == merge_deltas(decode(stream)), name
        else:
            assert {"stream-error", "stream-no-terminal"} & set(tags), name


def test_every_answer_decodes() -> None:
    count = 0
    for case in CASES:
        document = case.get("response_json")
        if case["response_status"] != 200 or not isinstance(document, dict):
            continue
        if "count-tokens" in case["tags"]:
            continue
        body = json.dumps(document, indent=1).encode()
        answer = CODEC.decode_response(body)
        assert CODEC.relay_usage(body) == answer.usage, case["id"]
        again = CODEC.decode_response(CODEC.encode_response(answer, CONTEXT))
        assert again.usage == answer.usage, case["id"]
        reasons = [choice.stop.reason for choice in answer.choices]
        assert [choice.stop.reason for choice in again.choices] == reasons, case["id"]
        for choice, other in zip(answer.choices, again.choices, strict=True):
            # Nothing said is written as one empty text, which is nothing again.
            assert choice.parts == other.parts, case["id"]
        count += 1
    assert count >= 189


def test_every_error_decodes() -> None:
    for case in CASES:
        if case["response_status"] == 200:
            continue
        document = case.get("response_json")
        body = json.dumps(document) if document is not None else case["response_text"]
        failure = CODEC.decode_error(
            case["response_status"], case["response_headers"], body.encode()
        )
        assert failure.status == case["response_status"]
        assert failure.message
        if failure.status == 429:
            assert failure.kind is ErrorKind.RATE_LIMIT
        if failure.status == 404:
            assert failure.kind is ErrorKind.NOT_FOUND


def test_every_request_survives_its_own_format() -> None:
    refused: list[int] = []
    for case in CASES:
        if not isinstance(case["request_body"], dict) or "count-tokens" in case["tags"]:
            continue
        body = inbound(case["request_body"])
        try:
            CODEC.peek(body)
            request = CODEC.decode_request(body)
        except InvalidRequest:
            refused.append(case["response_status"])
            continue
        ledger = Ledger(CODEC.pointers)
        encoded = CODEC.encode_request(request, "gemini-x", Caps(), ledger)
        assert ledger.entries == [], case["id"]
        assert CODEC.decode_request(inbound(encoded.body)) == request, case["id"]
    # The vendor refused it too: a role that there is not.
    assert refused == [400]


def test_every_request_of_real_clients_survives_its_own_format() -> None:
    count = 0
    for file in sorted((ROOT / "corpus-clients").glob("*.json")):
        captured = json.loads(file.read_text("utf-8"))
        for sent in captured["requests"] if captured["format"] == "gemini" else ():
            if "generateContent" not in sent["path"] and "streamGenerate" not in sent["path"]:
                continue
            request = CODEC.decode_request(inbound(sent["body"]))
            encoded = CODEC.encode_request(request, "gemini-x", Caps(), Ledger())
            assert CODEC.decode_request(inbound(encoded.body)) == request, file.name
            count += 1
    assert count >= 17
