"""The bytes a client gets for stream events."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from aigw_core.chat import (
    Citation,
    Inline,
    Media,
    MediaKind,
    Native,
    Seal,
    Stop,
    StopReason,
    TokenLogprob,
    Usage,
)
from aigw_core.chat import Format as WireFormat
from aigw_core.codecs.chat import CODEC
from aigw_core.errors import ErrorKind, Failure
from aigw_core.events import (
    AnswerEnd,
    AnswerStart,
    ChoiceStop,
    CitationAdded,
    LogprobsAdded,
    PartEnd,
    PartKind,
    PartSealed,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from tests.core.codecs.chat.wire import CONTEXT, documents

START = AnswerStart("msg_1", "upstream-model", None)
TEXT = PartStart(0, PartKind.TEXT)
END: list[StreamEvent] = [ChoiceStop(Stop(StopReason.END)), AnswerEnd()]
QUIET = replace(CONTEXT, stream_usage=False)


def encode(*events: StreamEvent, context: Any = CONTEXT) -> bytes:
    return CODEC.stream_encoder(context).encode(list(events))


def text(*deltas: str) -> list[StreamEvent]:
    return [TEXT, *(TextDelta(0, delta) for delta in deltas), PartEnd(0)]


def deltas(stream: bytes) -> list[Any]:
    """The deltas of choice 0, without the role and the finish."""
    found = []
    for document in documents(stream):
        for choice in document.get("choices", []) if document != "[DONE]" else []:
            if choice["delta"] and "role" not in choice["delta"]:
                found.append(choice["delta"])
    return found


def test_a_plain_answer_byte_for_byte() -> None:
    stream = encode(START, *text("Hi"), UsageReport(Usage(input=3, output=1)), *END)
    head = (
        'data: {"id":"chatcmpl-msg_1","object":"chat.completion.chunk","created":1700000000,'
        '"model":"asked-model","choices":['
    )
    assert stream.decode() == (
        head + '{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],'
        '"usage":null}\n\n'
        + head
        + '{"index":0,"delta":{"content":"Hi"},"finish_reason":null}],"usage":null}\n\n'
        + head
        + '{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
        + head
        + '],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4,'
        '"prompt_tokens_details":{"cached_tokens":0},'
        '"completion_tokens_details":{"reasoning_tokens":0}}}\n\n'
        "data: [DONE]\n\n"
    )


def test_usage_is_sent_only_when_asked_for() -> None:
    events = [START, *text("Hi"), UsageReport(Usage(input=3, output=1)), *END]
    quiet = documents(encode(*events, context=QUIET))
    assert all("usage" not in document for document in quiet)
    assert quiet[-1] == "[DONE]"
    asked = documents(encode(*events))
    assert [document["usage"] is None for document in asked[:-1]] == [True, True, True, False]
    assert asked[-2]["choices"] == []


def test_the_role_is_said_at_once_and_once() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    first = encoder.encode([START])
    assert documents(first)[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    rest = encoder.encode([*text("a", "b"), *END])
    assert b"role" not in rest


def test_identifiers_and_times_are_the_upstreams_where_it_has_them() -> None:
    own = documents(encode(AnswerStart("", "", None)))[0]
    assert (own["id"], own["created"]) == ("chatcmpl-abc123", 1700000000)
    theirs = documents(encode(AnswerStart("chatcmpl-9", "m", 5)))[0]
    assert (theirs["id"], theirs["created"], theirs["model"]) == ("chatcmpl-9", 5, "asked-model")
    assert documents(encode(AnswerStart("a\nb", "m")))[0]["id"] == "chatcmpl-abc123"


def test_line_separators_are_escaped_wherever_they_are() -> None:
    nasty = "a\u2028b\u2029c\u0085d"
    citation = Citation(url="https://x.example/" + nasty, title=nasty)
    events: list[StreamEvent] = [
        START,
        TEXT,
        TextDelta(0, nasty),
        CitationAdded(0, citation),
        LogprobsAdded(0, (TokenLogprob(nasty, -1.0),)),
        PartEnd(0),
        PartStart(1, PartKind.REASONING),
        ReasoningDelta(1, nasty),
        PartSealed(1, Seal("aigw", "encrypted", "data" + nasty)),
        PartEnd(1),
        PartStart(2, PartKind.TOOL_CALL, id="c" + nasty, name="f" + nasty),
        ToolCallDelta(2, nasty),
        PartEnd(2),
        Failure(ErrorKind.UPSTREAM, nasty),
    ]
    stream = encode(*events, context=replace(CONTEXT, model="m" + nasty))
    decoded = stream.decode()
    assert not set("\u2028\u2029\u0085") & set(decoded)
    assert decoded.splitlines() == decoded.split("\n")[:-1]
    assert deltas(stream)[0]["content"] == nasty


def test_tool_calls_are_numbered_from_0() -> None:
    stream = encode(
        START,
        TEXT,
        PartEnd(0),
        PartStart(1, PartKind.TOOL_CALL, id="c1", name="f"),
        PartStart(2, PartKind.TOOL_CALL, id="c2", name="g"),
        ToolCallDelta(2, "2"),
        ToolCallDelta(1, "1"),
        PartEnd(1),
        PartEnd(2),
        ChoiceStop(Stop(StopReason.TOOL_USE)),
        AnswerEnd(),
    )
    assert [delta["tool_calls"] for delta in deltas(stream)] == [
        [
            {
                "index": 0,
                "id": "c1",
                "type": "function",
                "function": {"name": "f", "arguments": ""},
            }
        ],
        [
            {
                "index": 1,
                "id": "c2",
                "type": "function",
                "function": {"name": "g", "arguments": ""},
            }
        ],
        [{"index": 1, "function": {"arguments": "2"}}],
        [{"index": 0, "function": {"arguments": "1"}}],
    ]
    assert documents(stream)[-3]["choices"][0]["finish_reason"] == "tool_calls"


def test_free_form_calls_come_whole() -> None:
    call = PartStart(0, PartKind.TOOL_CALL, id="c1", name="patch", freeform=True)
    stream = encode(START, call, ToolCallDelta(0, "*** Be"), ToolCallDelta(0, "gin"), PartEnd(0))
    assert deltas(stream) == [
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "c1",
                    "type": "custom",
                    "custom": {"name": "patch", "input": "*** Begin"},
                }
            ]
        }
    ]


def test_a_free_form_call_is_counted_when_it_is_sent() -> None:
    # The SDK takes the first delta of a call for the next of its list, whatever its index.
    call = PartStart(0, PartKind.TOOL_CALL, id="c1", name="patch", freeform=True)
    other = PartStart(1, PartKind.TOOL_CALL, id="c2", name="f")
    stream = encode(START, call, other, PartEnd(1), ToolCallDelta(0, "x"), PartEnd(0))
    calls = [entry for delta in deltas(stream) for entry in delta["tool_calls"]]
    assert [(call["index"], call["id"]) for call in calls] == [(0, "c2"), (1, "c1")]


def test_the_vendors_own_tools_are_left_out() -> None:
    hosted = PartStart(0, PartKind.TOOL_CALL, id="s", name="search", server=True)
    sealed = PartSealed(0, Seal("aigw", "encrypted", "x"))
    own = PartStart(1, PartKind.TOOL_CALL, id="c1", name="f")
    stream = encode(START, hosted, ToolCallDelta(0, "{}"), sealed, PartEnd(0), own, PartEnd(1))
    assert [delta["tool_calls"][0]["index"] for delta in deltas(stream)] == [0]
    assert b"search" not in stream


def test_citations_come_in_one_delta_before_the_finish() -> None:
    stream = encode(
        START,
        TEXT,
        CitationAdded(0, Citation(url="https://a.example", title="A", start=1, end=2)),
        TextDelta(0, "abc"),
        PartEnd(0),
        PartStart(1, PartKind.TEXT),
        TextDelta(1, "def"),
        CitationAdded(1, Citation(url="https://b.example")),
        CitationAdded(1, Citation(title="no address", cited_text="x")),
        PartEnd(1),
        *END,
    )
    assert deltas(stream)[-1] == {
        "annotations": [
            {
                "type": "url_citation",
                "url_citation": {
                    "url": "https://a.example",
                    "title": "A",
                    "start_index": 1,
                    "end_index": 2,
                },
            },
            {
                "type": "url_citation",
                "url_citation": {
                    "url": "https://b.example",
                    "title": "",
                    "start_index": 3,
                    "end_index": 6,
                },
            },
        ]
    }
    assert stream.count(b"annotations") == 1


def test_seals_of_reasoning_are_details_with_an_index_each() -> None:
    stream = encode(
        START,
        PartStart(0, PartKind.REASONING),
        ReasoningDelta(0, "why"),
        PartSealed(0, Seal("aigw", "encrypted", "envelope-1")),
        PartEnd(0),
        PartStart(1, PartKind.REASONING),
        ReasoningDelta(1, "so"),
        PartSealed(1, Seal("aigw", "encrypted", "envelope-2", "rs_2")),
        PartEnd(1),
        *END,
    )
    assert deltas(stream) == [
        {"reasoning_content": "why"},
        {
            "reasoning_details": [
                {
                    "type": "reasoning.encrypted",
                    "data": "envelope-1",
                    "format": "aigw-v1",
                    "index": 0,
                }
            ]
        },
        {"reasoning_content": "so"},
        {
            "reasoning_details": [
                {
                    "type": "reasoning.encrypted",
                    "data": "envelope-2",
                    "format": "aigw-v1",
                    "index": 1,
                    "id": "rs_2",
                    "text_length": "2",
                }
            ]
        },
    ]


def test_details_of_one_index_are_numbered_apart() -> None:
    # As recorded from OpenRouter: a text and its proof under one index, which the
    # official SDK would make one entry of the second's type.
    seal = Seal(
        "openrouter",
        "detail",
        '[{"type":"reasoning.text","text":"a","index":0},'
        '{"type":"reasoning.encrypted","data":"x","index":0}]',
    )
    stream = encode(
        START,
        PartStart(0, PartKind.REASONING),
        ReasoningDelta(0, "a"),
        PartSealed(0, seal),
        PartEnd(0),
        *END,
    )
    (details,) = [delta["reasoning_details"] for delta in deltas(stream)[1:]]
    assert [entry["index"] for entry in details] == [0, 1]


def test_a_reason_that_is_not_known_does_not_hide_a_call() -> None:
    stream = encode(
        START,
        PartStart(0, PartKind.TOOL_CALL, id="c1", name="f"),
        PartEnd(0),
        ChoiceStop(Stop(StopReason.OTHER, "UNHEARD_OF")),
        AnswerEnd(),
    )
    reasons = [document["choices"][0]["finish_reason"] for document in documents(stream)[:-2]]
    assert reasons[-1] == "tool_calls"


def test_seals_of_tool_calls_are_carried_twice() -> None:
    # Clients keep one field or the other.
    stream = encode(
        START,
        PartStart(0, PartKind.TOOL_CALL, id="c1", name="f"),
        PartSealed(0, Seal("aigw", "thought_signature", "envelope")),
        PartEnd(0),
        *END,
    )
    assert deltas(stream)[-1] == {
        "tool_calls": [
            {
                "index": 0,
                "function": {"arguments": ""},
                "extra_content": {"aigw": {"seal": "envelope"}},
            }
        ],
        "reasoning_details": [
            {
                "type": "reasoning.encrypted",
                "data": "envelope",
                "format": "aigw-v1",
                "index": 0,
                "id": "c1",
            }
        ],
    }


def test_seals_of_text_say_so() -> None:
    sealed = PartSealed(0, Seal("aigw", "thought_signature", "envelope"))
    [detail] = deltas(encode(START, TEXT, sealed, PartEnd(0)))[0]["reasoning_details"]
    assert (detail["id"], detail["data"]) == ("content", "envelope")


def test_seals_of_this_format_go_out_as_they_came() -> None:
    native = '[{"type":"reasoning.text","text":"a","signature":"s","format":"x","index":4}]'
    stream = encode(
        START,
        PartStart(0, PartKind.REASONING),
        PartSealed(0, Seal("openrouter", "detail", native)),
        PartEnd(0),
        PartStart(1, PartKind.REASONING),
        PartSealed(1, Seal("openrouter", "detail", native)),
        PartEnd(1),
        PartStart(2, PartKind.TOOL_CALL, id="c1", name="f"),
        PartSealed(2, Seal("chat", "thought_signature", "sig")),
        PartEnd(2),
        PartStart(3, PartKind.TEXT),
        PartSealed(3, Seal("chat", "thought_signature", "sig")),
        PartEnd(3),
    )
    first, second, _, call, message = deltas(stream)
    assert first["reasoning_details"][0] == {
        "type": "reasoning.text",
        "text": "a",
        "signature": "s",
        "format": "x",
        "index": 0,
    }
    # A client would merge the second into the first if it had its index.
    assert second["reasoning_details"][0]["index"] == 1
    google = {"google": {"thought_signature": "sig"}}
    assert call["tool_calls"][0]["extra_content"] == google
    assert message == {"extra_content": google}


def test_seals_of_other_vendors_are_left_out() -> None:
    seal = Seal("messages", "signature", "secret")
    stream = encode(
        START,
        PartStart(0, PartKind.REASONING),
        PartSealed(0, seal),
        PartEnd(0),
        PartStart(1, PartKind.TEXT),
        PartSealed(1, seal),
        PartEnd(1),
        PartStart(2, PartKind.TOOL_CALL, id="c1", name="f"),
        PartSealed(2, seal),
        PartEnd(2),
        *END,
    )
    assert b"secret" not in stream


def test_refusals_and_their_logprobs() -> None:
    stream = encode(
        START,
        PartStart(0, PartKind.REFUSAL),
        RefusalDelta(0, "no"),
        LogprobsAdded(0, (TokenLogprob("no", -0.5, (110, 111)),)),
        PartEnd(0),
    )
    assert deltas(stream) == [{"refusal": "no"}]
    token = {"token": "no", "logprob": -0.5, "bytes": [110, 111], "top_logprobs": []}
    choice = documents(stream)[-1]["choices"][0]
    assert choice["logprobs"] == {"content": None, "refusal": [token]}
    assert choice["finish_reason"] is None


def test_choices_are_announced_in_order() -> None:
    stream = encode(
        START,
        PartStart(0, PartKind.TEXT, 2),
        TextDelta(0, "c", 2),
        PartEnd(0, 2),
        ChoiceStop(Stop(StopReason.END), 2),
        *END,
    )
    seen = [document["choices"][0]["index"] for document in documents(stream)[:-2]]
    assert seen == [0, 1, 2, 2, 2, 0]


def test_texts_that_were_open_together_follow_each_other() -> None:
    first = Citation(url="u", start=0, end=1)
    stream = encode(
        START,
        TEXT,
        PartStart(1, PartKind.TEXT),
        PartStart(2, PartKind.TEXT),
        TextDelta(2, "c"),
        CitationAdded(2, first),
        TextDelta(1, "b"),
        LogprobsAdded(1, (TokenLogprob("b", -1.0),)),
        PartEnd(1),
        TextDelta(0, "a"),
        PartStart(3, PartKind.REASONING),
        ReasoningDelta(3, "hm"),
        PartEnd(0),
        TextDelta(2, "d"),
        PartEnd(2),
        PartEnd(3),
        *END,
    )
    assert deltas(stream) == [
        {"content": "a"},
        {"reasoning_content": "hm"},
        {"content": "b"},
        {"content": "c"},
        {"content": "d"},
        {
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {"url": "u", "title": "", "start_index": 2, "end_index": 3},
                }
            ]
        },
    ]
    places = [stream.index(b'"content":"b"'), stream.index(b"logprobs"), stream.index(b'":"c"')]
    assert places == sorted(places)


def test_only_sound_of_this_format_is_carried() -> None:
    native = Native(WireFormat.CHAT, b'{"id":"au","data":"UklG"}')
    sound = Media(MediaKind.AUDIO, Inline("audio/wav", "UklG"), native=native)
    picture = Media(MediaKind.IMAGE, Inline("image/png", "QUJD"))
    stream = encode(
        START,
        PartStart(0, PartKind.MEDIA, media=sound),
        PartEnd(0),
        PartStart(1, PartKind.MEDIA, media=picture),
        PartEnd(1),
        *END,
    )
    assert deltas(stream) == [{"audio": {"id": "au", "data": "UklG"}}]


def test_a_failure_is_the_last_thing_said() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    encoder.encode([START, TEXT, TextDelta(0, "half")])
    stream = encoder.encode([Failure(ErrorKind.OVERLOADED, "too busy"), AnswerEnd()])
    assert documents(stream) == [
        {
            "error": {
                "message": "too busy",
                "type": "server_error",
                "param": None,
                "code": "overloaded",
            }
        }
    ]
    assert "closed=True" in repr(encoder)


def test_a_failure_before_anything_is_just_that() -> None:
    stream = encode(Failure(ErrorKind.RATE_LIMIT, "slow down"))
    assert stream.startswith(b'data: {"error":{"message":"slow down"')
    assert stream.count(b"data:") == 1


def test_keepalives_are_comments() -> None:
    assert CODEC.stream_encoder(CONTEXT).keepalive() == b": keepalive\n\n"


def test_batches_do_not_matter() -> None:
    events: list[StreamEvent] = [START, *text("a", "b"), *END]
    encoder = CODEC.stream_encoder(CONTEXT)
    assert b"".join(encoder.encode([event]) for event in events) == encode(*events)


def test_memory_does_not_grow_with_the_answer() -> None:
    encoder = CODEC.stream_encoder(CONTEXT)
    encoder.encode([START, TEXT])
    before = _size(encoder)
    for _ in range(2000):
        encoder.encode([TextDelta(0, "some text")])
    assert _size(encoder) - before < 100


def _size(root: object) -> int:
    """Bytes of everything that ``root`` holds."""
    import gc
    import sys

    seen: set[int] = set()
    stack, total = [root], 0
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, type) or callable(item):
            continue
        seen.add(id(item))
        total += sys.getsizeof(item)
        stack += gc.get_referents(item)
    return total
