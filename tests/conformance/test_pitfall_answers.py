"""Pitfalls of answers that no codec shows alone: from an upstream's bytes to what the
client's SDK says. :mod:`.pitfalls` lists what each test is for."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from aigw_core.chat import Format
from aigw_core.codec import Caps, EncodedRequest, Inbound, Peek
from aigw_core.codecs import CODECS
from aigw_core.collect import collect, explode
from aigw_core.translate import Translation, answer_machine, translate_request
from tests import laws
from tests.conformance import wires
from tests.conformance.running import check_same, see, serve
from tests.conformance.wires import WRITERS, Call, Script, chat_chunk, event, messages_event
from tests.laws import check_ended
from tests.oracles import ORACLES
from tests.oracles.record import Record
from tests.seeds import SEEDS
from tests.streams import CONTEXT

_C, _M, _R, _G = Format.CHAT, Format.MESSAGES, Format.RESPONSES, Format.GEMINI
PAIRS = list(product(Format, repeat=2))
OTHERS = [(up, down) for up, down in PAIRS if up is not down]


def read(upstream: Format, client: Format, *events: bytes) -> Record:
    codecs = CODECS[upstream], CODECS[client]
    return see(*codecs, serve(*codecs, events))


@pytest.mark.parametrize(("upstream", "client"), OTHERS)
def test_a_document_where_a_stream_was_asked_for(upstream: Format, client: Format) -> None:
    machine = answer_machine(
        CODECS[upstream],
        CODECS[client],
        CONTEXT,
        Translation(EncodedRequest(b"{}", "/")),
        Peek("m", True, True),
        {"content-type": "application/json"},
    )
    body = json.dumps(SEEDS[upstream].answer).encode()
    output = machine.feed(body[:100]) + machine.feed(body[100:]) + machine.eof()
    assert check_ended(CODECS[client], output).complete
    seen = ORACLES[client].read_stream(output)
    whole = ORACLES[upstream].read_body(200, body)
    check_same(whole, seen, CODECS[client])


@pytest.mark.parametrize("client", [_M, _R, _G])
def test_annotations_and_details_of_one_delta(client: Format) -> None:
    # The SDK joins lists of deltas by index; entries without one make it raise.
    annotation = {"url": "http://x.test", "title": "X", "start_index": 0, "end_index": 1}
    delta = {
        "content": "a",
        "annotations": [{"type": "url_citation", "url_citation": annotation}] * 2,
        "reasoning_details": [{"type": "reasoning.text", "text": "hm"}] * 2,
    }
    chunk = chat_chunk([{"index": 0, "delta": delta, "finish_reason": None}])
    end = chat_chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    seen = read(_C, client, chunk, end, event("[DONE]"))
    assert (seen.text, seen.reasoning, seen.stop) == ("a", "hmhm", "end")


@pytest.mark.parametrize(("upstream", "client"), OTHERS)
def test_padding_is_for_nobody(upstream: Format, client: Format) -> None:
    script = Script(text=("a", "b"), reasoning=("c",))
    padded = [
        sent.replace(b'data: {"', b'data: {"obfuscation": "pAd", "', 1)
        for sent in WRITERS[upstream](script)
    ]
    codecs = CODECS[upstream], CODECS[client]
    served = serve(*codecs, padded)
    assert b"obfuscation" not in served.output
    assert b"pAd" not in served.output
    check_same(script.record, see(*codecs, served), CODECS[client])


@pytest.mark.parametrize("client", Format)
def test_more_reasoning_than_there_was_output(client: Format) -> None:
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 10,
        "total_tokens": 15,
        "completion_tokens_details": {"reasoning_tokens": 11},
    }
    delta = {"role": "assistant", "content": "a"}
    chunk = chat_chunk([{"index": 0, "delta": delta, "finish_reason": None}], usage=None)
    end = chat_chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=None)
    codecs = CODECS[_C], CODECS[client]
    served = serve(*codecs, [chunk, end, chat_chunk([], usage=usage), event("[DONE]")])
    assert b":-" not in served.output.replace(b" ", b"")
    counted = see(*codecs, served).usage
    assert min(count for count in (counted.input, counted.output, counted.reasoning) if count) > 0


def _block(index: int, block: dict[str, Any], *deltas: dict[str, Any]) -> list[bytes]:
    return [
        messages_event("content_block_start", index=index, content_block=block),
        *[messages_event("content_block_delta", index=index, delta=delta) for delta in deltas],
        messages_event("content_block_stop", index=index),
    ]


def _message(*blocks: list[bytes], stop: str = "end_turn", **delta: Any) -> list[bytes]:
    plain = wires.messages(Script(text=("x",)))
    end = {"stop_reason": stop, "stop_sequence": None, **delta}
    usage = {"input_tokens": 3, "output_tokens": 4}
    last = messages_event("message_delta", delta=end, usage=usage)
    return [*plain[:2], *[sent for block in blocks for sent in block], last, plain[-1]]


_CITED = {
    "type": "web_search_result_location",
    "url": "http://x.test",
    "title": "X",
    "encrypted_index": "e",
    "cited_text": "x",
}


def _cited(index: int, text: str) -> list[bytes]:
    return _block(
        index,
        {"type": "text", "text": ""},
        {"type": "citations_delta", "citation": _CITED},
        {"type": "text_delta", "text": text},
    )


@pytest.mark.parametrize("client", Format)
def test_texts_split_by_citations_are_one_text(client: Format) -> None:
    plain = _block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "I say: "})
    seen = read(_M, client, *_message(plain, _cited(1, "Grüße"), _cited(2, " 世界")))
    assert (seen.text, seen.stop, seen.error) == ("I say: Grüße 世界", "end", None)


def test_texts_split_by_citations_are_one_item() -> None:
    stream = _message(_cited(0, "a"), _cited(1, "b"))
    served = serve(CODECS[_M], CODECS[_R], stream)
    last = json.loads(served.output.strip().rsplit(b"data: ", 1)[1])["response"]
    [item] = last["output"]
    assert [part["text"] for part in item["content"]] == ["a", "b"]


@pytest.mark.parametrize("client", Format)
@pytest.mark.parametrize("first", [(), ({"type": "input_json_delta", "partial_json": ""},)])
def test_a_call_without_arguments_has_an_empty_object(
    client: Format, first: tuple[dict[str, Any], ...]
) -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}
    [call] = read(_M, client, *_message(_block(0, use, *first), stop="tool_use")).calls
    assert (call.id, call.name, call.arguments) == ("toolu_1", "now", "{}")


def test_text_call_text_are_three_blocks_in_order() -> None:
    def delta(**said: Any) -> bytes:
        return chat_chunk([{"index": 0, "delta": said, "finish_reason": None}])

    function = {"name": "f", "arguments": "{}"}
    stream = [
        delta(role="assistant", content="one"),
        delta(tool_calls=[{"index": 0, "id": "c", "type": "function", "function": function}]),
        delta(content="two"),
        chat_chunk([{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]),
        event("[DONE]"),
    ]
    served = serve(CODECS[_C], CODECS[_M], stream)
    see(CODECS[_C], CODECS[_M], served)
    kinds = [
        json.loads(line[6:])["content_block"]["type"]
        for line in served.output.splitlines()
        if line.startswith(b'data: {"type":"content_block_start"')
    ]
    assert kinds == ["text", "tool_use", "text"]


@pytest.mark.parametrize("client", Format)
def test_a_refusal_of_nothing(client: Format) -> None:
    details = {"type": "refusal", "explanation": "no"}
    seen = read(_M, client, *_message(stop="refusal", stop_details=details))
    assert (seen.text, seen.stop, seen.error) == ("", "refusal", None)


@pytest.mark.parametrize(
    "body", [b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}', b"", b"<p>"]
)
def test_overloaded_has_the_status_of_each_format(body: bytes) -> None:
    failure = CODECS[_M].decode_error(529, {}, body)
    shown = {client: CODECS[client].encode_error(failure, "r")[0] for client in Format}
    assert shown == {_C: 503, _M: 529, _R: 503, _G: 503}


def test_results_of_hosted_tools_are_no_calls_of_the_client() -> None:
    use = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    said = _block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "so"})
    stream = _message(_block(0, use), _block(1, result), said)
    for client in (_C, _R, _G):
        seen = read(_M, client, *stream)
        assert (seen.text, seen.calls, seen.stop) == ("so", (), "end")


def test_thoughts_count_as_output_and_back() -> None:
    usage = {
        "promptTokenCount": 9,
        "candidatesTokenCount": 8,
        "thoughtsTokenCount": 202,
        "totalTokenCount": 219,
    }
    stream = [wires.gemini_chunk([{"text": "a"}], "STOP", usageMetadata=usage)]
    for client in (_C, _R):
        counted = read(_G, client, *stream).usage
        assert (counted.input, counted.output, counted.reasoning) == (9, 210, 202)
    served = serve(CODECS[_G], CODECS[_C], stream)
    back = serve(CODECS[_C], CODECS[_G], [served.output])
    last = json.loads(back.output.strip().rsplit(b"data: ", 1)[1])["usageMetadata"]
    assert {name: last[name] for name in usage} == usage


@pytest.mark.parametrize("client", Format)
def test_a_blocked_prompt_is_a_refusal_and_no_error(client: Format) -> None:
    blocked = event({"promptFeedback": {"blockReason": "SAFETY"}}, end="\r\n")
    seen = read(_G, client, blocked)
    assert (seen.text, seen.calls, seen.stop, seen.error) == ("", (), "refusal", None)


HARD = (
    '{"n":9223372036854775807}',
    '{"n":1e400}',
    '{"n":NaN}',
    '{"a":1,"a":2}',
    '{"n":' + "[" * 600 + "]" * 600 + "}",
    '{"half":',
    "not json",
    "[1]",
    '"text"',
)


@pytest.mark.parametrize("arguments", HARD, ids=lambda text: text[:20])
def test_any_arguments_come_through_between_texts(arguments: str) -> None:
    script = Script(calls=(Call("call_1", "f", (arguments,)),))
    for upstream, client in ((_C, _R), (_R, _C), (_C, _C), (_R, _R)):
        [call] = read(upstream, client, *WRITERS[upstream](script)).calls
        assert call.arguments == arguments


@pytest.mark.parametrize("arguments", HARD, ids=lambda text: text[:20])
@pytest.mark.parametrize("client", [_M, _G])
def test_no_arguments_break_formats_of_objects(arguments: str, client: Format) -> None:
    script = Script(text=("a",), calls=(Call("call_1", "f", (arguments,)),))
    served = serve(CODECS[_C], CODECS[client], wires.chat(script))
    assert served.machine.ended
    if client is _G:  # the other SDK takes the pieces for JSON, which they may not be
        [seen] = ORACLES[client].read_stream(served.output).calls
        assert seen.name == "f"
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "y"},
    ]
    body = json.dumps({"model": "m", "messages": messages}).encode()
    inbound = Inbound(body)
    request = CODECS[_C].decode_request(inbound)
    done = translate_request(inbound, request, CODECS[_C], CODECS[client], "up", Caps())
    assert json.loads(done.encoded.body)  # what broken arguments of turn one become in turn two


_CUSTOM = {"type": "custom", "custom": {"name": "run.it", "description": "Runs"}}


def test_a_free_text_tool_keeps_its_name_and_its_text() -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [_CUSTOM]}
    inbound = Inbound(json.dumps({**asked, "stream": True}).encode())
    request = CODECS[_C].decode_request(inbound)
    for upstream in (_M, _G):
        done = translate_request(inbound, request, CODECS[_C], CODECS[upstream], "up", Caps())
        name = next(iter(done.encoded.tool_names), "run.it")
        pieces = ('{"input":', '"say \\"hi\\"\\n"}')
        script = Script(calls=(Call("call_1", name, pieces),))
        served = serve(CODECS[upstream], CODECS[_C], WRITERS[upstream](script), translation=done)
        check_ended(CODECS[_C], served.output)
        deltas = [
            entry["custom"]
            for line in served.output.splitlines()
            if b'"tool_calls"' in line
            for choice in json.loads(line[6:])["choices"]
            for entry in choice["delta"].get("tool_calls", [])
        ]
        assert deltas == [{"name": "run.it", "input": 'say "hi"\n'}]


@pytest.mark.parametrize("upstream", [_C, _M, _R])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_long_name_is_short_for_the_upstream_only(upstream: Format, streamed: bool) -> None:
    name = "a.tool_" + "x" * 73
    contents = [{"role": "user", "parts": [{"text": "x"}]}]
    declared = {"functionDeclarations": [{"name": name}, {"name": name[:-1] + "y"}]}
    body = json.dumps({"contents": contents, "tools": [declared]}).encode()
    inbound = Inbound(body, {}, "m", streamed)
    request = CODECS[_G].decode_request(inbound)
    done = translate_request(inbound, request, CODECS[_G], CODECS[upstream], "up", Caps())
    short = {full: legal for legal, full in done.encoded.tool_names.items()}
    assert len(set(short.values())) == 2
    assert all(len(legal) <= 64 and "." not in legal for legal in short.values())
    if streamed:
        script = Script(calls=(Call("call_1", short[name], ("{}",)),))
        served = serve(CODECS[upstream], CODECS[_G], WRITERS[upstream](script), translation=done)
        seen = ORACLES[_G].read_stream(served.output)
    else:
        answer = json.dumps(SEEDS[upstream].answer).replace('"get_weather"', f'"{short[name]}"')
        machine = answer_machine(
            CODECS[upstream],
            CODECS[_G],
            CONTEXT,
            done,
            Peek("m", False),
            {"content-type": "application/json"},
        )
        seen = ORACLES[_G].read_body(200, machine.feed(answer.encode()) + machine.eof())
    assert [call.name for call in seen.calls] == [name]


def test_cached_tokens_are_counted_as_each_format_does() -> None:
    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 85,
        "output_tokens": 4,
    }
    said = _block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "a"})
    plain = _message(said)
    last = messages_event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage)
    stream = [*plain[:-2], last, plain[-1]]
    served = serve(CODECS[_M], CODECS[_C], stream)
    seen = see(CODECS[_M], CODECS[_C], served)
    assert (seen.usage.input, seen.usage.cached, seen.usage.output) == (100, 85, 4)
    back = serve(CODECS[_C], CODECS[_M], [served.output])
    [counted] = [
        json.loads(line[6:])["usage"]
        for line in back.output.splitlines()
        if line.startswith(b'data: {"type":"message_delta"')
    ]
    assert {name: counted[name] for name in usage} == usage


def _answer(upstream: Format, client: Format, body: bytes) -> Record:
    """What the client's SDK makes of a whole answer."""
    machine = answer_machine(
        CODECS[upstream],
        CODECS[client],
        CONTEXT,
        Translation(EncodedRequest(b"{}", "/"), relayed=upstream is client),
        Peek("m", False),
        {"content-type": "application/json"},
    )
    return ORACLES[client].read_body(200, machine.feed(body) + machine.eof())


