"""Sources of an answer: spans in bytes on the wire, in characters here.

The wire counts UTF-8 bytes into the text of the whole answer, as its parts
joined; a canonical citation counts characters into its own text part.

Source: Gemini API reference, "GroundingMetadata" ("Segment") and
"CitationMetadata"; that the offsets run on over the parts is seen in recorded
streams, where the metadata comes with the last chunk.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from operator import mul
from typing import Any

import msgspec
from msgspec import Raw, Struct

from aigw_core.chat import Citation, TokenLogprob
from aigw_core.codecs.gemini.wire import (
    CitationMetadata,
    GroundingMetadata,
    LogprobsCandidate,
    LogprobsResult,
)

_GROUNDING = msgspec.json.Decoder(GroundingMetadata, strict=False).decode
_CITATIONS = msgspec.json.Decoder(CitationMetadata, strict=False).decode
_LOGPROBS = msgspec.json.Decoder(LogprobsResult, strict=False).decode


class Span(Struct, frozen=True, gc=False):
    """A source for some bytes of the answer's text."""

    start: int
    end: int
    url: str
    title: str | None


def read_spans(grounding: Raw, citations: Raw) -> list[Span]:
    """What ``groundingMetadata`` and ``citationMetadata`` cite, in order. Metadata of
    another shape cites nothing: the answer itself does not depend on it."""
    spans: list[Span] = []
    try:
        if bytes(grounding):
            spans += _grounding_spans(_GROUNDING(grounding))
        if bytes(citations):
            spans += _citation_spans(_CITATIONS(citations))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return spans


def _grounding_spans(metadata: GroundingMetadata | None) -> Iterable[Span]:
    if metadata is None:
        return
    chunks = metadata.grounding_chunks or []
    for support in metadata.grounding_supports or ():
        segment = support.segment
        if segment is None or segment.end_index is None:
            continue
        for index in support.grounding_chunk_indices or ():
            if not 0 <= index < len(chunks):
                continue
            chunk = chunks[index]
            source = chunk.web or chunk.retrieved_context or chunk.maps
            if source is not None and source.uri:
                start = max(segment.start_index or 0, 0)
                yield Span(start, segment.end_index, source.uri, source.title)


def _citation_spans(metadata: CitationMetadata | None) -> Iterable[Span]:
    if metadata is None:
        return
    for source in metadata.citations or metadata.citation_sources or ():
        if source.uri and source.end_index is not None:
            start = max(source.start_index or 0, 0)
            yield Span(start, source.end_index, source.uri, source.title)


_MAX_RUNS = 1 << 16
"""Runs of characters that are equally long in UTF-8, as far as they are kept for one
part: what is cited behind them is not located. Half a million characters of
ordinary prose have fewer."""

_RUN = re.compile("[\x00-\x7f]+|[\x80-\u07ff]+|[\u0800-\uffff]+|[^\x00-\uffff]+")


