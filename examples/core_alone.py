"""The core alone: bytes in, bytes out. No loop, no network, no clock.

Translates an Anthropic stream for a client that speaks Chat Completions, cutting the
input in awkward places on purpose.
"""

from __future__ import annotations

from aigw_core.chat import Format
from aigw_core.codec import AnswerContext, EncodedRequest
from aigw_core.codecs import CODECS
from aigw_core.translate import Transcoder

UPSTREAM = (
    b"event: message_start\n"
    b'data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"claude-demo","content":[],"stop_reason":null,"stop_sequence":null,'
    b'"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
    b"event: content_block_start\n"
    b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}\n\n'
    b"event: content_block_stop\n"
    b'data: {"type":"content_block_stop","index":0}\n\n'
    b"event: message_delta\n"
    b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":2}}\n\n'
    b"event: message_stop\n"
    b'data: {"type":"message_stop"}\n\n'
)


def main() -> bytes:
    context = AnswerContext(model="my-model", id="42", created=1_760_000_000)
    machine = Transcoder(
        CODECS[Format.MESSAGES], CODECS[Format.CHAT], context, EncodedRequest(b"", "")
    )
    out = b"".join(machine.feed(UPSTREAM[at : at + 7]) for at in range(0, len(UPSTREAM), 7))
    out += machine.eof()
    # An upstream that breaks off is a failure, never a clean end.
    if machine.failure is not None:
        out += machine.fail(machine.failure)
    return out


if __name__ == "__main__":
    print(main().decode())
