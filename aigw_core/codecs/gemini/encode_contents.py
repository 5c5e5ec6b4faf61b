"""The turns of a canonical conversation as Gemini ``contents``.

A request of this format goes back as it came, one content for each turn. Any
other is laid out as the vendor wants it: roles alternate, the results of a step
stand together before everything else, and each names its function.

Every entry is a pure function of the turns up to it, so that a longer
conversation begins with the same contents: prompt caches and thought signatures
depend on that.

Source: Gemini API documentation, "Function calling" and "Thought signatures".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

import msgspec
from msgspec import Raw, Struct

from aigw_core.chat import (
    ChatRequest,
    Format,
    Media,
    MediaKind,
    Native,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Role,
    Seal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from aigw_core.codec import Caps
from aigw_core.codecs.gemini.calls import (
    DUMMY_SIGNATURE,
    arguments_object,
    freeform_arguments,
    wrapped_arguments,
)
from aigw_core.codecs.gemini.media import encode_media
from aigw_core.errors import InvalidRequest
from aigw_core.ledger import Ledger
from aigw_core.naming import ToolNames

_FIELDS = msgspec.json.Decoder(dict[str, Raw]).decode


_SPEAKERS = {Role.USER: "user", Role.ASSISTANT: "model"}


class _TextPart(Struct, gc=False):
    text: str


WirePart = dict[str, Any] | Raw | _TextPart


class _Plain(Struct, gc=False):
    """A turn of one text that stands alone in its content, as it is written; Structs cost
    two thirds of what dicts do."""

    role: str
    parts: tuple[_TextPart]


class _Block(Struct):
    """Turns of one role in a row: one content."""

    role: str
    results: list[tuple[str, WirePart]] = []
    """By call."""
    attached: list[WirePart] = []
    """Media out of the results."""
    parts: list[WirePart] = []
    calls: list[str] = []
    pointer: str = ""
    """Of the first turn with calls."""

    def all_parts(self, order: list[str]) -> list[WirePart]:
        """Its parts, the results first, in the ``order`` of their calls."""
        if not self.results and not self.attached:
            return self.parts
        place = {identifier: number for number, identifier in enumerate(order)}
        results = sorted(self.results, key=lambda item: place.get(item[0], len(place)))
        return [part for _, part in results] + self.attached + self.parts


class ContentsEncoder:
    """Lays out the turns of one request. ``names`` gives the functions' names."""

    def __init__(self, request: ChatRequest, caps: Caps, ledger: Ledger, names: ToolNames) -> None:
        self._turns = request.turns
        self._texts = request.texts
        self._same = request.format is Format.GEMINI
        self._caps = caps
        self._ledger = ledger
        self._names = names
        self._functions = {
            part.id: part.name
            for turn in request.unusual
            for part in turn.parts
            if isinstance(part, ToolCall) and not part.server
        }

    def system(self) -> list[WirePart]:
        """The parts of the system instruction: what stands before the first turn."""
        parts: list[WirePart] = []
        for turn in self._leading():
            for part in turn.parts:
                if not isinstance(part, Text):
                    raise InvalidRequest(
                        "a system instruction holds text only here", pointer=turn.pointer
                    )
                if part.text or self._same:
                    self._note_cache(part.cache, turn)
                    parts.append(self._text(part))
        return parts

    def _leading(self) -> tuple[Turn, ...]:
        for number, turn in enumerate(self._turns):
            if turn.role is not Role.SYSTEM:
                return self._turns[:number]
        return self._turns

    def contents(self) -> list[dict[str, Any] | _Plain]:
        """Raises ``InvalidRequest`` for what the vendor refuses: no user turn first, a
        turn with nothing in it, a call without a result."""
        leading = len(self._leading())
        turns = self._turns[leading:]
        if self._same:
            return [self._as_it_came(turn) for turn in turns]
        if not turns:
            pointer = self._turns[0].pointer if self._turns else ""
            raise InvalidRequest("the conversation needs a user turn", pointer=pointer)
        if turns[0].role is Role.ASSISTANT:
            raise InvalidRequest(
                "the conversation must begin with a user turn for this model",
                pointer=turns[0].pointer,
            )
        blocks: list[_Block | _Plain] = []
        role = ""
        for turn, text in zip(turns, self._texts[leading:], strict=True):
            before, role = role, _SPEAKERS.get(turn.role, "")
            if not text or not role:
                self._place(turn, blocks)
                role = blocks[-1].role if blocks else ""
            elif role != before:
                blocks.append(_Plain(role, (_TextPart(text),)))
            else:
                self._block(role, blocks).parts.append(_TextPart(text))
        return list(self._written(blocks))

    def _written(self, blocks: list[_Block | _Plain]) -> Iterator[dict[str, Any] | _Plain]:
        calls: list[str] = []
        for block, following in zip_longest(blocks, blocks[1:]):
            if isinstance(block, _Plain):
                yield block
                calls = []
                continue
            if block.calls:
                self._check_answered(block, following)
            yield {"role": block.role, "parts": block.all_parts(calls)}
            calls = block.calls

    def _check_answered(self, block: _Block, following: _Block | _Plain | None) -> None:
        results = following.results if isinstance(following, _Block) else []
        answered = {identifier for identifier, _ in results}
        for identifier in block.calls:
            if identifier not in answered:
                raise InvalidRequest(
                    f"the tool call {identifier!r} has no result", pointer=block.pointer
                )

    # -- the same format ------------------------------------------------------

    def _as_it_came(self, turn: Turn) -> dict[str, Any]:
        parts: list[WirePart] = []
        calls = 0
        for part in turn.parts:
            if isinstance(part, ToolCall):
                encoded = self._call(part, turn)
                if not calls and _is_foreign(part.seal):
                    # An earlier turn was another vendor's; its proof is of no use here.
                    encoded["thoughtSignature"] = DUMMY_SIGNATURE
                calls += 1
                parts.append(encoded)
            elif isinstance(part, ToolResult):
                parts.append(self._result_as_it_came(part))
            elif isinstance(part, Text | Reasoning) and _is_foreign(part.seal):
                if isinstance(part, Text) and part.text:
                    parts.append(self._text(part))
                else:
                    self._ledger.dropped("reasoning_not_replayed", turn.pointer, reported=False)
            elif isinstance(part, Reasoning):
                thought = {"text": part.text, "thought": True}
                parts.append(self._beside(self._sealed(thought, part.seal), part.native))
            elif isinstance(part, Text):
                parts.append(self._text(part))
            elif isinstance(part, Media):
                parts.append(self._media(part, turn))
            elif isinstance(part, Opaque):
                parts.append(Raw(part.native.raw))
        role = "model" if turn.role is Role.ASSISTANT else "user"
        return {"role": role, "parts": parts}

    def _result_as_it_came(self, result: ToolResult) -> dict[str, Any]:
        function: dict[str, Any] = {
            "id": result.call_id,
            "name": result.name or self._functions.get(result.call_id, ""),
        }
        if result.native is None:
            text = "\n".join(item.text for item in result.content if isinstance(item, Text))
            function["response"] = _response(text, is_error=result.is_error)
        return self._beside({"functionResponse": function}, result.native)

    def _beside(self, part: dict[str, Any], native: Native | None) -> dict[str, Any]:
        """``part`` with what this format had beside the fields that have a meaning."""
        if native is None or native.format is not Format.GEMINI:
            return part
        for name, raw in _FIELDS(native.raw).items():
            if name in part and isinstance(part[name], dict):
                part[name] |= _FIELDS(raw)
            else:
                part[name] = raw
        return part

    def _text(self, part: Text) -> dict[str, Any]:
        return self._beside(self._sealed({"text": part.text}, part.seal), part.native)

    @staticmethod
    def _sealed(part: dict[str, Any], seal: Seal | None) -> dict[str, Any]:
        if seal is not None and seal.issuer == "gemini":
            part["thoughtSignature"] = seal.data
        return part

    # -- other formats --------------------------------------------------------

    @staticmethod
    def _block(role: str, blocks: list[_Block | _Plain]) -> _Block:
        """Where the parts of a turn go: the last block, or a new one."""
        last = blocks[-1] if blocks and blocks[-1].role == role else None
        if isinstance(last, _Block):
            return last
        if last is None:
            block = _Block(role)
            blocks.append(block)
        else:  # it stands alone no more
            block = blocks[-1] = _Block(role, parts=[*last.parts])
        return block

    def _place(self, turn: Turn, blocks: list[_Block | _Plain]) -> None:
        known = len(blocks)
        block = self._block("model" if turn.role is Role.ASSISTANT else "user", blocks)
        if turn.name is not None:
            self._ledger.dropped("participant_name_unsupported", turn.pointer)
        if turn.phase is not None:
            self._ledger.dropped("phase_unsupported", turn.pointer, reported=False)
        before = len(block.parts) + len(block.results)
        if turn.role is Role.SYSTEM:
            self._late_system(turn, block)
        elif turn.role is Role.ASSISTANT:
            self._assistant(turn, block)
        else:
            for part in turn.parts:
                self._user_part(part, turn, block)
        if len(block.parts) + len(block.results) == before:
            if turn.role is Role.USER:
                raise InvalidRequest("the turn has no content", pointer=turn.pointer)
            del blocks[known:]

    def _late_system(self, turn: Turn, block: _Block) -> None:
        # Moving it to the front would change what it says and break the prefix.
        text = "\n\n".join(part.text for part in turn.parts if isinstance(part, Text))
        if text:
            block.parts.append({"text": f"<system>\n{text}\n</system>"})
            self._ledger.approximated("late_system_as_user_text", turn.pointer, reported=False)
        for part in turn.parts:
            if isinstance(part, Text):
                self._note_cache(part.cache, turn)
            else:
                self._drop_foreign(part, turn)

    def _assistant(self, turn: Turn, block: _Block) -> None:
        for part in turn.parts:
            encoded = self._assistant_part(part, turn, block)
            if encoded is not None:
                block.parts.append(encoded)

    def _assistant_part(self, part: Part, turn: Turn, block: _Block) -> WirePart | None:
        if isinstance(part, Reasoning):
            encoded = self._sealed({"text": part.text, "thought": True}, part.seal)
            if "thoughtSignature" in encoded:
                return encoded
            self._ledger.dropped("reasoning_not_replayed", turn.pointer, reported=False)
            return None
        if isinstance(part, Text | Refusal):
            encoded = self._sealed(
                {"text": part.text}, part.seal if isinstance(part, Text) else None
            )
            if isinstance(part, Text):
                self._note_cache(part.cache, turn)
                if part.citations:
                    self._ledger.dropped("citations_not_replayed", turn.pointer, reported=False)
            return encoded if part.text or "thoughtSignature" in encoded else None
        if isinstance(part, ToolCall):
            if part.server:
                self._ledger.dropped("hosted_tool_call_unsupported", turn.pointer)
                return None
            self._note_cache(part.cache, turn)
            call = self._call(part, turn)
            if not block.calls and "thoughtSignature" not in call and self._caps.thinking != "none":
                call["thoughtSignature"] = DUMMY_SIGNATURE
            block.pointer = block.pointer or turn.pointer
            block.calls.append(part.id)
            return call
        if isinstance(part, Media):
            return self._media(part, turn)
        self._drop_foreign(part, turn)
        return None

    def _user_part(self, part: Part, turn: Turn, block: _Block) -> None:
        if isinstance(part, ToolResult):
            self._result(part, turn, block)
        elif isinstance(part, Text):
            self._note_cache(part.cache, turn)
            if part.text:
                block.parts.append({"text": part.text})
        elif isinstance(part, Media):
            block.parts.append(self._media(part, turn))
        else:
            self._drop_foreign(part, turn)

    def _drop_foreign(self, part: Part, turn: Turn) -> None:
        label = part.label if isinstance(part, Opaque) else type(part).__name__
        self._ledger.dropped("foreign_item_unsupported", turn.pointer, detail=label)

    def _note_cache(self, mark: object, turn: Turn) -> None:
        if mark is not None:
            self._ledger.dropped("cache_mark_unsupported", turn.pointer, reported=False)

    # -- parts ----------------------------------------------------------------

    def _call(self, call: ToolCall, turn: Turn) -> dict[str, Any]:
        if call.freeform:
            args: bytes | None = freeform_arguments(call.arguments)
        else:
            args = arguments_object(call.arguments)
        if args is None:
            args = wrapped_arguments(call.arguments)
            self._ledger.approximated("arguments_not_an_object", turn.pointer)
        name = call.name if self._same else self._names.to_target(call.name)
        function = {"id": call.id, "name": name, "args": Raw(args)}
        return self._beside(self._sealed({"functionCall": function}, call.seal), call.native)

    def _media(self, media: Media, turn: Turn) -> dict[str, Any]:
        encoded = encode_media(media, guess=not self._same)
        if encoded is None:
            raise InvalidRequest(
                "a file stored at another vendor cannot be used with this model",
                pointer=turn.pointer,
            )
        if not self._same:
            self._note_cache(media.cache, turn)
            if media.name is not None:
                self._ledger.dropped("file_name_unsupported", turn.pointer, reported=False)
            if media.context is not None:
                self._ledger.dropped("document_context_unsupported", turn.pointer)
            if media.cite:
                self._ledger.dropped("document_citations_unsupported", turn.pointer)
        return encoded

    def _result(self, result: ToolResult, turn: Turn, block: _Block) -> None:
        if result.server:
            self._ledger.dropped("hosted_tool_result_unsupported", turn.pointer)
            return
        self._note_cache(result.cache, turn)
        name = self._functions.get(result.call_id)
        if name is None:
            raise InvalidRequest(
                f"no tool call before this has the id {result.call_id!r}", pointer=turn.pointer
            )
        texts: list[str] = []
        parts: list[WirePart] = []
        for item in result.content:
            if isinstance(item, Text):
                texts.append(item.text)
            elif isinstance(item, Media):
                encoded = self._media(item, turn)
                if item.kind in (self._caps.tool_result_media or ()):
                    parts.append(encoded)
                else:
                    block.attached.append(encoded)
                    texts.append(f"[{item.kind} {len(block.attached)} attached below]")
                    self._ledger.approximated("tool_result_media_moved", turn.pointer)
            else:
                self._drop_foreign(item, turn)
        response = _response("\n".join(texts), is_error=result.is_error)
        function: dict[str, Any] = {
            "id": result.call_id,
            "name": self._names.to_target(name),
            "response": response,
        }
        if parts:
            function["parts"] = parts
        block.results.append((result.call_id, {"functionResponse": function}))


def _is_foreign(seal: Seal | None) -> bool:
    return seal is not None and seal.issuer != "gemini"


def _response(text: str, *, is_error: bool) -> dict[str, Any] | Raw:
    """What a tool said, as the object that the wire wants."""
    if is_error:
        return {"error": text}
    if text.lstrip()[:1] == "{":
        whole = arguments_object(text)
        # An object of that one key would be read as a failure.
        if whole is not None and _FIELDS(whole).keys() != {"error"}:
            return Raw(whole)
    return {"output": text}


def media_detail(turns: Iterable[Turn]) -> tuple[str | None, bool]:
    """How closely pictures are to be looked at, over all of them: ``low``, ``high`` or
    ``None``, and whether that is what each asked for. The wire has one setting for
    the whole request."""
    details = {
        "high" if part.detail == "original" else part.detail or "auto"
        for turn in turns
        for part in turn.parts
        if isinstance(part, Media) and part.kind is MediaKind.IMAGE
    }
    exact = len(details) < 2
    if "high" in details:
        return "high", exact
    return ("low" if details == {"low"} else None), exact