@pytest.mark.parametrize("client", Format)
def test_a_whole_answer_of_a_blocked_prompt_is_a_refusal(client: Format) -> None:
    seen = _answer(_G, client, b'{"promptFeedback":{"blockReason":"SAFETY"}}')
    assert (seen.text, seen.calls, seen.stop, seen.error) == ("", (), "refusal", None)


@pytest.mark.parametrize(("upstream", "client"), PAIRS)
def test_a_stream_and_a_document_say_the_same(upstream: Format, client: Format) -> None:
    """Whichever of the two the upstream sends, and whichever the client asked for."""
    script = Script(
        reasoning=("Let me ", "think…"),
        text=("Grüße, ", "世界"),
        calls=(Call("call_1", "f", ('{"a":', '"é"}')), Call("call_2", "g", ("{}",))),
    )
    codecs = CODECS[upstream], CODECS[client]
    stream = b"".join(WRITERS[upstream](script))
    whole = explode(collect(laws.feed_all(codecs[0].stream_decoder(), [stream])))
    document = codecs[0].encode_response(collect(whole), CONTEXT)
    streamed = see(*codecs, serve(*codecs, [stream]))
    check_same(script.record, streamed, codecs[1])
    check_same(streamed, _answer(upstream, client, document), codecs[1])
    collected = answer_machine(
        *codecs,
        CONTEXT,
        Translation(EncodedRequest(b"{}", "/"), relayed=upstream is client),
        Peek("m", False),
        {"content-type": "text/event-stream"},
    )
    body = collected.feed(stream) + collected.eof()
    check_same(streamed, ORACLES[client].read_body(200, body), codecs[1])


@pytest.mark.parametrize("client", Format)
def test_thoughts_between_texts_are_no_text(client: Format) -> None:
    parts = [{"text": "a"}, {"text": "hm", "thought": True}, {"text": "b"}]
    chunks = [wires.gemini_chunk([part]) for part in parts]
    for stream in (
        [*chunks, wires.gemini_chunk([{"text": ""}], "STOP")],
        [wires.gemini_chunk(parts, "STOP")],
    ):
        seen = read(_G, client, *stream)
        assert (seen.text, seen.reasoning, seen.stop) == ("ab", "hm", "end")