class CitedText:
    """Where bytes of one candidate's text lie in characters, and what is cited there
    but not reported yet. Of the text only the lengths of its characters are kept,
    and those of the open part only.
    """

    def __init__(self) -> None:
        self.ascii = 0
        """Characters behind the last run; who adds ASCII text may count here."""
        self._runs = array("I")  # characters, shifted by 2, and their size less 1
        self._base = 0  # bytes of the parts before
        self._waiting: list[Span] = []
        self._seen: set[Span] = set()

    def add(self, text: str) -> None:
        """More of the open part."""
        if text.isascii():
            self.ascii += len(text)
            return
        for match in _RUN.finditer(text):
            run = match.group()
            size = len(run[0].encode("utf-8", "replace"))
            if size == 1:
                self.ascii += len(run)
                continue
            self._flush_ascii()
            self._run(len(run), size)

    def _flush_ascii(self) -> None:
        if self.ascii:
            self._run(self.ascii, 1)
            self.ascii = 0

    def _run(self, length: int, size: int) -> None:
        runs = self._runs
        if runs and runs[-1] & 3 == size - 1:
            runs[-1] += length << 2
        elif len(runs) < _MAX_RUNS:
            runs.append(length << 2 | size - 1)

    def cite(self, spans: list[Span]) -> None:
        """Metadata may be repeated, longer, in each chunk."""
        self._waiting += [span for span in spans if span not in self._seen]
        self._seen.update(spans)

    def close(self) -> list[Citation]:
        """The open part ends: what is cited in it."""
        self._flush_ascii()
        sizes = [(run & 3) + 1 for run in self._runs]
        lengths = [run >> 2 for run in self._runs]
        del self._runs[:]
        ends: list[int] = list(accumulate(map(mul, lengths, sizes)))  # of each run, in bytes
        base, total = self._base, ends[-1] if ends else 0
        self._base += total
        citations: list[Citation] = []
        waiting: list[Span] = []
        firsts: list[int] = [0, *accumulate(lengths)]

        def characters(offset: int) -> int:
            run = bisect_left(ends, offset)
            return firsts[run + 1] - (ends[run] - offset + sizes[run] - 1) // sizes[run]

        for span in self._waiting:
            if base <= span.start < base + total:
                start = characters(span.start - base)
                end = characters(min(max(span.end, span.start) - base, total))
                citations.append(Citation(span.url, span.title, start, end))
            else:
                waiting.append(span)
        self._waiting = waiting
        return citations


def encode_grounding(parts: Iterable[tuple[str, Iterable[Citation]]]) -> dict[str, Any] | None:
    """``groundingMetadata`` for the text parts of an answer, in order, each with its
    citations; ``None`` when no citation has a URL. One without a span cites its
    whole part."""
    sources: dict[tuple[str, str | None], int] = {}
    spans: dict[tuple[int, int], list[int]] = {}
    texts: dict[tuple[int, int], str] = {}
    base = 0
    for text, citations in parts:
        for citation in citations:
            if not citation.url:
                continue
            index = sources.setdefault((citation.url, citation.title), len(sources))
            first = citation.start if citation.start is not None else 0
            last = citation.end if citation.end is not None else len(text)
            start = base + len(text[:first].encode("utf-8", "replace"))
            cited = text[first:last]
            span = (start, start + len(cited.encode("utf-8", "replace")))
            texts[span] = cited
            indices = spans.setdefault(span, [])
            if index not in indices:
                indices.append(index)
        base += len(text.encode("utf-8", "replace"))
    if not sources:
        return None
    return {
        "groundingChunks": [
            {"web": {"uri": url} if title is None else {"uri": url, "title": title}}
            for url, title in sources
        ],
        "groundingSupports": [
            {
                "segment": {"startIndex": start, "endIndex": end, "text": texts[start, end]},
                "groundingChunkIndices": indices,
            }
            for (start, end), indices in spans.items()
        ],
    }


# --- log probabilities -------------------------------------------------------


def read_logprobs(raw: Raw) -> tuple[TokenLogprob, ...]:
    """The tokens of ``logprobsResult``; none when it has another shape."""
    try:
        result = _LOGPROBS(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    tops = result.top_candidates or []
    return tuple(
        TokenLogprob(
            chosen.token,
            chosen.log_probability,
            top=tuple(map(_token, tops[number].candidates or ())) if number < len(tops) else (),
        )
        for number, chosen in enumerate(result.chosen_candidates or ())
    )


def _token(candidate: LogprobsCandidate) -> TokenLogprob:
    return TokenLogprob(candidate.token, candidate.log_probability)


def encode_logprobs(tokens: Iterable[TokenLogprob]) -> dict[str, Any]:
    tokens = tuple(tokens)
    result: dict[str, Any] = {"chosenCandidates": [_encode_token(token) for token in tokens]}
    if any(token.top for token in tokens):
        result["topCandidates"] = [
            {"candidates": [_encode_token(top) for top in token.top]} for token in tokens
        ]
    return result


def _encode_token(token: TokenLogprob) -> dict[str, Any]:
    return {"token": token.token, "logProbability": token.logprob}
