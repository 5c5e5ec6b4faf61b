"""What an upstream says in objects of its own vendor, which a client of the same format gets as
they came: where parsers would not agree on one, the answer is malformed."""

from __future__ import annotations

import re

import pytest

from aigw_core.chat import Format
from aigw_core.codecs import CODECS
from aigw_core.errors import ErrorKind, Failure, UpstreamError
from tests import laws
from tests.streams import CONTEXT

AGREED = b'{"own":[1,-2.5e3,"\xc3\xa9",null]}'
AMBIGUOUS = [
    b'{"own":1,"own":2}',
    b'[{"a":{"own":1,"b":0,"\\u006fwn":1}}]',
    b"1e999",
    b"-1e999",
    b"9" * 400,
    b'"\xff"',
]

BLOCKS = [
    b'{"type":"own","own":%b}',
    b'{"type":"text","text":"hi","own":%b}',
    b'{"type":"text","text":"hi","citations":[{"type":"own","own":%b}]}',
    b'{"type":"tool_use","id":"a","name":"f","input":{},"own":%b}',
    b'{"type":"tool_use","id":"","name":"f","input":{},"own":%b}',
    b'{"type":"tool_result","tool_use_id":"a","content":"","own":%b}',
    b'{"type":"image","source":{"type":"url","url":"http://x.test"},"own":%b}',
    b'{"type":"search_result","source":"x","title":"t","content":[],"own":%b}',
]
DELTAS = [
    (b'{"type":"text","text":""}', b'{"type":"citations_delta","citation":{"own":%b}}'),
    (b'{"type":"own"}', b'{"type":"own_delta","own":%b}'),
]
PARTS = [
    b'{"own":%b}',
    b'{"executableCode":{"language":"PYTHON","code":"","own":%b}}',
    b'{"toolCall":{"own":%b},"thoughtSignature":"c2ln"}',
]
ANNOTATIONS = [
    b'{"type":"url_citation","url_citation":{"url":"http://x.test","own":%b}}',
    b'{"url_citation":{"url":"http://x.test","start_index":0,"end_index":2},"own":%b}',
]
ITEMS = [
    b'{"type":"own_call","id":"own_1","own":%b}',
    b'{"type":"own_call","own":{"own":%b}}',
    b'{"type":"image_generation_call","id":"ig_1","result":"aGk=","own":%b}',
    b'{"type":"image_generation_call","id":"ig_1","own":%b}',
    b'{"type":"function_call","call_id":"a","name":"f","arguments":"{}","own":%b}',
    b'{"type":"custom_tool_call","call_id":"a","name":"f","input":"","own":%b}',
]
CITING = b'{"type":"output_text","text":"hi","annotations":[%b]}'
CITED = [
    b'{"type":"url_citation","url":"http://x.test","own":%b}',
    b'{"type":"url_citation","url":7,"own":%b}',
    b'{"own":%b}',
]

MESSAGE = (
    b'data: {"type":"message_start","message":{"id":"msg_1","model":"m"}}\n\n'
    b'data: {"type":"content_block_start","index":0,"content_block":%b}\n\n'
    b"%b"
    b'data: {"type":"content_block_stop","index":0}\n\n'
    b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
    b'data: {"type":"message_stop"}\n\n'
)
DELTA = b'data: {"type":"content_block_delta","index":0,"delta":%b}\n\n'
CANDIDATE = b'{"candidates":[{"content":{"role":"model","parts":[%b]},"finishReason":"STOP"}]}'

