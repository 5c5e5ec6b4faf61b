"""The runs: each takes an upstream's and a client's codec through all recordings.

A run is a function from a pair (or one codec) to a :class:`Tally`. Streams are cut
at a sample of places that is drawn from their bytes, so the same every time;
``tests/corpus_runs/deep.py`` cuts everywhere.
"""

from __future__ import annotations

import random
import re
import zlib
from functools import cache
from itertools import pairwise

import msgspec

from aigw_core.chat import Format
from aigw_core.codec import Caps, Codec, Inbound
from aigw_core.errors import Failure, InvalidRequest, UpstreamError
from aigw_core.events import UsageReport
from aigw_core.grammar import GrammarViolation
from aigw_core.ledger import Ledger
from tests import corpus, laws, laws_bounds, laws_documents
from tests.compare import same_answer
from tests.corpus import DEEP, Exchange
from tests.corpus_runs import exceptions
from tests.corpus_runs.tally import Tally
from tests.oracles import ORACLES
from tests.oracles.record import CannotRead, Record
from tests.streams import CONTEXT

SMALL = 8192
"""Bytes of a stream that is cut at all."""

CUTS = 12 if DEEP else 4
"""Of each stream for each client at random places, and as many near the ends of events."""


def title(kind: str, upstream: Codec, client: Codec | None = None) -> str:
    arrow = f"{upstream.format} -> {client.format}" if client else upstream.format.value
    return f"{kind}, {arrow}"


@cache
def _sdk_reads(name: Format, id: str, status: int, data: bytes, streamed: bool) -> Record | str:
    """What the upstream's own SDK reads of a recording, or how it breaks down.
    Asked once, though each recording is translated for every client."""
    oracle = ORACLES[name]
    try:
        return oracle.read_stream(data) if streamed else oracle.read_body(status, data)
    except CannotRead as exc:
        return str(exc)


def read_source(name: Format, case: Exchange) -> Record | None:
    """What the upstream's own SDK reads of a recording; ``None`` when it breaks
    down on it, which must be a known exception."""
    data = case.stream if case.stream is not None else case.answer
    assert data is not None
    read = _sdk_reads(name, case.id, case.response_status, data, case.stream is not None)
    if isinstance(read, Record):
        return read
    if case.id not in exceptions.UNREADABLE:
        raise laws.LawBroken(f"the upstream's SDK breaks down: {read}")
    return None


def streams(upstream: Codec, client: Codec) -> Tally:
    """Every stream: legal for the client, readable by its SDK, and saying the same."""

    def run(case: Exchange) -> str:
        assert case.stream is not None
        output = laws.translate(upstream, client, [case.stream])
        try:
            grammar = laws.check_ended(client, output)
        except GrammarViolation as exc:
            if "base64" in str(exc) and case.id in exceptions.CUT_PICTURES:
                return "not compared: a picture was cut short and is no base64 any more"
            raise
        laws_bounds.output_is_bounded(case.stream, output, client)
        source = read_source(upstream.format, case)
        seen = ORACLES[client.format].read_stream(output)
        if source is None:
            mended = laws.translate(upstream, upstream, [case.stream])
            return agree(case, ORACLES[upstream.format].read_stream(mended), seen, client)
        return compare(case, source, seen, upstream, client, failed=grammar.failed)

    return Tally(title("streams", upstream, client)).over(corpus.streams(upstream.format), run)


def answers(upstream: Codec, client: Codec) -> Tally:
    """Every complete answer, likewise."""

    def run(case: Exchange) -> str:
        assert case.answer is not None
        try:
            response = upstream.decode_response(case.answer)
        except UpstreamError as exc:
            return refused(case, exc)
        written = client.encode_response(response, CONTEXT)
        source = read_source(upstream.format, case)
        seen = ORACLES[client.format].read_body(200, written)
        if source is None:
            mended = upstream.encode_response(response, CONTEXT)
            return agree(case, ORACLES[upstream.format].read_body(200, mended), seen, client)
        return compare(case, source, seen, upstream, client, failed=False)

    return Tally(title("answers", upstream, client)).over(corpus.answers(upstream.format), run)


def agree(case: Exchange, mended: Record, seen: Record, client: Codec) -> str:
    """Where the upstream's SDK breaks down on the recording it still reads the
    recording as translated into its own format."""
    faults = same_answer(mended, seen, client.format)
    laws.hold(not faults, "; ".join(faults))
    return f"compared with its own form mended: {exceptions.UNREADABLE[case.id]}"


def refused(case: Exchange, exc: UpstreamError) -> str:
    why = exceptions.no_answer(case)
    if why is None:
        raise laws.LawBroken(f"refused: {exc}") from exc
    return f"refused: {why}"


def compare(
    case: Exchange,
    source: Record,
    seen: Record,
    upstream: Codec,
    client: Codec,
    *,
    failed: bool,
) -> str:
    """The outcome of a comparison, with what was left out and why."""
    skipped = exceptions.skipped(case, upstream.format, client.format, source)
    if "everything" in skipped:
        laws.hold(failed == (seen.error is not None), f"the SDK sees {seen.error}")
        return f"not compared: {skipped['everything']}"
    faults = same_answer(source, seen, client.format, skipped)
    laws.hold(not faults, "; ".join(faults))
    if skipped:
        return "same but for " + "; ".join(sorted({f"{k} ({v})" for k, v in skipped.items()}))
    return "an error in both" if source.error else "same"


