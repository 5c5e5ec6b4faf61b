"""Which tool call a piece of an answer belongs to.

The format numbers calls by ``index`` and names them once by ``id``; servers leave out
either, number every call 0, or repeat what was said.
"""

from __future__ import annotations

import hashlib

from aigw_core.chat import Format, Seal
from aigw_core.codecs.chat.wire import ExtraContent, ToolCallPiece


class Call:
    """A tool call whose pieces come in."""

    def __init__(self, wire_id: str) -> None:
        self.wire_id = wire_id
        """The upstream's identifier, which later pieces may bear; maybe empty."""
        self.name = ""
        self.freeform = False
        self.part = -1
        """Negative until it has a name."""
        self.early: list[str] = []
        """Arguments that came before the name."""
        self.seal: Seal | None = None


class Calls:
    """The tool calls of one choice, in order."""

    def __init__(self) -> None:
        self.all: list[Call] = []
        self._by_index: dict[int, Call] = {}
        self._ids: set[str] = set()

    def find(self, piece: ToolCallPiece, name: str, *, whole: bool) -> Call:
        """The call that ``piece`` continues, or a new one. The calls of a ``whole``
        message are one each."""
        id, index = piece.id or "", piece.index
        if whole:
            return self._new(id)
        if index is not None:
            known = self._by_index.get(index)
            if known is None:
                return self._new(id, index)
            # Ollama sends every call under index 0, told apart by the id alone.
            other_id = id and known.wire_id and id != known.wire_id
            other_name = name and known.name and name != known.name
            if other_id or other_name:
                return self._new(id, index)
            known.wire_id = known.wire_id or id
            return known
        if id:
            for call in self.all:
                if call.wire_id == id:
                    return call
            return self._new(id)
        # Neither index nor id: more of the last call, unless it names itself anew.
        if self.all and not (name and self.all[-1].name):
            return self.all[-1]
        return self._new(id)

    def _new(self, id: str, index: int | None = None) -> Call:
        call = Call(id)
        self.all.append(call)
        if index is not None:
            self._by_index[index] = call
        return call

    def identify(self, call: Call, place: str) -> str:
        """The identifier that the answer gives ``call``: the upstream's, or one made
        of ``place`` and the name where it has none or has given it twice.

        Google's endpoint sends empty ones, and two calls of one identifier could
        not be told apart by their results.
        """
        id = call.wire_id
        if not id or id in self._ids:
            seed = f"{place}\0{call.part}\0{call.name}"
            id = f"call_{hashlib.sha256(seed.encode('utf-8', 'replace')).hexdigest()[:24]}"
        self._ids.add(id)
        return id


def google_seal(signature: str) -> Seal:
    """The seal for a signature of Google's endpoint of this format."""
    return Seal(Format.CHAT.value, "thought_signature", signature)


def call_seal(extra: ExtraContent) -> Seal | None:
    """The seal beside a tool call in an upstream's answer."""
    if extra.aigw is not None and extra.aigw.seal:
        # An envelope of another gateway of our kind, which alone can open it.
        return Seal(Format.CHAT.value, "encrypted", extra.aigw.seal)
    if extra.google is not None and extra.google.thought_signature:
        return google_seal(extra.google.thought_signature)
    return None
