"""Streams and requests that pass through to a peer of the same format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.chat import Usage
from aigw_core.codec import Caps, Peek, UsageTap
from aigw_core.codecs.gemini import CODEC
from aigw_core.errors import ErrorKind, InvalidRequest
from tests.core.codecs.gemini.helpers import chunk, inbound, sdk, splits, sse, text

STREAM = sse(
    chunk(text("日本"), usageMetadata={"promptTokenCount": 9}),
    chunk(text("b"), usageMetadata={"candidatesTokenCount": 1}),
    chunk(text(""), finish="STOP", usageMetadata={"candidatesTokenCount": 2}),
)
ERROR = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}


def relay(reads: list[bytes]) -> tuple[bytes, UsageTap]:
    tap = CODEC.relay_tap(Peek("m", stream=True))
    out = b"".join(tap.feed(read) for read in reads) + tap.eof()
    assert tap.feed(b"data: {}\n\n") == b"" or tap.failure is None
    return out, tap


def outcome(reads: list[bytes]) -> tuple[object, ...]:
    out, tap = relay(reads)
    return out, tap.usage, tap.terminal, tap.content, tap.failure


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_what_the_vendor_sends_leaves_byte_for_byte(line_end: str) -> None:
    stream = STREAM.replace(b"\r\n", line_end.encode())
    out, tap = relay([stream])
    assert out == stream
    assert (tap.terminal, tap.content, tap.failure) == (True, True, None)
    assert tap.usage == Usage(input=9, output=2)


ODD = {
    "a BOM": b"\xef\xbb\xbf" + STREAM,
    "CR": STREAM.replace(b"\r\n", b"\r"),
    "comments": b": hello\r\n\r\n" + STREAM,
    "event lines": STREAM.replace(b"data: ", b"event: message\r\ndata: "),
    "no space": STREAM.replace(b"data: ", b"data:"),
    "done": STREAM + b"data: [DONE]\r\n\r\n",
    "no last line end": STREAM[:-4],
    "an array": json.dumps(
        [json.loads(line[6:]) for line in STREAM.split(b"\r\n\r\n") if line], indent=1
    ).encode(),
    "an array of one line, and others": b"["
    + b", ".join(line[6:] for line in STREAM.split(b"\r\n\r\n") if line)
    + b"]\r\n\r\n",
    "an error": STREAM[:-20] + b"\r\n\r\n" + sse(ERROR),
    "a bare error": STREAM + json.dumps(ERROR, indent=1).encode(),
    "cut": STREAM[:-40],
}


@pytest.mark.parametrize("stream", ODD.values(), ids=ODD)
def test_any_split_relays_the_same(stream: bytes) -> None:
    whole = outcome([stream])
    for cut in range(len(stream)):
        assert outcome([stream[:cut], stream[cut:]]) == whole, cut
    assert outcome([stream[i : i + 1] for i in range(len(stream))]) == whole


@settings(derandomize=True, max_examples=150)
@given(st.data())
def test_any_split_of_damaged_streams_relays_the_same(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from([STREAM, *ODD.values()])))
    at = data.draw(st.integers(0, len(damaged) - 1))
    damaged[at : at + 2] = data.draw(st.sampled_from([b"", b"\r", b"\n\n", b"{", b'"', b"\xff"]))
    stream = bytes(damaged)
    assert outcome(data.draw(splits(stream))) == outcome([stream])


@pytest.mark.parametrize(
    "name", ["a BOM", "CR", "comments", "event lines", "no space", "done", "no last line end",
             "an array"]
)  # fmt: skip
def test_the_sdk_reads_what_it_could_not(name: str) -> None:
    out, tap = relay([ODD[name]])
    assert tap.failure is None
    client = sdk(out)
    chunks = list(client.models.generate_content_stream(model="m", contents="hi"))
    assert "".join(item.text or "" for item in chunks) == "日本b"


@pytest.mark.parametrize("error", [sse(ERROR), json.dumps(ERROR).encode()])
def test_an_error_of_the_upstream_is_kept_from_the_client_and_seen(error: bytes) -> None:
    out, tap = relay([sse(chunk(text("a"))), error, STREAM])
    assert out == sse(chunk(text("a")))
    assert tap.failure is not None
    assert tap.failure.kind is ErrorKind.OVERLOADED


@pytest.mark.parametrize("bad", [b"data: {]\r\n\r\n", b"data: []\r\n\r\n", b"[7]"])
def test_what_is_malformed_is_not_passed_on(bad: bytes) -> None:
    begun = sse(chunk(text("a"), usageMetadata={"promptTokenCount": 5}))
    out, tap = relay([begun + bad + STREAM])
    assert out == begun
    assert tap.failure is not None
    assert tap.failure.kind is ErrorKind.UPSTREAM_MALFORMED
    assert tap.usage == Usage(input=5)


def test_an_end_before_the_finish_reason_is_a_failure() -> None:
    for cut in range(len(STREAM) - 4):
        out, tap = relay([STREAM[:cut]])
        assert tap.failure is not None, cut
        assert tap.failure.kind is ErrorKind.UPSTREAM_TRUNCATED
        assert STREAM.startswith(out.rstrip()) or cut == 0


def test_a_candidate_that_goes_on_is_not_the_end() -> None:
    documents: list[dict[str, Any]] = [
        {"candidates": [{"index": 0, "finishReason": "STOP"}]},
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "x"}]}}]},
    ]
    _, tap = relay([sse(*documents)])
    assert not tap.terminal
    _, tap = relay([sse(*documents, {"candidates": [{"index": 1, "finishReason": "STOP"}]})])
    assert tap.terminal


WORDS = [
    {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]},
    {"candidates": [{"content": {"parts": [{"text": "b"}]}}]},
    {"candidates": [{"content": {"parts": [{"text": ""}]}}], "usageMetadata": {}},
    {"candidates": [{"content": {"parts": [{"text": "c"}]}, "finishReason": "STOP"}]},
]
"""As answers that run code come: a first ``finishReason`` before the code's output."""