CHUNKS = (
    b'data: {%b"choices":[{"index":0,%b}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
CITATIONS = [
    (b'"id":"chatcmpl-1",', b'"delta":{"content":"hi","annotations":[%b]}'),
    (b'"id":"chatcmpl-1",', b'"delta":{"annotations":[%b]}'),
    (b'"id":"chatcmpl-1",', b'"message":{"content":"hi","annotations":[%b]}'),
    (b'"created":"soon",', b'"delta":{"annotations":[%b]}'),
]
COMPLETION = (
    b'{"id":"chatcmpl-1","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"hi","annotations":[%b]}}]}'
)

RESPONSE = b'{"id":"resp_1","model":"m","status":"completed","output":[%b]}'
EVENTS = (
    b'data: {"type":"response.created","response":{"id":"resp_1","model":"m"}}\n\n'
    b"%b"
    b'data: {"type":"response.completed","response":%b}\n\n'
)
EVENT = b'data: {"type":"response.%b","output_index":0,%b}\n\n'
ADDED = EVENT % (b"output_item.added", b'"item":%b')
DONE = EVENT % (b"output_item.done", b'"item":%b')
SAYING = b'{"type":"message","id":"msg_1","role":"assistant","content":[%b]}'
SAID = EVENT % (b"output_text.delta", b'"content_index":0,"delta":"hi"')
CITES = [
    EVENT % (b"output_text.annotation.added", b'"content_index":0,"annotation":%b'),
    EVENT % (b"content_part.done", b'"content_index":0,"part":%b' % CITING),
    DONE % (SAYING % CITING),
]


def of_response(event: bytes, *items: bytes) -> bytes:
    return EVENTS % (event, RESPONSE % b",".join(items))


STREAMS = [
    *[(Format.CHAT, CHUNKS % place % each) for place in CITATIONS for each in ANNOTATIONS],
    *[(Format.RESPONSES, of_response(DONE % item)) for item in ITEMS],
    *[(Format.RESPONSES, of_response(ADDED % item)) for item in ITEMS if b"call_id" in item],
    *[(Format.RESPONSES, of_response(b"", item)) for item in ITEMS],
    *[(Format.RESPONSES, of_response(SAID + event % each)) for event in CITES for each in CITED],
    *[(Format.RESPONSES, of_response(b"", SAYING % CITING % each)) for each in CITED],
    *[(Format.MESSAGES, MESSAGE % (block, b"")) for block in BLOCKS],
    *[(Format.MESSAGES, MESSAGE % (block, DELTA % delta)) for block, delta in DELTAS],
    *[(Format.GEMINI, b"data: %b\n\n" % (CANDIDATE % part)) for part in PARTS],
]
ANSWERS = [
    *[(Format.CHAT, COMPLETION % each) for each in ANNOTATIONS],
    *[(Format.RESPONSES, RESPONSE % item) for item in ITEMS],
    *[(Format.RESPONSES, RESPONSE % (SAYING % CITING) % each) for each in CITED],
    *[(Format.MESSAGES, b'{"type":"message","content":[%b]}' % block) for block in BLOCKS],
    *[(Format.GEMINI, CANDIDATE % part) for part in PARTS],
]


@pytest.mark.parametrize(("format", "stream"), STREAMS)
def test_in_a_stream(format: Format, stream: bytes) -> None:
    codec = CODECS[format]
    output = laws.translate(codec, codec, [stream % AGREED])
    assert AGREED in output
    for bad in AMBIGUOUS:
        last = laws.feed_all(codec.stream_decoder(), [stream % bad])[-1]
        assert isinstance(last, Failure), bad
        assert last.kind is ErrorKind.UPSTREAM_MALFORMED
        laws.check_ended(codec, laws.translate(codec, codec, [stream % bad]))


@pytest.mark.parametrize(("format", "stream"), STREAMS)
def test_half_a_character_in_a_stream(format: Format, stream: bytes) -> None:
    codec = CODECS[format]
    named = re.sub(rb'data: {"type":"([a-z_.]+)"', rb"event: \1\n\g<0>", stream)
    for half in (b'"\\ud83d"', b'"\\ude00"', b'{"a\\ud83d":"\\ude00a"}'):
        for sent in (stream % half, named % half):
            assert "\ufffd" in laws.translate(codec, codec, [sent]).decode()
            for client in CODECS.values():
                laws.halves_leave_no_marks(codec, client, [sent])


@pytest.mark.parametrize(("format", "answer"), ANSWERS)
def test_in_a_whole_answer(format: Format, answer: bytes) -> None:
    codec = CODECS[format]
    assert AGREED in codec.encode_response(codec.decode_response(answer % AGREED), CONTEXT)
    for bad in AMBIGUOUS:
        with pytest.raises(UpstreamError) as caught:
            codec.decode_response(answer % bad)
        assert caught.value.failure.kind is ErrorKind.UPSTREAM_MALFORMED


def test_a_key_that_comes_twice_in_an_item_itself() -> None:
    codec = CODECS[Format.RESPONSES]
    item = b'{"type":"own_call","own":1,"own":2}'
    for stream in (of_response(DONE % item), of_response(b"", item)):
        assert isinstance(laws.feed_all(codec.stream_decoder(), [stream])[-1], Failure)
    with pytest.raises(UpstreamError):
        codec.decode_response(RESPONSE % item)
