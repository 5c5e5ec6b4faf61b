"""Streams that are judged while they go out: what is seen, and that nobody notices."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest
from msgspec.structs import replace

from aigw_core.attempt import Call
from aigw_core.chat import Format
from aigw_core.client_reply import ClientReply
from aigw_core.codec import AnswerContext, Codec, Inbound, StreamEncoder
from aigw_core.codecs import CODECS
from aigw_core.commands import (
    ClientGone,
    Command,
    Emit,
    End,
    Input,
    ResponseData,
    ResponseEof,
    ResponseHead,
    Tick,
    UpstreamFailed,
)
from aigw_core.config.snapshot import Snapshot
from aigw_core.events import AnswerEnd, StreamEvent
from aigw_core.exchange import Exchange
from aigw_core.grammar import GrammarViolation, StreamGrammar, StreamJudge, check_stream
from aigw_core.health import Health
from aigw_core.judged_reply import MAX_JUDGED, ONE_IN, JudgedReply, is_sampled
from aigw_core.record import ExchangeRecord
from aigw_core.routing.target import Match, Target
from aigw_core.sse import SseEvent
from aigw_core.wire_request import FailureKind
from tests.seeds import SEEDS, wire_event
from tests.simulate import SSE, credential, route_of

ROOT = Path(__file__).parents[2]

JUDGED = next(name for name in map(str, range(1000)) if is_sampled(name))
UNJUDGED = next(name for name in map(str, range(1000)) if not is_sampled(name))
PRIVATE = "What nobody but the client may read."

NOT_CHAT = [name for name in Format if name is not Format.CHAT]

REQUESTS: dict[Format, Inbound] = {
    Format.CHAT: Inbound(
        b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    ),
    Format.MESSAGES: Inbound(
        b'{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
    ),
    Format.RESPONSES: Inbound(b'{"model":"m","stream":true,"input":"hi"}'),
    Format.GEMINI: Inbound(b'{"contents":[{"parts":[{"text":"hi"}]}]}', {}, "m", True),
}

WORDS = b"".join(
    wire_event("", chunk)
    for chunk in (
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": PRIVATE}}]},
        {"choices": [{"index": 0, "delta": {"content": " More."}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        "[DONE]",
    )
)
"""As servers of the chat format send it, the fields that nobody reads left out."""


def serve(
    client: Format,
    upstream: Format,
    facts: Sequence[Input],
    *,
    codec: Codec | None = None,
    check: bool = True,
    request_id: str = JUDGED,
) -> tuple[list[Command], ExchangeRecord]:
    """What becomes of ``facts``; ticks come when they are due."""
    codec = codec or CODECS[client]
    inbound = REQUESTS[client]
    context = AnswerContext(model="m", id="0" * 32, created=1, request_id=request_id)
    call = Call(codec, inbound, codec.peek(inbound), context)
    snapshot = Snapshot("test", check_grammar=check, keepalive=10.0)
    target = Target(credential(0, upstream), "upstream-model", Match.EXACT)
    route = route_of([target], snapshot, Health())
    exchange = Exchange(call, route, snapshot, CODECS, lambda: 0.5)
    commands = exchange.start(0.0)
    now = 0.0
    for fact in facts:
        if isinstance(fact, Tick):
            now = exchange.deadline or now
        commands += exchange.receive(fact, now)
    return commands, exchange.record


def stream(*reads: bytes, end: Sequence[Input] = (ResponseEof(1),)) -> list[Input]:
    return [ResponseHead(1, 200, SSE), *(ResponseData(1, data) for data in reads), *end]


class Faulty:
    """An encoder with a bug: ``spoil`` changes what it writes."""

    def __init__(self, encoder: StreamEncoder, spoil: Callable[[bytes, bool], bytes]) -> None:
        self._encoder = encoder
        self._spoil = spoil

    def encode(self, events: list[StreamEvent]) -> bytes:
        ended = any(isinstance(event, AnswerEnd) for event in events)
        return self._spoil(self._encoder.encode(events), ended)

    def keepalive(self) -> bytes:
        return self._encoder.keepalive()


def planted(client: Format, spoil: Callable[[bytes, bool], bytes]) -> Codec:
    codec = CODECS[client]
    return replace(
        codec, stream_encoder=lambda context: Faulty(codec.stream_encoder(context), spoil)
    )


@pytest.mark.parametrize(("client", "upstream"), list(product(Format, repeat=2)))
def test_what_the_encoders_write_is_legal(client: Format, upstream: Format) -> None:
    data = SEEDS[upstream].wire()
    commands, record = serve(client, upstream, stream(data[:700], data[700:]))
    assert record.failure is None
    assert record.judged == (client is not upstream)  # a relayed stream is its vendor's
    assert record.breach is None
    assert commands == serve(client, upstream, stream(data[:700], data[700:]), check=False)[0]


FAULTS = {
    "a chunk of another answer": (
        lambda data, ended: data.replace(b"[DONE]", b'{"id":"x"}'),
        "wrong object",
    ),
    "two ends": (
        lambda data, ended: data + b"data: [DONE]\n\n" if ended else data,
        "after [DONE]",
    ),
    "no end": (lambda data, ended: data.replace(b"data: [DONE]\n\n", b""), "the stream has no end"),
    "half an event at the end": (
        lambda data, ended: data[:-1] if ended else data,
        "the last event has no blank line",
    ),
    "a private word as a field": (
        lambda data, ended: data.replace(b'"delta":', b'"%s":{},"delta":' % PRIVATE.encode()),
        "unknown fields in a choice",
    ),
    "text that is no JSON": (
        lambda data, ended: data.replace(b'"content":"', b'"content":'),
        "not JSON",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen_and_changes_nothing(fault: str) -> None:
    spoil, reason = FAULTS[fault]
    data = SEEDS[Format.MESSAGES].wire()
    start, text, rest = data.partition(b"event: content_block_delta")
    hostile = start + (text + rest).replace(b'"text":"', b'"text":"' + PRIVATE.encode())
    reads = [hostile[at : at + 200] for at in range(0, len(hostile), 200)]
    codec = planted(Format.CHAT, spoil)
    commands, record = serve(Format.CHAT, Format.MESSAGES, stream(*reads), codec=codec)
    breach = record.breach
    assert breach is not None
    assert breach.reason == reason
    assert breach.upstream is Format.MESSAGES
    assert PRIVATE not in repr(breach)
    body = b"".join(command.data for command in commands if isinstance(command, Emit))
    assert PRIVATE.encode() in body
    assert body[: breach.offset].count(b"\n\n") == breach.event
    assert breach.offset == 0 or body[: breach.offset].endswith(b"\n\n")
    judge = StreamJudge(CODECS[Format.CHAT].stream_grammar())
    judge.feed(body[: breach.offset])  # all before it is legal
    silent = serve(Format.CHAT, Format.MESSAGES, stream(*reads), codec=codec, check=False)
    assert commands == silent[0]
    assert (silent[1].judged, silent[1].breach) == (False, None)


def test_the_first_fault_is_the_only_one_told() -> None:
    codec = planted(Format.MESSAGES, lambda data, ended: data.replace(b"event: ", b"event:"))
    _, record = serve(Format.MESSAGES, Format.CHAT, stream(WORDS), codec=codec)
    assert record.breach is not None
    assert (record.breach.offset, record.breach.event) == (0, 0)
    assert record.breach.reason == "no event line"


@pytest.mark.parametrize("client", NOT_CHAT)
def test_a_stream_that_breaks_off_is_judged_by_what_was_sent(client: Format) -> None:
    gone = serve(client, Format.CHAT, stream(WORDS[:-80], end=[ClientGone()]))
    assert gone[1].client_left
    assert (gone[1].judged, gone[1].breach) == (True, None)
    lost = serve(
        client, Format.CHAT, stream(WORDS[:-80], end=[UpstreamFailed(1, FailureKind.READ)])
    )
    assert isinstance(lost[0][-1], End)  # its error event ends it
    assert lost[1].failure is not None
    assert (lost[1].judged, lost[1].breach) == (True, None)


@pytest.mark.parametrize("client", Format)
def test_keepalives_are_judged_with_the_rest(client: Format) -> None:
    upstream = Format.MESSAGES if client is Format.CHAT else Format.CHAT
    data = SEEDS[upstream].wire()
    facts: list[Input] = [
        Tick(),
        *stream(data[:2000], end=[]),
        Tick(),
        ResponseData(1, data[2000:]),
    ]
    commands, record = serve(client, upstream, [*facts, ResponseEof(1)])
    assert len([command for command in commands if isinstance(command, Emit)]) >= 4
    assert (record.judged, record.breach, record.failure) == (True, None, None)


def test_an_opening_that_fails_is_judged() -> None:
    refused: list[Input] = [Tick(), ResponseHead(1, 400, {}), ResponseEof(1)]
    _, record = serve(Format.MESSAGES, Format.CHAT, refused)
    assert (record.judged, record.breach) == (True, None)
    codec = planted(Format.MESSAGES, lambda data, ended: data[:-1])
    _, record = serve(Format.MESSAGES, Format.CHAT, refused, codec=codec)
    assert record.breach is not None
    assert record.breach.upstream is None


def test_an_answer_that_is_no_stream_is_not_judged() -> None:
    _, record = serve(Format.MESSAGES, Format.CHAT, [ResponseHead(1, 400, {}), ResponseEof(1)])
    assert (record.status, record.judged, record.breach) == (400, False, None)


def test_a_sample_is_judged_and_the_identifier_alone_decides() -> None:
    sampled = sum(is_sampled(f"request-{number}") for number in range(1000 * ONE_IN))
    assert 900 < sampled < 1100
    _, record = serve(Format.MESSAGES, Format.CHAT, stream(WORDS), request_id=UNJUDGED)
    assert not record.judged


class Breaking:
    comments = named = complete = failed = False

    def accept(self, event: SseEvent) -> None:
        raise KeyError(event.data)


def test_an_automaton_that_breaks_down_is_told_as_that() -> None:
    codec = replace(CODECS[Format.GEMINI], stream_grammar=Breaking)
    commands, record = serve(Format.GEMINI, Format.CHAT, stream(WORDS), codec=codec)
    assert record.breach is not None
    assert record.breach.reason == "the automaton breaks down with KeyError"
    assert commands == serve(Format.GEMINI, Format.CHAT, stream(WORDS), check=False)[0]


def test_a_very_long_stream_is_judged_no_further() -> None:
    long = wire_event("", {"choices": [{"index": 0, "delta": {"content": "x" * MAX_JUDGED}}]})
    codec = planted(Format.MESSAGES, lambda data, ended: data.replace(b"message_stop", b"stop"))
    _, record = serve(Format.MESSAGES, Format.CHAT, stream(long, WORDS), codec=codec)
    assert (record.failure, record.judged, record.breach) == (None, True, None)


def test_replies_are_built_by_the_plain_class_when_it_is_off() -> None:
    call = Call(
        CODECS[Format.CHAT],
        REQUESTS[Format.CHAT],
        CODECS[Format.CHAT].peek(REQUESTS[Format.CHAT]),
        AnswerContext(model="m", id="0" * 32, created=1, request_id=JUDGED),
    )
    kinds = [
        type(Exchange(call, route_of([], snapshot, Health()), snapshot, CODECS, lambda: 0.5)._reply)
        for snapshot in (Snapshot("off"), Snapshot("on", check_grammar=True))
    ]
    assert kinds == [ClientReply, JudgedReply]


# --- the judge ----------------------------------------------------------------


def verdict(grammar: StreamGrammar, reads: Sequence[bytes]) -> tuple[str, bool, bool]:
    judge = StreamJudge(grammar)
    try:
        for data in reads:
            judge.feed(data)
        judge.end()
    except GrammarViolation as exc:
        return exc.problem, False, False
    return "", grammar.complete, grammar.failed


def whole_verdict(grammar: StreamGrammar, data: bytes) -> tuple[str, bool, bool]:
    try:
        check_stream(grammar, data)
    except GrammarViolation as exc:
        return exc.problem, False, False
    return "", grammar.complete, grammar.failed


SPOILED: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "legal": lambda data: data,
        "a CR": lambda data: data.replace(b"\n", b"\r\n", 20),
        "two lines of data": lambda data: data[::-1].replace(b" :atad", b" :atad\n{} :atad", 1)[
            ::-1
        ],
        "not UTF-8": lambda data: data.replace(b"m-1", b"m\xff"),
        "blank lines between": lambda data: data.replace(b"\n\n", b"\n\n\n"),
        "late": lambda data: data + data,
    }
)


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("name", Format)
def test_any_split_of_a_stream_gets_the_same_verdict(name: Format, how: str) -> None:
    data = SPOILED[how](SEEDS[name].wire())
    grammar = CODECS[name].stream_grammar
    expected = whole_verdict(grammar(), data)
    assert expected[0] or expected[1]
    for cut in range(0, len(data), 7):
        assert verdict(grammar(), [data[:cut], data[cut:]]) == expected
    assert verdict(grammar(), [data[at : at + 1] for at in range(len(data))]) == expected


# --- what may be logged --------------------------------------------------------

OURS = {"field", "name", "index", "number", "separator", "block"}
"""Names that stand for a constant of the automaton or a number it has checked."""


def test_the_reasons_of_all_automata_are_words_of_ours() -> None:
    found = 0
    for path in [
        ROOT / "aigw_core" / "grammar.py",
        *(ROOT / "aigw_core" / "codecs").glob("*/grammar.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            at = {"require": 1, "violation": 0, "GrammarViolation": 0}.get(node.func.id)
            if at is None:
                continue
            found += 1
            reason = node.args[at]
            if isinstance(reason, ast.Name):  # passed on by require and violation
                assert path.parent.name == "aigw_core", (path, node.lineno)
                assert reason.id == "problem"
                continue
            pieces: list[ast.AST] = [reason] if isinstance(reason, ast.Constant) else []
            if isinstance(reason, ast.JoinedStr):
                pieces = [
                    name
                    for value in reason.values
                    for name in ast.walk(value)
                    if isinstance(name, ast.Name) and name.id not in ("len", "ord")
                ]
                assert {name.id for name in pieces if isinstance(name, ast.Name)} <= OURS, (
                    path,
                    node.lineno,
                )
            assert pieces, (path, node.lineno)
    assert found > 200


def test_what_a_violation_shows_is_apart_from_its_reason() -> None:
    grammar = CODECS[Format.CHAT].stream_grammar()
    with pytest.raises(GrammarViolation) as caught:
        check_stream(grammar, wire_event("", {PRIVATE: 1}))
    assert caught.value.problem == "unknown fields in a chunk"
    assert PRIVATE in str(caught.value)


# --- arguments that a model wrote ----------------------------------------------

ODD = (
    '{"a":1e400,"a":2}',
    '{"a":-1e999}',
    '{"a":{"b":1,"b":[1e400]}}',
    '{"n":%s}' % ("9" * 5000),
    '{"n":[0.%s]}' % ("1" * 400),
)


@pytest.mark.parametrize("arguments", ODD)
@pytest.mark.parametrize("client", NOT_CHAT)
def test_arguments_pass_as_the_model_wrote_them_and_are_legal(
    client: Format, arguments: str
) -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": arguments}}
    data = b"".join(
        wire_event("", chunk)
        for chunk in (
            {"choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}}]},
            {"choices": [{"index": 0, "delta": {"tool_calls": [more]}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
            "[DONE]",
        )
    )
    commands, record = serve(client, Format.CHAT, stream(data))
    assert (record.failure, record.judged, record.breach) == (None, True, None)
    body = b"".join(command.data for command in commands if isinstance(command, Emit))
    written = arguments if client is Format.GEMINI else msgspec.json.encode(arguments).decode()
    assert written.strip('"') in body.decode()


@pytest.mark.parametrize("number", ["1e400", '1,"index":1', "NaN", "9" * 5000])
def test_what_is_no_model_s_own_is_read_alike_by_all(number: str) -> None:
    data = b'data: {"candidates":[{"index":%s}]}\n\n' % number.encode()
    with pytest.raises(GrammarViolation):
        check_stream(CODECS[Format.GEMINI].stream_grammar(), data)