def errors(upstream: Codec, client: Codec) -> Tally:
    """Every error answer becomes one that the client's SDK raises."""

    def run(case: Exchange) -> str:
        body = case.answer if case.answer is not None else (case.response_text or "").encode()
        failure = upstream.decode_error(case.response_status, case.response_headers, body)
        laws.hold(failure.status == case.response_status, f"status {failure.status}")
        laws.hold(failure.message, "no message")
        status, shown = client.encode_error(failure, "req_1")
        seen = ORACLES[client.format].read_body(status, shown)
        laws.hold(seen.error is not None, f"the SDK raises nothing for {status} {shown!r}")
        assert seen.error is not None
        laws.hold(seen.error.status == status, f"the SDK sees status {seen.error.status}")
        laws.hold(failure.message in seen.error.message, f"the message became {seen.error}")
        return f"{case.response_status} as {failure.kind}, shown as {status}"

    return Tally(title("errors", upstream, client)).over(corpus.errors(upstream.format), run)


# --- requests -----------------------------------------------------------------


def inbound_of(case: Exchange) -> Inbound:
    assert case.request is not None
    return _inbound(case.request, case.request_headers, case.path)


def _inbound(body: bytes, headers: dict[str, str], path: str) -> Inbound:
    match = re.search(r"/models/([^?]+):(stream)?[gG]enerateContent", path)
    if match is None:
        return Inbound(body, headers)
    return Inbound(body, headers, match[1], bool(match[2]))


_VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")


def reason(exc: InvalidRequest) -> str:
    """A refusal without what differs from request to request."""
    text = exc.failure.message.split(": ", 1)[-1] if exc.failure.param else exc.failure.message
    return _VARIES.sub("…", text)[:110]


def requests(client: Codec, upstream: Codec) -> Tally:
    """Every request decodes and is written for the upstream, or is refused with a
    declared reason; what was not carried is in the ledger."""

    def run(case: Exchange) -> str:
        return translate_request(client, upstream, inbound_of(case))

    kind = title("requests", client, upstream)
    return Tally(kind).over(corpus.requests(client.format), run)


def translate_request(client: Codec, upstream: Codec, inbound: Inbound) -> str:
    peek = laws_documents.raises_only(InvalidRequest, lambda: client.peek(inbound))
    try:
        request = client.decode_request(inbound)
    except InvalidRequest as exc:
        return f"not read: {reason(exc)}"
    if peek is None and b'"thread"' in inbound.body:
        # A part of a message thread: the decoder reads it, the endpoint refuses it.
        return "not kept here: a message thread"
    laws.hold(peek is not None, "peek refuses what decode_request takes")
    assert peek is not None
    laws.hold(
        (peek.model, peek.stream) == (request.model, request.stream),
        f"peek says {peek}, the request {request.model} {request.stream}",
    )
    ledger = Ledger(client.pointers)
    try:
        encoded = upstream.encode_request(request, "up-model", Caps(), ledger)
    except InvalidRequest as exc:
        laws.hold(exc.failure.message, "no reason")
        return f"refused: {reason(exc)}"
    msgspec.json.decode(encoded.body)
    again = upstream.encode_request(request, "up-model", Caps(), Ledger(client.pointers))
    laws.hold(again == encoded, "encoding twice gives two results")
    return "written, with losses" if any(e.reported for e in ledger.entries) else "written"


def clients(client: Codec, upstream: Codec) -> Tally:
    """What widely used clients send is read, whatever becomes of it."""

    def run(case: Exchange) -> str:
        outcome = translate_request(client, upstream, inbound_of(case))
        laws.hold(not outcome.startswith("not read"), f"a real client's request is {outcome}")
        return outcome

    kind = title("requests of clients", client, upstream)
    return Tally(kind).over(corpus.client_requests(client.format), run)


def request_identity(codec: Codec) -> Tally:
    """A request read, written for its own format and read again is the same."""

    def run(case: Exchange) -> str:
        inbound = inbound_of(case)
        try:
            laws_documents.request_round_trips(codec, inbound)
        except InvalidRequest as exc:
            return f"not read: {reason(exc)}"
        return "same"

    return Tally(title("request identity", codec)).over(corpus.requests(codec.format), run)


def answer_identity(codec: Codec) -> Tally:
    def run(case: Exchange) -> str:
        assert case.answer is not None
        try:
            laws_documents.response_round_trips(codec, case.answer)
        except UpstreamError as exc:
            return refused(case, exc)
        return "same"

    return Tally(title("answer identity", codec)).over(corpus.answers(codec.format), run)


# --- cuts ---------------------------------------------------------------------


def sample(data: bytes, count: int) -> list[int]:
    """The same places in the same stream every time."""
    draw = random.Random(zlib.crc32(data))
    return sorted(draw.randrange(len(data) + 1) for _ in range(count))


