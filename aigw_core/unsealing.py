"""Takes envelopes out of a client's request, for one target.

What comes back may have been moved: formats without a place for a seal on a text
or a call carry it in a reasoning part beside, some clients join all texts to one,
and others send every piece of a stream as a part of its own. An envelope knows its
part, so its seal is put on that part again, as it was when it was made.

An envelope that is not genuine, or whose part is not there any more, is left out
and reported; so is the seal of another upstream. The text of such reasoning stays,
without a proof.

What becomes of an assistant turn depends on that turn alone and on the target, so
a conversation that grows keeps its beginning.
"""

from __future__ import annotations

from itertools import groupby

from msgspec.structs import replace

from aigw_core.chat import ChatRequest, Part, Reasoning, Role, Seal, Text, ToolCall, Turn
from aigw_core.events import PartKind
from aigw_core.ledger import Ledger
from aigw_core.sealing import Sealing
from aigw_core.seals import OWN, Bind, Opened, bind_call, is_envelope, text_digest


def unseal(
    request: ChatRequest,
    sealing: Sealing | None,
    ledger: Ledger,
    *,
    also_read: tuple[str, ...] = (),
) -> ChatRequest:
    """``request`` with the seals that its envelopes hold, as far as the target of
    ``sealing`` takes them; the same request where it has no envelope.

    Without ``sealing`` no envelope can be opened. ``also_read`` names models whose
    seals the target takes beside its own.
    """
    sealed = [
        part
        for turn in request.unusual
        if turn.role is Role.ASSISTANT
        for part in turn.parts
        if type(part) in _SEALED and part.seal is not None  # type: ignore[union-attr]  # as said
    ]
    if not any(map(_envelope, sealed)):
        return request
    turns: list[Turn] = []
    for role, run in groupby(request.turns, key=lambda turn: turn.role):
        together = list(run)
        if role is Role.ASSISTANT and any(_holds_envelope(turn) for turn in together):
            turns += _Unsealer(together, sealing, also_read, ledger).unseal()
        else:
            turns += together
    return replace(request, turns=tuple(turns))


_SEALED = (Text, ToolCall, Reasoning)  # a union is built anew each time it is asked


def _holds_envelope(turn: Turn) -> bool:
    return turn.role is Role.ASSISTANT and any(map(_envelope, turn.parts))


def _envelope(part: Part) -> str | None:
    """The envelope that a part has for a seal, genuine or not."""
    if not isinstance(part, _SEALED) or part.seal is None:
        return None
    seal = part.seal
    return seal.data if seal.issuer == OWN or is_envelope(seal.data) else None


_TEXTS: dict[PartKind, type[Text] | type[Reasoning]] = {
    PartKind.TEXT: Text,
    PartKind.REASONING: Reasoning,
}


class _Slot:
    """A part, and the turn that it is in."""

    __slots__ = ("fixed", "part", "turn")

    def __init__(self, part: Part, turn: int) -> None:
        self.part: Part | None = part
        """``None``: it was taken out."""
        self.turn = turn
        self.fixed = _envelope(part) is not None
        """It has a seal, opened or not, so that it cannot be a piece of another."""


