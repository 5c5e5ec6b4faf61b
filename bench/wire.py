"""Upstream answers as vendors send them, made of numbered words.

Each delta's text is `` w<number>-<payload>``, so that a client can tell a lost,
doubled or reordered delta from a good one.
"""

from __future__ import annotations

from collections.abc import Callable

Format = str

_CHAT = (
    'data: {"id":"chatcmpl-Bq3v9wXJt0s","object":"chat.completion.chunk","created":1760000000,'
    '"model":"gpt-bench","service_tier":"default","system_fingerprint":"fp_7c1e","choices":'
    '[{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}],"usage":null,'
    '"obfuscation":"Vb2qkXz"}\n\n'
)
_MESSAGES_DELTA = (
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":%s}\n\n'
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


def _messages_open() -> str:
    return (
        "event: message_start\n"
        'data: {"type":"message_start","message":{"id":"msg_01BenchBenchBench","type":"message",'
        '"role":"assistant","model":"claude-bench","content":[],"stop_reason":null,'
        '"stop_sequence":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":0,'
        '"cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}}\n\n'
        "event: content_block_start\n"
        'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'
        '\n\nevent: ping\ndata: {"type": "ping"}\n\n'
    )


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


OPEN: dict[Format, Callable[[], str]] = {"chat": _chat_open, "messages": _messages_open}
CLOSE: dict[Format, Callable[[int], str]] = {"chat": _chat_close, "messages": _messages_close}


def delta(format: Format, text: str) -> str:
    """One text delta; ``text`` needs no escaping."""
    if format == "chat":
        return _CHAT % ('{"content":"%s"}' % text, "null")
    return _MESSAGES_DELTA % ('{"type":"text_delta","text":"%s"}' % text)


def tool_open(format: Format) -> str:
    if format == "chat":
        call = '{"tool_calls":[{"index":0,"id":"call_b1","type":"function","function":{"name":"look_up","arguments":""}}]}'
        return _CHAT % (call, "null")
    return (
        "event: content_block_start\n"
        'data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use",'
        '"id":"toolu_b1","name":"look_up","input":{}}}\n\n'
    )


def tool_delta(format: Format, piece: str) -> str:
    """One delta of tool arguments; ``piece`` is JSON-escaped already."""
    if format == "chat":
        call = '{"tool_calls":[{"index":0,"function":{"arguments":"%s"}}]}' % piece
        return _CHAT % (call, "null")
    return _MESSAGES_DELTA % ('{"type":"input_json_delta","partial_json":"%s"}' % piece)


def answer(format: Format, text: str) -> str:
    """A whole answer."""
    if format == "chat":
        return (
            '{"id":"chatcmpl-b","object":"chat.completion","created":1760000000,"model":"gpt-bench",'
            '"choices":[{"index":0,"message":{"role":"assistant","content":"%s","refusal":null},'
            '"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":12,'
            '"completion_tokens":2,"total_tokens":14}}' % text
        )
    return (
        '{"id":"msg_b","type":"message","role":"assistant","model":"claude-bench","content":'
        '[{"type":"text","text":"%s"}],"stop_reason":"end_turn","stop_sequence":null,'
        '"usage":{"input_tokens":12,"output_tokens":2}}' % text
    )


def request(format: Format, model: str, *, stream: bool, prompt: str = "Hello") -> bytes:
    """A client's request for it."""
    flag = "true" if stream else "false"
    limit = '"max_tokens":1024,' if format == "messages" else ""
    return (
        '{"model":"%s",%s"stream":%s,"messages":[{"role":"user","content":"%s"}]}'
        % (model, limit, flag, prompt)
    ).encode()


PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}
