"""Puts words back into the answers to requests in which they were hidden.

It stands between the upstream's decoder and everything behind it, so that no format
of a client needs to know. A token may come in any number of pieces: what may be the
beginning of one is held until it is known, at most ``TOKEN_LENGTH - 1`` characters of
each open part.

What the model made of a token otherwise (other case, other letters, spaces in it) is
nobody's word any more: it stays in the answer, and the ledger says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from aigw_core.chat import (
    ChatResponse,
    Choice,
    Citation,
    Part,
    Reasoning,
    Refusal,
    Seal,
    Stop,
    Text,
    ToolCall,
)
from aigw_core.cloak.pseudonyms import TOKEN, TOKEN_LENGTH
from aigw_core.cloak.words import code_of, marked
from aigw_core.codec import Codec, StreamDecoder
from aigw_core.errors import Failure
from aigw_core.events import (
    ChoiceStop,
    CitationAdded,
    PartEnd,
    PartKind,
    PartSealed,
    PartStart,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from aigw_core.ledger import Ledger

# A beginning of a token that ends the text.
_BEGUN = re.compile(r"\[(?:\[(?:w(?::(?:[A-Z2-7]{8}\]|[A-Z2-7]{0,8}))?)?)?\Z")
_LIKE_TOKEN = re.compile(r"\[{1,2} ?w ?: ?[^\[\]\s]{1,16} ?\]{1,2}", re.IGNORECASE)
_WINDOW = 32
"""Characters of a text that are looked back at for what resembles a token."""

_Delta = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta


class _Open:
    """A part that more may come for."""

    __slots__ = ("choice", "codes", "held", "json", "kind", "number", "seen")

    def __init__(self, number: int, choice: int, kind: PartKind, *, json: bool) -> None:
        self.number = number
        self.choice = choice
        self.kind = kind
        self.json = json
        """Its text is JSON: what is put in must be written as inside a string."""
        self.held = ""
        self.seen = ""
        """The end of what came, from the last bracket on, while that is near."""
        self.codes: set[str] = set()
        """Of the words that were put back."""


class WordRestorer:
    """Restores one answer. ``words`` are the tokens of its request and what they stand
    for; ``ledger`` gets an entry for each part with a token that could not be read."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.ledger = Ledger()
        self._words = words
        self._json_words = {
            token: msgspec.json.encode(word).decode()[1:-1] for token, word in words.items()
        }
        self._open: dict[tuple[int, int], _Open] = {}

    @property
    def held(self) -> int:
        """Characters that are held, in all open parts."""
        return sum(len(part.held) for part in self._open.values())

    def restore(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """``events`` with words for tokens; a legal stream stays one."""
        restored: list[StreamEvent] = []
        for event in events:
            if isinstance(event, TextDelta | ReasoningDelta | RefusalDelta):
                if text := self._more(self._open[event.choice, event.part], event.text):
                    restored.append(event if text is event.text else replace(event, text=text))
            elif isinstance(event, ToolCallDelta):
                if text := self._more(self._open[event.choice, event.part], event.arguments):
                    same = text is event.arguments
                    restored.append(event if same else replace(event, arguments=text))
            elif isinstance(event, PartStart):
                json = event.kind is PartKind.TOOL_CALL and not event.freeform
                part = _Open(event.part, event.choice, event.kind, json=json)
                self._open[event.choice, event.part] = part
                restored.append(event)
            elif isinstance(event, PartSealed):
                part = self._open[event.choice, event.part]
                restored += self._rest(part)
                restored.append(replace(event, seal=_mark(event.seal, part)))
            elif isinstance(event, PartEnd):
                restored += self._rest(self._open.pop((event.choice, event.part)))
                restored.append(event)
            elif isinstance(event, CitationAdded):
                restored.append(replace(event, citation=self._citation(event.citation)))
            elif isinstance(event, ChoiceStop):
                restored.append(replace(event, stop=self._stop(event.stop)))
            elif isinstance(event, Failure):
                # It stays what came before it, whether a token or not.
                for part in self._open.values():
                    restored += self._rest(part)
                self._open.clear()
                restored.append(event)
            else:
                restored.append(event)
        return restored

    def restore_response(self, response: ChatResponse) -> ChatResponse:
        """The same for a whole answer."""
        choices = tuple(
            Choice(
                tuple(
                    self._part(part, _Open(at, number, _kind(part), json=_is_json(part)))
                    for at, part in enumerate(choice.parts)
                ),
                self._stop(choice.stop),
            )
            for number, choice in enumerate(response.choices)
        )
        return replace(response, choices=choices)

    # --- streams ---------------------------------------------------------------------

    def _more(self, part: _Open, text: str) -> str:
        """What can be said now that ``text`` has come; the same object where it is that."""
        if not part.held and not part.seen and "[" not in text:
            return text
        text = part.held + text if part.held else text
        begun = _BEGUN.search(text, max(0, len(text) - TOKEN_LENGTH + 1))
        part.held = "" if begun is None else begun[0]
        return self._put_back(part, text if begun is None else text[: begun.start()])

    def _rest(self, part: _Open) -> list[StreamEvent]:
        text, part.held = part.held, ""
        if not text:
            return []
        text = self._put_back(part, text)
        if part.kind is PartKind.TOOL_CALL:
            return [ToolCallDelta(part.number, text, part.choice)]
        kind = _DELTAS[part.kind]
        return [kind(part.number, text, part.choice)]

    def _put_back(self, part: _Open, text: str) -> str:
        """``text``, in which no token is cut at the end."""
        self._look(part, text)
        words = self._json_words if part.json else self._words

        def word(match: re.Match[str]) -> str:
            token = match[0]
            if token not in words:
                return token
            part.codes.add(code_of(token))
            return words[token]

        return TOKEN.sub(word, text)

    def _look(self, part: _Open, text: str) -> None:
        window = part.seen + text
        for match in _LIKE_TOKEN.finditer(window):
            # One of a token that was put back is in the window when it ends there.
            if match.end() > len(part.seen) and match[0] not in self._words:
                self.ledger.approximated("word_not_restored", f"/content/{part.number}")
        last = window.rfind("[", max(0, len(window) - _WINDOW))
        part.seen = window[max(0, last - 1) :] if last >= 0 else ""

    # --- whole answers ---------------------------------------------------------------

    def _part(self, part: Part, state: _Open) -> Part:
        if isinstance(part, Text):
            text = self._put_back(state, part.text)
            return replace(part, text=text, citations=tuple(map(self._citation, part.citations)))
        if isinstance(part, Refusal):
            return replace(part, text=self._put_back(state, part.text))
        if isinstance(part, Reasoning):
            text = self._put_back(state, part.text)
            seal = None if part.seal is None else _mark(part.seal, state)
            return replace(part, text=text, seal=seal)
        if isinstance(part, ToolCall):
            return replace(part, arguments=self._put_back(state, part.arguments))
        return part

    def _citation(self, citation: Citation) -> Citation:
        made = citation.native
        if made is not None:
            raw = TOKEN.sub(
                lambda match: self._json_words.get(match[0], match[0]), made.raw.decode()
            )
            made = replace(made, raw=raw.encode())
        return replace(
            citation,
            url=self._plain(citation.url),
            title=self._plain(citation.title),
            cited_text=self._plain(citation.cited_text),
            native=made,
        )

    def _stop(self, stop: Stop) -> Stop:
        return replace(
            stop, sequence=self._plain(stop.sequence), explanation=self._plain(stop.explanation)
        )

    def _plain(self, text: str | None) -> str | None:
        if text is None:
            return None
        return TOKEN.sub(lambda match: self._words.get(match[0], match[0]), text)


_DELTAS: Mapping[PartKind, type[TextDelta] | type[ReasoningDelta] | type[RefusalDelta]] = {
    PartKind.TEXT: TextDelta,
    PartKind.REASONING: ReasoningDelta,
    PartKind.REFUSAL: RefusalDelta,
}


def _mark(seal: Seal, part: _Open) -> Seal:
    """``seal``, which was made for the tokens, with the means to put them there again."""
    if part.kind is not PartKind.REASONING or not part.codes:
        return seal
    return replace(seal, data=marked(seal.data, part.codes))


def _kind(part: Part) -> PartKind:
    return PartKind.REASONING if isinstance(part, Reasoning) else PartKind.TEXT


def _is_json(part: Part) -> bool:
    return isinstance(part, ToolCall) and not part.freeform


class _RestoringDecoder:
    def __init__(self, decoder: StreamDecoder, restorer: WordRestorer) -> None:
        self._decoder = decoder
        self._restorer = restorer

    def feed(self, data: bytes) -> list[StreamEvent]:
        return self._restorer.restore(self._decoder.feed(data))

    def eof(self) -> list[StreamEvent]:
        return self._restorer.restore(self._decoder.eof())


def restoring(codec: Codec, restorer: WordRestorer) -> Codec:
    """``codec`` of an upstream, whose decoded answers have their words again. What does
    not use it, which is every other answer, pays nothing."""

    def decode_response(body: bytes) -> ChatResponse:
        return restorer.restore_response(codec.decode_response(body))

    def decode_stream() -> StreamDecoder:
        return _RestoringDecoder(codec.stream_decoder(), restorer)

    return replace(codec, decode_response=decode_response, stream_decoder=decode_stream)
