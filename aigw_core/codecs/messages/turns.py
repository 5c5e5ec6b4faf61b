"""Turns to ``system`` and ``messages`` of a request.

The vendor's rules that shape this: the first message is the user's; results
of tools come first in the message after the call, all of them; no empty text;
one kind of thinking block that must never be edited; a system message in the
middle only after a user message, where the model takes one at all.

The result for a conversation is a prefix of the result for its continuation
(up to its last assistant turn): what is written for a turn depends on the
turns before it only. Prompt caches and signed thinking need that.

A conversation that came in this format keeps its messages as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from msgspec import Struct

from aigw_core.chat import (
    CacheMark,
    ChatRequest,
    Format,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from aigw_core.codec import Caps
from aigw_core.codecs.messages import wire
from aigw_core.codecs.messages.blocks import (
    ISSUER,
    encode_call,
    encode_citations,
    encode_reasoning,
    own,
)
from aigw_core.codecs.messages.media import UnsendableMedia, encode_media
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger
from aigw_core.naming import ToolNames

Block = dict[str, Any]

_TTL = {"1h": "1h", "12h": "1h"}
_THOUGHTS = ("thinking", "redacted_thinking")
_USER, _ASSISTANT = Role.USER, Role.ASSISTANT
# Looking up a member of an enumeration takes CPython 3.11 50 ns.


class Message(Struct):
    """One message on its way; a Struct is written faster than a dict."""

    role: str
    content: str | list[Block]
    """A string: one text and nothing beside, as people write it and most are."""

    def blocks(self) -> list[Block]:
        """Its content as a list that may be added to."""
        if isinstance(self.content, str):
            self.content = [_text_block(self.content)]
        return self.content

    def simplify(self) -> None:
        """Make one plain block a string."""
        content = self.content
        if len(content) == 1 and not isinstance(content, str) and is_plain(content[0]):
            self.content = content[0]["text"]


class EncodedTurns(Struct):
    system: list[Block]
    messages: list[Message]
    prefill: bool
    """The last message is the assistant's, to be continued."""
    lost_thinking: bool
    """The assistant turn of the running tool loop has no thinking block any more."""

    @property
    def of_blocks(self) -> list[Message]:
        """The messages that are more than a string."""
        return [message for message in self.messages if type(message.content) is not str]

    @property
    def thought(self) -> bool:
        """A thinking block is among the messages."""
        return any(
            block["type"] in _THOUGHTS
            for message in self.of_blocks
            if message.role == "assistant"
            for block in message.blocks()
        )


def encode_cache(mark: CacheMark) -> dict[str, str]:
    ttl = _TTL.get(mark.ttl)
    return {"type": "ephemeral"} if ttl is None else {"type": "ephemeral", "ttl": ttl}


class _User(Struct):
    """One user turn on its way: results go to the front of the whole run."""

    results: list[Block]
    blocks: list[Block]


class _System(Struct):
    blocks: list[Block]


