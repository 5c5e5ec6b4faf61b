"""Takes envelopes out of a request that is relayed.

A conversation that another vendor answered for a while has envelopes where this
vendor's signatures belong, and this vendor refuses them. The blocks that carry
them go, whole; every other byte stays.

The vendor binds thinking to what came before it. Since the same blocks go on every
turn, what it signed afterwards still stands on the prefix that it was made with.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from aigw_core.codec import Caps
from aigw_core.jsonspans import Edits, Span, elements, members, whole
from aigw_core.seals import is_envelope, may_hold_envelope


class _Block(Struct):
    type: str = ""
    signature: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Thinking(Struct):
    type: str = ""


class _Signed(Struct):
    type: str = ""
    thinking: str = ""
    signature: str = ""


_decode_block = msgspec.json.Decoder(_Block).decode
_decode_thinking = msgspec.json.Decoder(_Thinking).decode
_decode_signed = msgspec.json.Decoder(_Signed).decode
_decode_string = msgspec.json.Decoder(str).decode

_THOUGHTS = ("thinking", "redacted_thinking")


def strip_envelopes(body: bytes, caps: Caps) -> tuple[bytes, tuple[str, ...]]:
    """The body without blocks that carry envelopes, and where those were.

    A message that was nothing but such blocks goes, too. With thinking by budget,
    the vendor refuses a running tool loop whose turn has lost its thinking; then
    thinking is switched off for this request.
    """
    return _drop_blocks(body, _carries)


def drop_thoughts(
    body: bytes, is_lost: Callable[[str, str], bool]
) -> tuple[bytes, tuple[str, ...]]:
    """The same for thinking of which ``is_lost(signature, text)`` says so."""

    def carries(piece: bytes) -> bool:
        try:
            block = _decode_signed(piece)
        except msgspec.ValidationError:
            return False
        return block.type == "thinking" and is_lost(block.signature, block.thinking)

    return _drop_blocks(body, carries)


def _drop_blocks(body: bytes, carries: Callable[[bytes], bool]) -> tuple[bytes, tuple[str, ...]]:
    edits = Edits(body)
    pointers: list[str] = []
    fields = members(body, whole(body))
    messages = elements(body, fields["messages"])
    gone: set[int] = set()
    lost: set[int] = set()
    for number, message in enumerate(messages):
        if b"hinking" not in body[message.start : message.end]:
            continue  # the fast way out; no client escapes letters of a type
        content = members(body, message).get("content")
        blocks = [] if content is None else elements(body, content)
        carriers = [
            index for index, block in enumerate(blocks) if carries(body[block.start : block.end])
        ]
        pointers += [f"/messages/{number}/content/{index}" for index in carriers]
        if not carriers:
            continue
        left = [block for index, block in enumerate(blocks) if index not in carriers]
        if not left:
            gone.add(number)
            continue
        edits.remove(blocks, carriers)
        if _type(body, left[0]) not in _THOUGHTS:
            lost.add(number)
    if gone:
        edits.remove(messages, gone)
    thinking = fields.get("thinking")
    broken = len(messages) - 2 in lost and _runs_loop(body, messages[-1])
    if broken and thinking is not None and _is_manual(body, thinking):
        edits.set(thinking, b'{"type":"disabled"}')
        pointers.append("/thinking")
    return edits.apply(), tuple(pointers)


def _carries(piece: bytes) -> bool:
    if not may_hold_envelope(piece):
        return False
    try:
        block = _decode_block(piece)
    except msgspec.ValidationError:
        return False
    if block.type == "thinking":
        return is_envelope(block.signature or "")
    data = bytes(block.data)
    return (
        block.type == "redacted_thinking"
        and data.startswith(b'"')
        and is_envelope(_decode_string(data))
    )


def _type(body: bytes, span: Span) -> str:
    try:
        return _decode_thinking(body[span.start : span.end]).type
    except msgspec.ValidationError:
        return ""


def _runs_loop(body: bytes, message: Span) -> bool:
    content = members(body, message).get("content")
    blocks = [] if content is None else elements(body, content)
    return any(_type(body, block) == "tool_result" for block in blocks)


def _is_manual(body: bytes, thinking: Span) -> bool:
    try:
        return _decode_thinking(body[thinking.value : thinking.end]).type == "enabled"
    except msgspec.ValidationError:
        return False