def test_nothing_is_the_end_but_the_end_of_the_bytes() -> None:
    # Whoever drives the tap drops what follows the end: taken for one, the first
    # finishReason cut the answer short.
    tap = CODEC.relay_tap(Peek("m", stream=True))
    for document in WORDS:
        assert tap.feed(sse(document)) == sse(document)
        assert not tap.terminal
    assert (tap.eof(), tap.terminal, tap.failure) == (b"", True, None)


def test_a_candidate_that_went_on_needs_another_finish_reason() -> None:
    ends = [relay([sse(*WORDS[:count])])[1].terminal for count in range(len(WORDS) + 1)]
    assert ends == [False, True, False, False, True]
    silent = [WORDS[0], WORDS[2], {"usageMetadata": {"candidatesTokenCount": 2}}]
    assert relay([sse(*silent)])[1].terminal


def test_a_blocked_prompt_is_the_end() -> None:
    out, tap = relay([sse({"promptFeedback": {"blockReason": "SAFETY"}})])
    assert (tap.terminal, tap.content, tap.failure) == (True, False, None)
    assert out


# --- requests ----------------------------------------------------------------

BODY = b'{ "contents" : [ {"parts":[{"text":"hi"}]} ], "unknown_field": 1e400 }'


@pytest.mark.parametrize("stream", [False, True])
def test_a_body_goes_out_untouched(stream: bool) -> None:
    request = CODEC.relay_request(inbound(BODY, stream=stream), "gemini-2.5-pro", Caps())
    assert request.body == BODY
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    assert request.path == f"/v1beta/models/gemini-2.5-pro:{method}"


def test_a_model_in_the_body_follows_the_path() -> None:
    body = b'{"model":"models/alias","contents":[{"parts":[{"text":"hi"}]}]}'
    request = CODEC.relay_request(inbound(body), "real", Caps())
    assert request.body == body.replace(b"alias", b"real")
    same = body.replace(b"alias", b"real")
    assert CODEC.relay_request(inbound(same), "real", Caps()).body is same


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("../../v1/files", "..%2F..%2Fv1%2Ffiles"),
        ("a?key=x", "a%3Fkey%3Dx"),
        ("a#b", "a%23b"),
        ("é", "%C3%A9"),
        ("a:b", "a%3Ab"),
        ("models/models/m", "m"),
        ("org/m", "org%2Fm"),
    ],
)
def test_a_model_cannot_leave_its_place_in_the_path(model: str, path: str) -> None:
    request = CODEC.relay_request(inbound(BODY), model, Caps())
    assert request.path == f"/v1beta/models/{path}:generateContent"


def test_peek_reads_model_and_stream() -> None:
    peek = CODEC.peek(inbound(BODY, stream=True, model="models/models/m"))
    assert (peek.model, peek.stream) == ("m", True)
    assert not CODEC.peek(inbound({"contents": {"parts": {"text": "x"}}})).stream


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", None),
        (b"[]", None),
        (b"{}", "/contents"),
        (b'{"contents":null}', "/contents"),
        (b'{"contents":[ ]}', "/contents"),
        (b'{"contents":"hi"}', "/contents"),
        (b'{"contents":[1],"contents":[1]}', "/contents"),
        (b'{"contents":[1],"x":"\\ud83d"}', None),
        (b'{"contents":[1],"x":NaN}', None),
        (b"\xef\xbb\xbf{}", None),
        (b'{"contents":' + b"[" * 70 + b"]" * 70 + b"}", None),
    ],
)
def test_peek_refuses_what_is_no_request(body: bytes, pointer: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CODEC.peek(inbound(body))
    assert caught.value.failure.param == pointer


@pytest.mark.parametrize("model", [None, "", "models/"])
def test_a_path_without_a_model_is_refused(model: str | None) -> None:
    request = inbound(BODY, model=model or "")
    with pytest.raises(InvalidRequest, match="model"):
        CODEC.peek(request)