class TurnEncoder:
    """Encodes the turns of one request."""

    def __init__(
        self,
        request: ChatRequest,
        caps: Caps,
        ledger: Ledger,
        names: ToolNames,
        call_id: Callable[[str], str],
        version: str,
    ) -> None:
        self._request = request
        self._native = request.format is Format.MESSAGES
        self._caps = caps
        self._ledger = ledger
        self._names = names
        self._call_id = call_id
        self._version = version
        media = caps.tool_result_media
        self._result_media = ("image", "document") if media is None else media
        self._system: list[Block] = []
        self._messages: list[Message] = []
        self._run: list[str | _User | _System] = []  # a string: a user's turn of one text
        self._attached = 0  # media moved out of results of the running step
        self._gap = False  # a thinking block is missing: later ones are void
        self._lost = False  # a thinking block was left out

    def encode(self) -> EncodedTurns:
        """
        Raises:
            InvalidRequest: something that must not be approximated.
        """
        turns = self._request.turns
        start = 0
        while start < len(turns) and self._leads(turns[start]):
            self._system += self._system_blocks(turns[start])
            start += 1
        write = self._keep if self._native else self._lay_out
        for turn, text in zip(turns[start:], self._request.texts[start:], strict=True):
            write(turn, "" if text.isspace() else text)
        self._flush()
        if not self._messages:
            raise InvalidRequest("the conversation has no user turn", pointer=_place(turns))
        prefill = self._messages[-1].role == "assistant"
        if not self._native:
            self._check_ends(turns[start:], prefill=prefill)
        return EncodedTurns(self._system, self._messages, prefill, self._lost_in_loop())

    def _leads(self, turn: Turn) -> bool:
        if turn.role is not Role.SYSTEM:
            return False
        return not (self._native and turn.pointer.startswith("/messages/"))

    def _check_ends(self, turns: tuple[Turn, ...], *, prefill: bool) -> None:
        if self._messages[0].role != "user":
            first = next(turn for turn in turns if turn.role is Role.ASSISTANT)
            raise InvalidRequest(
                "this upstream needs a conversation that starts with the user",
                pointer=first.pointer,
            )
        if not prefill:
            return
        if not self._caps.prefill:
            raise InvalidRequest(
                "this upstream does not continue an assistant turn", pointer=turns[-1].pointer
            )
        last = self._messages[-1].blocks()[-1]
        if last["type"] == "text":
            last["text"] = last["text"].rstrip()  # white space at the end is refused

    def _lost_in_loop(self) -> bool:
        if self._native and not self._lost:
            return False
        spoken = (message for message in reversed(self._messages) if message.role != "system")
        last = list(islice(spoken, 2))
        if len(last) < 2 or last[0].role != "user" or isinstance(last[0].content, str):
            return False
        if not any(block["type"] == "tool_result" for block in last[0].content):
            return False
        asked = last[1].blocks()
        return bool(asked) and asked[0]["type"] not in _THOUGHTS

    # --- turns -------------------------------------------------------------------

    def _lay_out(self, turn: Turn, text: str) -> None:
        """A turn of another format; ``text`` is all of it, unless empty."""
        if turn.role is _ASSISTANT:
            self._attached = 0
            if text:
                self._flush()
                self._add("assistant", text)
            else:
                self._assistant(turn)
        elif turn.role is _USER:
            self._run.append(text or self._user(turn))
        else:
            self._run.append(_System(self._system_blocks(turn)))

    def _keep(self, turn: Turn, text: str) -> None:
        """A turn of this format: its own message, in its place. ``text`` is all of it,
        unless empty."""
        blocks = text or self._blocks(turn)
        if not blocks and turn.role is Role.USER:
            raise InvalidRequest("this upstream takes no empty user turn", pointer=turn.pointer)
        if not blocks and turn.parts:
            self._ledger.dropped("empty_turn", turn.pointer, reported=False)
            return
        self._messages.append(Message(turn.role.value, blocks))

    def _assistant(self, turn: Turn) -> None:
        blocks = self._blocks(turn)
        if not blocks:
            self._ledger.dropped("empty_turn", turn.pointer, reported=False)
            return
        self._flush()
        self._add("assistant", blocks)

    def _user(self, turn: Turn) -> _User:
        blocks = self._blocks(turn)
        if not blocks:
            raise InvalidRequest("this upstream takes no empty user turn", pointer=turn.pointer)
        results = [block for block in blocks if block["type"] == "tool_result"]
        return _User(results, [block for block in blocks if block["type"] != "tool_result"])

    def _system_blocks(self, turn: Turn) -> list[Block]:
        for part in turn.parts:
            if not isinstance(part, Text | Refusal | Opaque):
                raise InvalidRequest(
                    "this upstream takes only text in system turns", pointer=turn.pointer
                )
        return self._blocks(turn)

    def _flush(self) -> None:
        """Write the user and system turns since the last assistant turn."""
        items, self._run = self._run, []
        if not items:
            return
        if len(items) == 1 and isinstance(items[0], str):
            self._add("user", items[0])
            return
        run = [_User([], [_text_block(it)]) if isinstance(it, str) else it for it in items]
        users = [item for item in run if isinstance(item, _User)]
        if users:
            # A system turn right after an assistant turn goes behind the user's next.
            first = run.index(users[0])
            run = [users[0], *run[:first], *run[first + 1 :]]
            results = [block for user in users for block in user.results]
            users[0].blocks = results + users[0].blocks
        mid_system = self._caps.mid_system and bool(users)
        for item in run:
            if isinstance(item, _User):
                self._add("user", item.blocks)
            elif mid_system:
                self._add("system", item.blocks)
            else:
                self._add("user", [_tagged(block) for block in item.blocks])

    def _add(self, role: str, content: str | list[Block]) -> None:
        if not content:
            return
        if self._messages and self._messages[-1].role == role:
            more = [_text_block(content)] if isinstance(content, str) else content
            self._messages[-1].blocks().extend(more)
        else:
            self._messages.append(Message(role, content))

    # --- parts -------------------------------------------------------------------

    def _blocks(self, turn: Turn) -> list[Block]:
        blocks: list[Block] = []
        behind: list[Block] = []
        if turn.name is not None:
            self._ledger.dropped("name_unsupported", turn.pointer)
        if turn.phase is not None:
            self._ledger.dropped("phase_unsupported", turn.pointer, reported=False)
        for part in turn.parts:
            block = self._block(part, turn, behind)
            mark: CacheMark | None = getattr(part, "cache", None)
            if block is None:
                # The mark of a part that is left out goes to the one before it.
                if mark is not None and blocks and blocks[-1]["type"] not in _THOUGHTS:
                    blocks[-1].setdefault("cache_control", encode_cache(mark))
                continue
            if mark is not None and "cache_control" not in block:
                block["cache_control"] = encode_cache(mark)
            blocks.append(block)
        return blocks + behind

    def _block(self, part: Part, turn: Turn, behind: list[Block]) -> Block | None:
        if isinstance(part, Text):
            return self._text(part, turn)
        if isinstance(part, ToolCall):
            return self._call(part, turn)
        if isinstance(part, ToolResult):
            return self._result(part, turn, behind)
        if isinstance(part, Reasoning):
            return self._reasoning(part, turn)
        if isinstance(part, Refusal):
            return {"type": "text", "text": part.text} if part.text.strip() else None
        if isinstance(part, Media):
            return self._media(part, turn)
        return self._opaque(part, turn)

    def _text(self, part: Text, turn: Turn) -> Block | None:
        left = own(part.native)
        if "type" in left:
            return dict(left)  # a block that only reads as text
        if not part.text.strip():
            return None
        block: Block = {"type": "text", "text": part.text}
        if part.citations:
            citations = encode_citations(part.citations)
            if turn.role is not Role.ASSISTANT and self._version >= wire.VERSION_2026:
                self._ledger.dropped("citations_dropped", turn.pointer)
            elif citations:
                block["citations"] = citations
            if len(citations) < len(part.citations):
                self._ledger.dropped("citations_dropped", turn.pointer, reported=False)
        block.update(left)
        return block

    def _call(self, part: ToolCall, turn: Turn) -> Block | None:
        if part.server:
            if not own(part.native):
                self._ledger.dropped("server_tool_call", turn.pointer, detail=part.name[:64])
                return None
            return encode_call(part, part.name, part.id)[0]
        name, call_id = self._names.to_target(part.name), self._call_id(part.id)
        block, legal = encode_call(part, name, call_id)
        if not legal:
            self._ledger.approximated("arguments_wrapped", turn.pointer)
        return block

    def _result(self, part: ToolResult, turn: Turn, behind: list[Block]) -> Block | None:
        if part.server:
            self._ledger.dropped("server_tool_result", turn.pointer)
            return None
        block: Block = {"type": "tool_result", "tool_use_id": self._call_id(part.call_id)}
        content = self._result_content(part, turn, behind)
        if len(content) == 1 and is_plain(content[0]):
            block["content"] = content[0]["text"]
        elif content:
            block["content"] = content  # an empty list is refused, an absent one is not
        if part.is_error:
            block["is_error"] = True
        block.update(own(part.native))
        return block

    def _result_content(self, part: ToolResult, turn: Turn, behind: list[Block]) -> list[Block]:
        only = part.content[0] if len(part.content) == 1 else None
        if isinstance(only, Text) and only.text and only.cache is None and not own(only.native):
            # White space may be all that a tool said; a string may be just that.
            return [{"type": "text", "text": only.text}]
        content: list[Block] = []
        for piece in part.content:
            inner = self._block(piece, turn, behind)
            mark = piece.cache if isinstance(piece, Text | Media) else None
            if inner is None:
                continue
            if mark is not None and "cache_control" not in inner:
                inner["cache_control"] = encode_cache(mark)
            if isinstance(piece, Media) and piece.kind.value not in self._result_media:
                self._attached += 1
                behind.append(inner)
                note = f"[{piece.kind.value} {self._attached} attached below]"
                inner = {"type": "text", "text": note}
                self._ledger.approximated("tool_result_media_moved", turn.pointer)
            content.append(inner)
        return content

    def _reasoning(self, part: Reasoning, turn: Turn) -> Block | None:
        seal = part.seal
        if seal is not None and seal.issuer == ISSUER and not self._gap:
            return encode_reasoning(part)
        self._lost = True
        if seal is None and not self._caps.block_binding:
            # Perhaps one of this vendor's thoughts whose proof got lost. The
            # vendor checks later ones against the prefix they were made with.
            self._gap = True
        self._ledger.dropped("reasoning_dropped", turn.pointer, reported=False)
        return None

    def _media(self, part: Media, turn: Turn) -> Block | None:
        if turn.role is Role.ASSISTANT and not (self._native and self._version < wire.VERSION_2026):
            self._ledger.dropped("assistant_media", turn.pointer, detail=part.kind.value)
            return None
        if part.detail not in (None, "auto"):
            self._ledger.dropped("image_detail", turn.pointer, reported=False)
        try:
            return encode_media(part, exact=self._native)
        except UnsendableMedia as exc:
            raise InvalidRequest(str(exc), pointer=turn.pointer) from None

    def _opaque(self, part: Opaque, turn: Turn) -> Block | None:
        if part.native.format is Format.MESSAGES:
            return dict(own(part.native))
        self._ledger.dropped("item_unsupported", turn.pointer, detail=part.label[:64])
        return None


def _tagged(block: Block) -> Block:
    if "text" not in block:
        return block
    return {**block, "text": f"<system>{block['text']}</system>"}


def _place(turns: tuple[Turn, ...]) -> str:
    return turns[-1].pointer if turns else ""


def _text_block(text: str) -> Block:
    return {"type": "text", "text": text}


def is_plain(block: Block) -> bool:
    """Whether it is a text and nothing beside: a type and the text."""
    return len(block) == 2 and "text" in block