class _Unsealer:
    """Works on assistant turns that follow each other: one answer may come back as
    several."""

    def __init__(
        self,
        turns: list[Turn],
        sealing: Sealing | None,
        also_read: tuple[str, ...],
        ledger: Ledger,
    ) -> None:
        self._turns = turns
        self._sealing = sealing
        self._also_read = also_read
        self._ledger = ledger
        self._slots = [_Slot(part, n) for n, turn in enumerate(turns) for part in turn.parts]

    def unseal(self) -> list[Turn]:
        for slot in list(self._slots):
            envelope = None if slot.part is None else _envelope(slot.part)
            if envelope is not None:
                self._open(slot, envelope)
        parts: list[list[Part]] = [[] for _ in self._turns]
        for slot in self._slots:
            if slot.part is not None:
                parts[slot.turn].append(slot.part)
        first = self._turns[0]
        if all((turn.name, turn.phase) == (first.name, first.phase) for turn in self._turns):
            # One answer that a client sends back piece by piece: formats that keep
            # reasoning beside the call it led to need them in one turn.
            return [replace(first, parts=tuple(part for each in parts for part in each))]
        return [
            replace(turn, parts=tuple(each)) for turn, each in zip(self._turns, parts, strict=True)
        ]

    def _open(self, slot: _Slot, envelope: str) -> None:
        sealing = self._sealing
        opened = None if sealing is None else sealing.sealer.open(envelope)
        if opened is None:
            self._report(slot, "seal_invalid")
            if isinstance(slot.part, Reasoning):
                # Even without text it tells the target that something is missing.
                slot.part = replace(slot.part, seal=None)
                slot.fixed = False
            else:
                self._empty(slot)
            return
        owner = self._place(slot, opened.bind)
        if owner is None:
            if opened.seal is not None:
                self._report(slot, "seal_moved")
            self._empty(slot)
            return
        if owner is not slot:
            # It only carried the seal, or it is a piece of its owner.
            self._empty(slot)
        self._put(owner, opened, envelope)

    def _put(self, owner: _Slot, opened: Opened, envelope: str) -> None:
        part = owner.part
        assert isinstance(part, Text | ToolCall | Reasoning)
        owner.fixed = True
        sealing = self._sealing
        if opened.seal is not None:
            if sealing is not None and opened.fits(sealing.target, self._also_read):
                owner.part = replace(part, seal=opened.seal)
                return
            self._report(owner, "seal_foreign")
        if isinstance(part, Reasoning):
            # It stays closed: what never was the target's is no gap in what was.
            owner.part = replace(part, seal=Seal(OWN, "encrypted", envelope))
        else:
            owner.part = _bare(replace(part, seal=None))

    def _empty(self, slot: _Slot) -> None:
        """Take the envelope off, and the part out if that was all of it."""
        part = slot.part
        if isinstance(part, Text | ToolCall | Reasoning):
            slot.part = _bare(replace(part, seal=None))
        slot.fixed = False

    def _report(self, slot: _Slot, code: str) -> None:
        self._ledger.dropped(code, self._turns[slot.turn].pointer)

    # --- the part that a seal belongs to ---------------------------------------------

    def _place(self, slot: _Slot, bind: Bind) -> _Slot | None:
        if bind.part is PartKind.TOOL_CALL:
            return self._call(slot, bind)
        if isinstance(slot.part, ToolCall) or (
            bind.part is PartKind.REASONING and not isinstance(slot.part, Reasoning)
        ):
            return None
        return self._cut_out(slot, bind) or self._same_text(slot, bind)

    def _call(self, slot: _Slot, bind: Bind) -> _Slot | None:
        # A call that bears a seal itself is what it must be for; other parts carry.
        own = isinstance(slot.part, ToolCall)
        for each in [slot] if own else self._slots:
            part = each.part
            if isinstance(part, ToolCall) and (own or not each.fixed) and _is_call(part, bind):
                return each
        return None

    def _cut_out(self, slot: _Slot, bind: Bind) -> _Slot | None:
        """By its place among the texts of its kind: found even where a client joined
        them, or took one apart."""
        kind = _TEXTS[bind.part]
        end = bind.start + bind.length
        covered: list[tuple[_Slot, int]] = []  # with where each begins
        at = 0
        for each in self._slots:
            part = each.part
            if not isinstance(part, kind):
                continue
            after = at + len(part.text)
            if bind.length == 0:
                if each is slot and at <= bind.start <= after:
                    covered = [(each, at)]
                    break
                if not covered and at < bind.start <= after:
                    covered = [(each, at)]
            elif at < end and after > bind.start:
                covered.append((each, at))
            at = after
        if not covered or not self._may_merge(covered, slot):
            return None
        texts = [each.part.text for each, _ in covered if isinstance(each.part, kind)]
        whole = "".join(texts)
        begin = bind.start - covered[0][1]
        wanted = whole[begin : begin + bind.length]
        if len(wanted) != bind.length or text_digest(wanted) != bind.digest:
            return None
        return self._carve(covered, whole[:begin], wanted, whole[begin + bind.length :])

    def _may_merge(self, covered: list[tuple[_Slot, int]], slot: _Slot) -> bool:
        """Nothing stands between the pieces, and none is another's."""
        first = self._slots.index(covered[0][0])
        last = self._slots.index(covered[-1][0])
        among = [each for each in self._slots[first : last + 1] if each.part is not None]
        if any(each.fixed and each is not slot for each, _ in covered):
            return False
        return len(covered) == 1 or among == [each for each, _ in covered]

    def _carve(
        self, covered: list[tuple[_Slot, int]], before: str, wanted: str, after: str
    ) -> _Slot:
        owner = covered[0][0]
        part = owner.part
        assert isinstance(part, Text | Reasoning)
        place = self._slots.index(owner)
        for each, _ in covered[1:]:
            each.part = None
        if not before and not after:
            if len(covered) > 1:
                owner.part = replace(part, text=wanted)
            return owner
        found = _Slot(_piece(part, wanted), owner.turn)
        around: list[_Slot] = []
        if before:
            owner.part = replace(part, text=before, seal=None)
            owner.fixed = False
            around.append(owner)
        else:
            owner.part = None
        around.append(found)
        if after:
            around.append(_Slot(_piece(part, after), owner.turn))
        self._slots[place : place + 1] = around
        return found

    def _same_text(self, slot: _Slot, bind: Bind) -> _Slot | None:
        """By its text alone: the part with the envelope, else the nearest."""
        kind = _TEXTS[bind.part]
        place = self._slots.index(slot)
        nearest = [slot]
        if bind.part is PartKind.TEXT:  # what was thought bears its envelope itself
            nearest += [*reversed(self._slots[:place]), *self._slots[place + 1 :]]
        for each in nearest:
            part = each.part
            if (
                isinstance(part, kind)
                and (each is slot or not each.fixed)
                and text_digest(part.text) == bind.digest
            ):
                return each
        if bind.part is PartKind.TEXT and bind.length == 0:
            # An empty text has no place in most formats: only its envelope came back.
            found = _Slot(Text(""), slot.turn)
            self._slots.insert(place, found)
            return found
        return None


def _is_call(call: ToolCall, bind: Bind) -> bool:
    return bind_call(call.id, call.name).digest == bind.digest


def _piece(part: Text | Reasoning, text: str) -> Text | Reasoning:
    return Text(text) if isinstance(part, Text) else Reasoning(text, part.style)


def _bare(part: Text | ToolCall | Reasoning) -> Text | ToolCall | Reasoning | None:
    """``part`` if there is more to it than the seal it had."""
    if isinstance(part, ToolCall) or part.text or part.native is not None:
        return part
    return part if isinstance(part, Text) and (part.citations or part.cache) else None
