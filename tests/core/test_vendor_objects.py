"""What an upstream says in objects of its own vendor, which a client of the same format gets as
they came: where parsers would not agree on one, the answer is malformed."""

from __future__ import annotations

import pytest

from aigw_core.chat import Format
from aigw_core.codecs import CODECS
from aigw_core.errors import ErrorKind, Failure, UpstreamError
from tests import laws

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

STREAMS = [
    *[(Format.MESSAGES, MESSAGE % (block, b"")) for block in BLOCKS],
    *[(Format.MESSAGES, MESSAGE % (block, DELTA % delta)) for block, delta in DELTAS],
    *[(Format.GEMINI, b"data: %b\n\n" % (CANDIDATE % part)) for part in PARTS],
]
ANSWERS = [
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


@pytest.mark.parametrize(("format", "answer"), ANSWERS)
def test_in_a_whole_answer(format: Format, answer: bytes) -> None:
    codec = CODECS[format]
    codec.decode_response(answer % AGREED)
    for bad in AMBIGUOUS:
        with pytest.raises(UpstreamError) as caught:
            codec.decode_response(answer % bad)
        assert caught.value.failure.kind is ErrorKind.UPSTREAM_MALFORMED