def splits(upstream: Codec, client: Codec, per_stream: int = CUTS) -> Tally:
    """Every stream, cut in two, gives the client the same bytes."""
    tally = Tally(title("two-splits", upstream, client))

    def run(case: Exchange) -> str:
        data = case.stream
        assert data is not None
        if len(data) > SMALL:
            return f"longer than {SMALL} bytes"
        borders = laws.border_cuts(data)
        cuts = sample(data, per_stream) + [borders[i] for i in sample_of(borders, per_stream)]
        tally.checks += laws.split_changes_nothing(
            lambda reads: laws.translate(upstream, client, reads), data, cuts
        )
        return "same"

    return tally.over(corpus.streams(upstream.format), run)


def sample_of(places: list[int], count: int) -> list[int]:
    draw = random.Random(len(places))
    return sorted(draw.sample(range(len(places)), min(count, len(places))))


def prefixes(upstream: Codec, client: Codec, per_stream: int = CUTS) -> Tally:
    """A stream that breaks off anywhere is an error to the client's SDK, or was complete."""
    tally = Tally(title("prefixes", upstream, client))

    def run(case: Exchange) -> str:
        data = case.stream
        assert data is not None
        if len(data) > SMALL:
            return f"longer than {SMALL} bytes"
        if goes_on(upstream, data):
            return "not compared: it goes on after a finishReason, and no end is marked"
        if case.id in exceptions.LATE_ERRORS:
            return f"not compared: {exceptions.ERROR_AFTER_FINISH}"
        whole = ORACLES[client.format].read_stream(laws.translate(upstream, client, [data]))
        borders = laws.border_cuts(data, 1)
        cuts = sorted(
            sample(data, per_stream) + [borders[i] for i in sample_of(borders, per_stream)]
        )
        ends = []
        for number, cut in enumerate(cuts):
            ends.append(
                laws.prefix_is_safe(upstream, client, data, cut, whole, ask_sdk=number % 8 == 0)
            )
            tally.checks += 1
        laws.hold(ends == sorted(ends), "success came and went")
        return "safe"

    return tally.over(corpus.streams(upstream.format), run)


def goes_on(upstream: Codec, data: bytes) -> bool:
    """A Gemini stream with content after a finishReason: nothing tells the first
    such chunk from the last, so that a break between them cannot be seen."""
    if upstream.format is not Format.GEMINI:
        return False
    first = data.find(b'"finishReason"')
    later = data.find(b'"parts"', data.find(b"\n", first))
    return 0 <= first < later


def relays(codec: Codec) -> Tally:
    """A stream relayed: the bytes that came, except where a client could not read
    them; usage, end and error as the decoder sees them."""

    def run(case: Exchange) -> str:
        assert case.stream is not None
        output, tap = laws.relay_reads(codec, relay_inbound(codec), events_of(case.stream))
        events = laws.feed_all(codec.stream_decoder(), [case.stream])
        failure = events[-1] if isinstance(events[-1], Failure) else None
        if case.id in exceptions.NOT_COMPARED:
            return f"not compared: {exceptions.NOT_COMPARED[case.id]}"
        laws.hold(
            (tap.failure is None) == (failure is None),
            f"the tap says {tap.failure}, the decoder {failure}",
        )
        reports = [event.usage for event in events if isinstance(event, UsageReport)]
        if reports:
            laws.hold(tap.usage == reports[-1], f"usage {tap.usage}, the decoder {reports[-1]}")
        if failure is None:
            # What follows the end is dropped: it must not be of the answer.
            passed = laws.feed_all(codec.stream_decoder(), [output])
            laws.same(laws.merge_deltas(events), laws.merge_deltas(passed), "what passed: ")
        if output == case.stream:
            return "failed, bytes untouched" if failure else "bytes untouched"
        if tap.terminal and case.stream.startswith(output):
            return "bytes untouched, what followed the end is gone"
        if failure is None and b"\r" not in case.stream:
            raise laws.LawBroken(laws.difference(case.stream, output))
        return "framed again"

    return Tally(title("relays", codec)).over(corpus.streams(codec.format), run)


def events_of(data: bytes) -> list[bytes]:
    """A stream in one read for each event."""
    ends = [match.end() for match in re.finditer(rb"\r\n\r\n|\n\n", data)]
    return [data[start:end] for start, end in pairwise([0, *ends, len(data)]) if start < end]


ASKING: dict[Format, dict[str, object]] = {
    Format.CHAT: {"messages": [{"role": "user", "content": "x"}]},
    Format.MESSAGES: {"max_tokens": 1, "messages": [{"role": "user", "content": "x"}]},
    Format.RESPONSES: {"input": "x"},
    Format.GEMINI: {"contents": [{"parts": [{"text": "x"}]}]},
}


def relay_inbound(codec: Codec) -> Inbound:
    """A request for a stream with usage that a relay can be made for."""
    document = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
    return Inbound(msgspec.json.encode(document | ASKING[codec.format]), {}, "m", True)
