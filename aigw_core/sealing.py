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
        return AnswerSealer(self, texts=upstream.seals_texts, proofs=client.proves_reasoning)


class _Open:
    """A part that a seal may still come for."""

    __slots__ = ("hasher", "length", "pieces", "sealed", "start", "text_start")

    def __init__(self, start: PartStart, text_start: int) -> None:
        self.start = start
        self.text_start = text_start
        self.length = 0
        self.pieces: list[str] = []
        self.hasher = text_hasher()
        self.sealed = False

    def add(self, text: str) -> None:
        pieces = self.pieces
        pieces.append(text)
        if len(pieces) == _PIECES:
            self.hash()

    def hash(self) -> None:
        text = "".join(self.pieces)
        self.pieces.clear()
        self.length += len(text)
        self.hasher.update(text_bytes(text))

    def bind(self) -> Bind:
        start = self.start
        if start.kind is PartKind.TOOL_CALL:
            return bind_call(start.id, start.name)
        self.hash()
        return bind_text(start.kind, self.hasher, self.text_start, self.length)


class AnswerSealer:
    """Wraps the seals in the events of one answer, or in a whole one.

    ``texts`` tells whether the upstream seals texts, too; ``proofs`` whether reasoning
    without a seal gets an envelope as well. Holds up to ``_PIECES`` deltas of each
    open part.
    """

    __slots__ = ("_lengths", "_made", "_open", "_proofs", "_sealer", "_texts")

    def __init__(self, sealing: Sealing, *, texts: bool, proofs: bool = False) -> None:
        self._sealer = sealing.sealer
        self._made = sealing.target
        self._texts = texts
        self._proofs = proofs
        self._open: dict[int | tuple[int, int], _Open] = {}
        self._lengths: dict[tuple[int, PartKind], int] = {}

    def wrap(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """``events`` with envelopes for seals; the same list where there are none."""
        if len(events) == 1 and type(only := events[0]) is TextDelta:
            # Nearly all reads of nearly all streams.
            if self._texts:
                part = self._open[only.part if not only.choice else _key(only)]
                part.pieces.append(only.text)
                if len(part.pieces) == _PIECES:
                    part.hash()
            return events
        wrapped: list[StreamEvent] | None = None
        for place, event in enumerate(events):
            if type(event) is TextDelta:
                if self._texts:
                    self._open[event.part if not event.choice else _key(event)].add(event.text)
            elif type(event) is ReasoningDelta:
                self._open[event.part if not event.choice else _key(event)].add(event.text)
            elif isinstance(event, PartStart):
                self._begin(event)
            elif isinstance(event, PartSealed | PartEnd):
                made = self._sealed(event) if isinstance(event, PartSealed) else self._end(event)
                if made is not None:
                    if wrapped is None:
                        wrapped = events[:place]
                    wrapped.append(made)
                    if isinstance(event, PartSealed):
                        continue
            if wrapped is not None:
                wrapped.append(event)
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

    def _sealed(self, event: PartSealed) -> PartSealed | None:
        part = self._open.get(event.part if not event.choice else _key(event))
        if part is None:
            return None  # of a kind that has nothing to be bound to; no encoder takes it
        part.sealed = True
        return replace(event, seal=self._wrap(event.seal, part.bind()))

    def _end(self, event: PartEnd) -> PartSealed | None:
        """What goes in front of the end of a part."""
        part = self._open.pop(event.part if not event.choice else _key(event), None)
        if part is None or part.start.kind is PartKind.TOOL_CALL:
            return None
        bind = part.bind()
        key = (event.choice, bind.part)
        self._lengths[key] = self._lengths.get(key, 0) + bind.length
        if part.sealed or not self._proofs or bind.part is PartKind.TEXT or not bind.length:
            return None
        return PartSealed(event.part, self._wrap(None, bind), event.choice)

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
                proof = self._proofs and isinstance(part, Reasoning) and bool(part.text)
                if part.seal is not None or proof:
                    hasher = text_hasher()
                    hasher.update(text_bytes(part.text))
                    bind = bind_text(kind, hasher, start, len(part.text))
                    part = replace(part, seal=self._wrap(part.seal, bind))
            wrapped.append(part)
        return tuple(wrapped)

    def _wrap(self, seal: Seal | None, bind: Bind) -> Seal:
        return self._sealer.wrap(seal, self._made, bind)


def _key(event: PartStart | PartEnd | PartSealed | TextDelta | ReasoningDelta) -> tuple[int, int]:
    return (event.choice, event.part)
