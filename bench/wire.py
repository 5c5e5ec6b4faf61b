"""Upstream answers as vendors send them, made of numbered words.

Each delta's text is `` w<number>-<payload>``, so that a client can tell a lost,
doubled or reordered delta from a good one. Everything that differs between the
formats is a :class:`Wire`; ``WIRES`` has one for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aigw_core.codec import Inbound

Format = str


@dataclass(frozen=True)
class Wire:
    path: str
    """Of a streaming request; ``{model}`` where the format has the name there."""
    open: Callable[[], str]
    """What comes before the first text delta."""
    delta: Callable[[str], str]
    """One text delta; the text needs no escaping."""
    close: Callable[[int], str]
    """What ends an answer of so many deltas."""
    tool_open: Callable[[], str]
    """What comes before the first delta of tool arguments, the start of the answer
    included."""
    tool_delta: Callable[[str], str]
    """One delta of tool arguments; the piece is escaped as JSON already."""
    answer: Callable[[str], str]
    """A whole answer."""
    turn: Callable[[str, str], str]
    """``(role, text)``, the role ``user`` or ``assistant``."""
    body: Callable[[str, bool, str], str]
    """A request: ``(model, stream, turns)``, the turns joined by commas."""


# --- Chat Completions --------------------------------------------------------

_CHAT = (
    'data: {"id":"chatcmpl-Bq3v9wXJt0s","object":"chat.completion.chunk","created":1760000000,'
    '"model":"gpt-bench","service_tier":"default","system_fingerprint":"fp_7c1e","choices":'
    '[{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}],"usage":null,'
    '"obfuscation":"Vb2qkXz"}\n\n'
)


def _chat_open() -> str:
    return _CHAT % ('{"role":"assistant","content":"","refusal":null}', "null")


def _chat_close(count: int) -> str:
    usage = (
        'data: {"id":"chatcmpl-Bq3v9wXJt0s","object":"chat.completion.chunk","created":1760000000,'
        '"model":"gpt-bench","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":%d,'
        '"total_tokens":%d}}\n\n' % (count, count + 12)
    )
    return _CHAT % ("{}", '"stop"') + usage + "data: [DONE]\n\n"


def _chat_tool_open() -> str:
    call = '{"tool_calls":[{"index":0,"id":"call_b1","type":"function","function":{"name":"look_up","arguments":""}}]}'
    return _chat_open() + _CHAT % (call, "null")


def _chat_tool_delta(piece: str) -> str:
    call = '{"tool_calls":[{"index":0,"function":{"arguments":"%s"}}]}' % piece
    return _CHAT % (call, "null")


def _chat_answer(text: str) -> str:
    return (
        '{"id":"chatcmpl-b","object":"chat.completion","created":1760000000,"model":"gpt-bench",'
        '"choices":[{"index":0,"message":{"role":"assistant","content":"%s","refusal":null},'
        '"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":12,'
        '"completion_tokens":2,"total_tokens":14}}' % text
    )


def _plain_turn(role: str, text: str) -> str:
    return '{"role":"%s","content":"%s"}' % (role, text)


def _chat_body(model: str, stream: bool, turns: str) -> str:
    return '{"model":"%s","stream":%s,"messages":[%s]}' % (model, _flag(stream), turns)


def _flag(stream: bool) -> str:
    return "true" if stream else "false"


# --- Messages ----------------------------------------------------------------

_MESSAGES_START = (
    "event: message_start\n"
    'data: {"type":"message_start","message":{"id":"msg_01BenchBenchBench","type":"message",'
    '"role":"assistant","model":"claude-bench","content":[],"stop_reason":null,'
    '"stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":0,'
    '"cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}}\n\n'
)
_MESSAGES_BLOCK = (
    "event: content_block_start\n"
    'data: {"type":"content_block_start","index":0,"content_block":%s}\n\n'
)
_MESSAGES_DELTA = (
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":%s}\n\n'
)


def _messages_open() -> str:
    ping = 'event: ping\ndata: {"type": "ping"}\n\n'
    return _MESSAGES_START + _MESSAGES_BLOCK % '{"type":"text","text":""}' + ping


def _messages_close(count: int) -> str:
    return (
        "event: content_block_stop\n"
        'data: {"type":"content_block_stop","index":0}\n\n'
        "event: message_delta\n"
        'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
        '"usage":{"output_tokens":%d}}\n\n'
        "event: message_stop\n"
        'data: {"type":"message_stop"}\n\n' % count
    )


def _messages_tool_open() -> str:
    block = '{"type":"tool_use","id":"toolu_b1","name":"look_up","input":{}}'
    return _MESSAGES_START + _MESSAGES_BLOCK % block


def _messages_answer(text: str) -> str:
    return (
        '{"id":"msg_b","type":"message","role":"assistant","model":"claude-bench","content":'
        '[{"type":"text","text":"%s"}],"stop_reason":"end_turn","stop_sequence":null,'
        '"usage":{"input_tokens":12,"output_tokens":2}}' % text
    )


def _messages_body(model: str, stream: bool, turns: str) -> str:
    return '{"model":"%s","max_tokens":1024,"stream":%s,"messages":[%s]}' % (
        model,
        _flag(stream),
        turns,
    )


# --- Responses ---------------------------------------------------------------

_RESPONSE = (
    '{"id":"resp_0b68bench","object":"response","created_at":1760000000,"status":"%s",'
    '"background":false,"error":null,"incomplete_details":null,"instructions":null,'
    '"max_output_tokens":null,"model":"gpt-bench","output":[%s],"parallel_tool_calls":true,'
    '"previous_response_id":null,"reasoning":{"effort":null,"summary":null},"store":true,'
    '"temperature":1.0,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],'
    '"top_p":1.0,"truncation":"disabled","usage":%s,"metadata":{}}'
)
_USAGE = (
    '{"input_tokens":12,"input_tokens_details":{"cached_tokens":0},"output_tokens":%d,'
    '"output_tokens_details":{"reasoning_tokens":0},"total_tokens":%d}'
)
_MESSAGE_ITEM = '{"id":"msg_b1","type":"message","status":"%s","role":"assistant","content":[%s]}'
_TEXT_PART = '{"type":"output_text","text":"%s","annotations":[],"logprobs":[]}'
_CALL_ITEM = (
    '{"id":"fc_b1","type":"function_call","status":"in_progress","arguments":"",'
    '"call_id":"call_b1","name":"look_up"}'
)


def _named(name: str, fields: str) -> str:
    return 'event: %s\ndata: {"type":"%s",%s}\n\n' % (name, name, fields)


def _responses_start() -> str:
    response = _RESPONSE % ("in_progress", "", "null")
    return _named("response.created", '"sequence_number":0,"response":%s' % response) + _named(
        "response.in_progress", '"sequence_number":1,"response":%s' % response
    )


def _responses_added(item: str) -> str:
    return _named(
        "response.output_item.added", '"sequence_number":2,"output_index":0,"item":%s' % item
    )


def _responses_open() -> str:
    return (
        _responses_start()
        + _responses_added(_MESSAGE_ITEM % ("in_progress", ""))
        + _named(
            "response.content_part.added",
            '"sequence_number":3,"item_id":"msg_b1","output_index":0,"content_index":0,"part":'
            + _TEXT_PART % "",
        )
    )


def _responses_delta(text: str) -> str:
    return _named(
        "response.output_text.delta",
        '"sequence_number":4,"item_id":"msg_b1","output_index":0,"content_index":0,"delta":"%s",'
        '"logprobs":[],"obfuscation":"Vb2qkXz"' % text,
    )


def _responses_close(count: int) -> str:
    # A real one repeats the text in each of these; decoders take it from the deltas.
    item = _MESSAGE_ITEM % ("completed", _TEXT_PART % "")
    response = _RESPONSE % ("completed", item, _USAGE % (count, count + 12))
    return _named(
        "response.output_item.done", '"sequence_number":5,"output_index":0,"item":%s' % item
    ) + _named("response.completed", '"sequence_number":6,"response":%s' % response)


def _responses_tool_delta(piece: str) -> str:
    return _named(
        "response.function_call_arguments.delta",
        '"sequence_number":4,"item_id":"fc_b1","output_index":0,"delta":"%s",'
        '"obfuscation":"Vb2qkXz"' % piece,
    )


def _responses_answer(text: str) -> str:
    item = _MESSAGE_ITEM % ("completed", _TEXT_PART % text)
    return _RESPONSE % ("completed", item, _USAGE % (2, 14))


def _responses_turn(role: str, text: str) -> str:
    part = "output_text" if role == "assistant" else "input_text"
    return '{"type":"message","role":"%s","content":[{"type":"%s","text":"%s"}]}' % (
        role,
        part,
        text,
    )


def _responses_body(model: str, stream: bool, turns: str) -> str:
    return '{"model":"%s","stream":%s,"input":[%s]}' % (model, _flag(stream), turns)


# --- Gemini ------------------------------------------------------------------

_GEMINI = (
    'data: {"candidates": [{"content": {"parts": [%s],"role": "model"},%s"index": 0}],'
    '"usageMetadata": {"promptTokenCount": 12,"candidatesTokenCount": %d,"totalTokenCount": %d,'
    '"promptTokensDetails": [{"modality": "TEXT","tokenCount": 12}]},'
    '"modelVersion": "gemini-bench","responseId": "bEnCh0bEnCh0"}\r\n\r\n'
)


def _gemini_chunk(part: str, finish: str = "", count: int = 1) -> str:
    return _GEMINI % (part, finish, count, count + 12)


def _gemini_delta(text: str) -> str:
    return _gemini_chunk('{"text": "%s"}' % text)


def _gemini_close(count: int) -> str:
    return _gemini_chunk('{"text": ""}', '"finishReason": "STOP",', count)


def _gemini_tool_open() -> str:
    return _gemini_chunk('{"functionCall": {"name": "look_up","id": "b1","willContinue": true}}')


def _gemini_tool_delta(piece: str) -> str:
    return _gemini_chunk(
        '{"functionCall": {"partialArgs": [{"jsonPath": "$.q","stringValue": "%s",'
        '"willContinue": true}],"willContinue": true}}' % piece
    )


def _gemini_answer(text: str) -> str:
    return (
        '{"candidates": [{"content": {"parts": [{"text": "%s"}],"role": "model"},'
        '"finishReason": "STOP","index": 0}],"usageMetadata": {"promptTokenCount": 12,'
        '"candidatesTokenCount": 2,"totalTokenCount": 14},"modelVersion": "gemini-bench",'
        '"responseId": "bEnCh0bEnCh0"}' % text
    )


def _gemini_turn(role: str, text: str) -> str:
    return '{"role":"%s","parts":[{"text":"%s"}]}' % (
        "model" if role == "assistant" else role,
        text,
    )


def _gemini_body(model: str, stream: bool, turns: str) -> str:
    return '{"contents":[%s]}' % turns


WIRES: dict[Format, Wire] = {
    "chat": Wire(
        "/v1/chat/completions",
        _chat_open,
        lambda text: _CHAT % ('{"content":"%s"}' % text, "null"),
        _chat_close,
        _chat_tool_open,
        _chat_tool_delta,
        _chat_answer,
        _plain_turn,
        _chat_body,
    ),
    "messages": Wire(
        "/v1/messages",
        _messages_open,
        lambda text: _MESSAGES_DELTA % ('{"type":"text_delta","text":"%s"}' % text),
        _messages_close,
        _messages_tool_open,
        lambda piece: _MESSAGES_DELTA % ('{"type":"input_json_delta","partial_json":"%s"}' % piece),
        _messages_answer,
        _plain_turn,
        _messages_body,
    ),
    "responses": Wire(
        "/v1/responses",
        _responses_open,
        _responses_delta,
        _responses_close,
        lambda: _responses_start() + _responses_added(_CALL_ITEM),
        _responses_tool_delta,
        _responses_answer,
        _responses_turn,
        _responses_body,
    ),
    "gemini": Wire(
        "/v1beta/models/{model}:streamGenerateContent?alt=sse",
        lambda: _gemini_delta("Words:"),
        _gemini_delta,
        _gemini_close,
        _gemini_tool_open,
        _gemini_tool_delta,
        _gemini_answer,
        _gemini_turn,
        _gemini_body,
    ),
}


def request(
    format: Format, model: str, *, stream: bool, prompt: str = "Hello", turns: int = 1
) -> bytes:
    """A client's request for it: ``turns`` turns by turns, each with ``prompt``."""
    wire = WIRES[format]
    each = [wire.turn("assistant" if at % 2 else "user", prompt) for at in range(turns)]
    return wire.body(model, stream, ",".join(each)).encode()


def path(format: Format, model: str, *, stream: bool) -> str:
    """Where that request goes."""
    if stream or format != "gemini":
        return WIRES[format].path.format(model=model)
    return f"/v1beta/models/{model}:generateContent"


def inbound(
    format: Format, model: str, *, stream: bool, prompt: str = "Hello", turns: int = 1
) -> Inbound:
    """The same as a codec gets it."""
    body = request(format, model, stream=stream, prompt=prompt, turns=turns)
    if format == "gemini":
        return Inbound(body, model=model, stream=stream)
    return Inbound(body)
