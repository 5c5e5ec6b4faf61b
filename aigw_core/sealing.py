"""Puts the seals of an answer into envelopes, where the client's format is not
the upstream's.

It stands between decoder and encoder, behind whatever gives tools their client's
names back, since an envelope is bound to what the client sees.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from aigw_core.chat import ChatResponse, Choice, Part, Reasoning, Seal, Text, ToolCall
from aigw_core.codec import Codec
from aigw_core.events import (
    PartEnd,
    PartKind,
    PartSealed,
    PartStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
)
from aigw_core.seals import (
    Bind,
    Provenance,
    Sealer,
    bind_call,
    bind_text,
    text_bytes,
    text_hasher,
)

_PIECES = 64
"""Deltas that are kept before they are hashed together: one by one would cost more
than all else that is done here."""


class Sealing(Struct, frozen=True):
    """What one attempt needs to make envelopes, and to open those of its target."""

    sealer: Sealer
    target: Provenance

    def of_answer(self, upstream: Codec, client: Codec) -> AnswerSealer | None:
        """The machine for the answer; ``None`` between the same formats, where seals
        go to the client as they are."""
        if upstream.format is client.format:
            return None
        return AnswerSealer(self, texts=upstream.seals_texts)


class _Open:
    """A part that a seal may still come for."""

    __slots__ = ("hasher", "length", "pieces", "start", "text_start")

    def __init__(self, start: PartStart, text_start: int) -> None:
        self.start = start
        self.text_start = text_start
        self.length = 0
        self.pieces: list[str] = []
        self.hasher = text_hasher()

    def add(self, text: str) -> None:
        pieces = self.pieces
        pieces.append(text)
        if len(pieces) == _PIECES:
            self._hash()

    def _hash(self) -> None:
        text = "".join(self.pieces)
        self.pieces.clear()
        self.length += len(text)
        self.hasher.update(text_bytes(text))

    def bind(self) -> Bind:
        start = self.start
        if start.kind is PartKind.TOOL_CALL:
            return bind_call(start.id, start.name)
        self._hash()
        return bind_text(start.kind, self.hasher, self.text_start, self.length)


class AnswerSealer:
    """Wraps the seals in the events of one answer, or in a whole one.

    ``texts`` tells whether the upstream seals texts, too. Holds up to ``_PIECES``
    deltas of each open part.
    """

    def __init__(self, sealing: Sealing, *, texts: bool) -> None:
        self._sealer = sealing.sealer
        self._made = sealing.target
        self._texts = texts
        self._open: dict[int | tuple[int, int], _Open] = {}
        self._lengths: dict[tuple[int, PartKind], int] = {}

    def wrap(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """``events`` with envelopes for seals; the same list where it has none."""
        wrapped: list[StreamEvent] | None = None
        for place, event in enumerate(events):
            if type(event) is TextDelta:
                if self._texts:
                    self._open[event.part if not event.choice else _key(event)].add(event.text)
            elif type(event) is ReasoningDelta:
                self._open[event.part if not event.choice else _key(event)].add(event.text)
            elif isinstance(event, PartStart):
                self._begin(event)
            elif isinstance(event, PartEnd):
                self._end(event)
            elif isinstance(event, PartSealed):
                if wrapped is None:
                    wrapped = list(events)
                wrapped[place] = self._sealed(event)
        return events if wrapped is None else wrapped

    def wrap_response(self, response: ChatResponse) -> ChatResponse:
        return replace(
            response,
            choices=tuple(
                Choice(self._wrap_parts(choice.parts), choice.stop) for choice in response.choices
            ),
        )

    def _begin(self, event: PartStart) -> None:
        kind = event.kind
        if kind is PartKind.TEXT and not self._texts:
            return
        if kind in (PartKind.TEXT, PartKind.REASONING, PartKind.TOOL_CALL):
            start = self._lengths.get((event.choice, kind), 0)
            self._open[event.part if not event.choice else _key(event)] = _Open(event, start)

    def _end(self, event: PartEnd) -> None:
        part = self._open.pop(event.part if not event.choice else _key(event), None)
        if part is not None and part.start.kind is not PartKind.TOOL_CALL:
            length = part.bind().length
            key = (event.choice, part.start.kind)
            self._lengths[key] = self._lengths.get(key, 0) + length

    def _sealed(self, event: PartSealed) -> PartSealed:
        part = self._open.get(event.part if not event.choice else _key(event))
        if part is None:
            return event  # of a kind that has nothing to be bound to; no encoder takes it
        return replace(event, seal=self._sealer.wrap(event.seal, self._made, part.bind()))

    def _wrap_parts(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        wrapped: list[Part] = []
        lengths = {PartKind.TEXT: 0, PartKind.REASONING: 0}
        for part in parts:
            if isinstance(part, ToolCall):
                if part.seal is not None:
                    part = replace(part, seal=self._wrap(part.seal, bind_call(part.id, part.name)))
            elif isinstance(part, Text | Reasoning):
                kind = PartKind.TEXT if isinstance(part, Text) else PartKind.REASONING
                start = lengths[kind]
                lengths[kind] += len(part.text)
                if part.seal is not None:
                    hasher = text_hasher()
                    hasher.update(text_bytes(part.text))
                    bind = bind_text(kind, hasher, start, len(part.text))
                    part = replace(part, seal=self._wrap(part.seal, bind))
            wrapped.append(part)
        return tuple(wrapped)

    def _wrap(self, seal: Seal, bind: Bind) -> Seal:
        return self._sealer.wrap(seal, self._made, bind)


def _key(event: PartStart | PartEnd | PartSealed | TextDelta | ReasoningDelta) -> tuple[int, int]:
    return (event.choice, event.part)
