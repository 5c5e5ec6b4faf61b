"""Every cut of every recorded stream: ``python -m tests.corpus_runs.deep [format ...]``.

For each upstream format named (all, without one), each of its recorded streams and
each place in it where the connection can be cut:

- in two reads, every client gets the same bytes (P1), and so does a relay's;
- where the stream breaks off, every client's stream ends in its error form, which
  its SDK raises, unless nothing was missing but bookkeeping (P9).

The quick runs of the same laws draw a sample. Here a stream is decoded once at each
cut for all clients, and a client's stream is written once for each different way in
which the events came.

A line for each stream goes to ``build/deep/FORMAT.jsonl`` when it is done. What
stands there is not run again while neither the code nor the recordings have changed;
``--again`` runs it all the same.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
from msgspec import Struct

from aigw_core.chat import Format
from aigw_core.codec import Codec
from aigw_core.codecs import CODECS
from aigw_core.grammar import GrammarViolation, check_stream
from tests import corpus, laws
from tests.compare import same_answer
from tests.corpus import Exchange
from tests.corpus_runs import exceptions
from tests.corpus_runs.cuts import Cut, Whole, every_cut, read_whole
from tests.corpus_runs.runs import goes_on, relay_inbound
from tests.laws import GRAMMARS, LawBroken, hold
from tests.oracles import ORACLES
from tests.oracles.record import CannotRead, Record
from tests.streams import CONTEXT

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "build" / "deep"

SHOWN = 5
"""Failures of one law on one stream that are listed; all are counted."""

ASKED = 24
"""Broken-off streams of one recording, for one client, that its SDK is asked about."""


class Column(Struct):
    """What came of one stream for one client, or of relaying it."""

    splits: int = 0
    prefixes: int = 0
    outputs: int = 0
    """Different streams that were written and judged."""
    asked: int = 0
    """Of which the SDK was asked."""
    failed: int = 0
    failures: list[str] = []
    note: str = ""

    def wrong(self, problem: str) -> None:
        self.failed += 1
        if len(self.failures) < SHOWN:
            self.failures.append(problem[:600])


class Line(Struct):
    """What came of one stream."""

    id: str
    bytes: int
    seconds: float
    columns: dict[str, Column]


class Head(Struct):
    """The first line of a file of results: of what it is."""

    digest: str


# --- one client ----------------------------------------------------------------


class Written:
    """A client's stream for a whole stream, and for each part of it."""

    def __init__(
        self, client: Codec, whole: Whole, column: Column, *, cut_picture: bool = False
    ) -> None:
        self.client = client
        self._cut_picture = cut_picture
        self.column = column
        self._events: list[Any] = whole.said
        self._fed = whole.fed
        self._seen: set[tuple[int, int]] = set()
        self._broken: dict[int, list[tuple[Any, bool]]] = {}
        self._succeeded = False
        self.output = self._encode(0, whole.fed)
        self._grammars = list(_after_each_event(client, self.output))
        self.record: Record | None = None

    def _encode(self, first: int, second: int) -> bytes:
        encoder = self.client.stream_encoder(CONTEXT)
        events = self._events
        return (
            encoder.encode(events[:first])
            + encoder.encode(events[first:second])
            + encoder.encode(events[second:])
        )

    def split(self, cut: Cut) -> None:
        """The stream came in two reads."""
        self.column.splits += 1
        if (cut.first, cut.second) in self._seen:
            return
        self._seen.add((cut.first, cut.second))
        self.column.outputs += 1
        output = self._encode(cut.first, cut.second)
        if output != self.output:
            self.column.wrong(f"cut at {cut.at}: {laws.difference(self.output, output)}")

    def broken(self, cut: Cut, ask_sdk: bool) -> None:
        """The stream broke off."""
        self.column.prefixes += 1
        known = self._broken.setdefault(cut.first, [])
        success = next((each for tail, each in known if tail == cut.broken), None)
        if success is None:
            self.column.outputs += 1
            encoder = self.client.stream_encoder(CONTEXT)
            output = encoder.encode(self._events[: cut.first]) + encoder.encode(cut.broken)
            try:
                success = self._judge(output, ask_sdk)
            except (LawBroken, GrammarViolation, CannotRead) as exc:
                if not (self._cut_picture and "base64" in str(exc)):
                    self.column.wrong(f"broken off at {cut.at}: {exc}")
                success = self._succeeded
            known.append((cut.broken, success))
        if self._succeeded and not success:
            self.column.wrong(f"broken off at {cut.at}: a success only before that")
        self._succeeded = success

    def _judge(self, output: bytes, ask_sdk: bool) -> bool:
        grammar = self._grammar_after(output)
        hold(grammar.complete != grammar.failed, f"no end: {output[-200:]!r}")
        oracle = ORACLES[self.client.format]
        if grammar.complete:
            self.column.asked += 1
            self.record = self.record or oracle.read_stream(self.output)
            faults = same_answer(
                self.record, oracle.read_stream(output), self.client.format, {"usage"}
            )
            hold(not faults, f"a success: {'; '.join(faults)}")
        elif ask_sdk:
            self.column.asked += 1
            error = oracle.read_stream(output).error
            hold(error is not None, f"the SDK sees no error in {output[-300:]!r}")
        return bool(grammar.complete)

    def _grammar_after(self, output: bytes) -> Any:
        """The automaton after ``output``, of which the start that it has in common with
        the whole stream was judged already."""
        at, copy = next(
            each for each in reversed(self._grammars) if output.startswith(self.output[: each[0]])
        )
        grammar = pickle.loads(copy)
        check_stream(grammar, output[at:])
        return grammar


def _after_each_event(client: Codec, output: bytes) -> Iterator[tuple[int, bytes]]:
    """The automaton before ``output`` and after each of its events."""
    grammar, at = GRAMMARS[client.format](), 0
    yield 0, pickle.dumps(grammar)
    while (end := output.find(b"\n\n", at) + 2) >= 2:
        try:
            check_stream(grammar, output[at:end])
        except GrammarViolation:
            return  # told by whoever judges an output that goes this far
        at = end
        yield at, pickle.dumps(grammar)


# --- one stream ----------------------------------------------------------------


def run_stream(upstream: Codec, case: Exchange) -> Line:
    data = case.stream
    assert data is not None
    start = perf_counter()
    columns = {name.value: Column() for name in Format} | {"relay": Column()}
    relay = columns.pop("relay")
    for run, told in ((_translated, columns), (_relayed, {"relay": relay})):
        try:
            run(upstream, case, data, told)
        except Exception as exc:  # noqa: BLE001 - whatever it is, this stream failed
            for column in told.values():
                column.wrong(f"{type(exc).__name__}: {exc}")
    columns["relay"] = relay
    return Line(case.id, len(data), round(perf_counter() - start, 3), columns)


def _unmarked_end(upstream: Codec, case: Exchange, data: bytes) -> str:
    """Why breaks of a stream are not judged, if they are not."""
    if goes_on(upstream, data):
        return "it goes on after a finishReason, and no end is marked"
    if case.id in exceptions.LATE_ERRORS:
        return exceptions.ERROR_AFTER_FINISH
    return ""


def _translated(upstream: Codec, case: Exchange, data: bytes, columns: dict[str, Column]) -> None:
    whole = read_whole(upstream.stream_decoder, data)
    cut_picture = case.id in exceptions.CUT_PICTURES
    clients = [
        Written(CODECS[name], whole, columns[name], cut_picture=cut_picture) for name in Format
    ]
    note = _unmarked_end(upstream, case, data)
    for written in clients:
        written.column.note = note

    def wrong(problem: str) -> None:
        for written in clients:
            written.column.wrong(problem)

    unseen = exceptions.UNSEEN_BREAKS.get(case.id, ())
    pick = _Pick(len(whole.said))
    for cut in every_cut(upstream.stream_decoder, data, whole, wrong):
        ask = pick(cut.first)
        for written in clients:
            written.split(cut)
            if cut.at < len(data) and not note and cut.at not in unseen:
                written.broken(cut, ask)


class _Pick:
    """Chooses about ``ASKED`` of ``count`` places, evenly; each once."""

    def __init__(self, count: int) -> None:
        self._step = max(1, count // ASKED)

    def __call__(self, at: int) -> bool:
        return at % self._step == 0


def _relayed(codec: Codec, case: Exchange, data: bytes, columns: dict[str, Column]) -> None:
    column = columns["relay"]
    peek = codec.peek(relay_inbound(codec))

    def make() -> Any:
        return codec.relay_tap(peek)

    whole = read_whole(make, data)
    note = column.note = _unmarked_end(codec, case, data) or exceptions.NOT_COMPARED.get(
        case.id, ""
    )
    oracle = ORACLES[codec.format]
    try:
        record = oracle.read_stream(whole.said)
    except CannotRead:
        note = column.note = note or "the SDK cannot read the recording itself"
    unseen = exceptions.UNSEEN_BREAKS.get(case.id, ())
    borders = laws.border_cuts(data, 1)
    pick = set(borders[:: max(1, len(borders) // ASKED)])
    for cut in every_cut(make, data, whole, column.wrong):
        column.splits += 1
        if note or cut.at == len(data) or cut.at in unseen:
            continue
        column.prefixes += 1
        failure = cut.machine.failure
        if failure is None and not cut.machine.terminal:
            column.wrong(f"broken off at {cut.at}: the tap sees neither end nor failure")
        if cut.at not in pick:
            continue
        output = whole.said[: cut.first] + cut.broken
        if failure is not None:
            told = cut.machine.tell(failure)
            output += codec.stream_encoder(CONTEXT).encode([failure]) if told is None else told
        column.outputs += 1
        column.asked += 1
        try:
            seen = oracle.read_stream(output)
            if failure is not None:
                hold(seen.error is not None, f"the SDK sees no error in {output[-300:]!r}")
            else:
                faults = same_answer(record, seen, codec.format, {"usage"})
                hold(not faults, f"a success: {'; '.join(faults)}")
        except (LawBroken, CannotRead) as exc:
            column.wrong(f"broken off at {cut.at}: {exc}")


# --- all of them ---------------------------------------------------------------


def digest_of(name: Format) -> str:
    """Of all that a result depends on."""
    digest = hashlib.sha256()
    root = corpus.root()
    assert root is not None
    files = [
        *sorted((ROOT / "aigw_core").rglob("*.py")),
        *sorted((ROOT / "tests").glob("*.py")),
        *sorted((ROOT / "tests" / "oracles").glob("*.py")),
        *sorted((ROOT / "tests" / "corpus_runs").glob("*.py")),
        *sorted((root / "corpus" / "cases" / name.value).glob("*.jsonl")),
    ]
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def results_of(name: Format, say: Callable[[str], None], *, again: bool) -> list[Line]:
    """Of every stream of a format: read where they stand already, else run."""
    path = RESULTS / f"{name.value}.jsonl"
    digest = digest_of(name)
    done = {} if again else _read_done(path, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    cases = corpus.streams(name)
    if done:
        say(f"{name}: {len(done)} of {len(cases)} streams stand in {path}")
    encode = msgspec.json.encode
    with path.open("wb") as file:
        file.write(encode(Head(digest)) + b"\n")
        for line in done.values():
            file.write(encode(line) + b"\n")
        for number, case in enumerate(cases, 1):
            if case.id in done:
                continue
            line = done[case.id] = run_stream(CODECS[name], case)
            file.write(encode(line) + b"\n")
            file.flush()
            failed = sum(column.failed for column in line.columns.values())
            say(
                f"{name} {number}/{len(cases)} {case.id}: {line.bytes} bytes,"
                f" {line.seconds:.1f} s{f', {failed} FAILED' if failed else ''}"
            )
    return [done[case.id] for case in cases]


def _read_done(path: Path, digest: str) -> dict[str, Line]:
    done: dict[str, Line] = {}
    try:
        head, *lines = path.read_bytes().splitlines()
        if msgspec.json.decode(head, type=Head).digest != digest:
            return {}
        for text in lines:
            line = msgspec.json.decode(text, type=Line)
            # A stream that failed is run again: that is how a failure is looked at.
            if not any(column.failed for column in line.columns.values()):
                done[line.id] = line
    except (FileNotFoundError, ValueError, msgspec.MsgspecError):
        pass  # nothing yet, or the last line is half: it was stopped
    return done


def table(name: Format, lines: list[Line]) -> list[str]:
    seconds = sum(line.seconds for line in lines)
    rows = [f"{name} upstream: {len(lines)} streams, {seconds:.0f} s"]
    for column in (*(each.value for each in Format), "relay"):
        each = [line.columns[column] for line in lines]
        rows.append(
            f"  {column:10} {sum(c.splits for c in each):9} cuts in two"
            f" {sum(c.prefixes for c in each):9} breaks"
            f" ({sum(bool(c.note) for c in each)} streams not judged)"
            f" {sum(c.outputs for c in each):8} outputs"
            f" {sum(c.asked for c in each):7} read by the SDK"
            f" {sum(c.failed for c in each):6} FAILED"
        )
        for line in lines:
            rows += [f"      ! {line.id}: {text}" for text in line.columns[column].failures]
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus_runs.deep")
    parser.add_argument("formats", nargs="*", type=Format, help="upstream formats; all without one")
    parser.add_argument("--again", action="store_true", help="also what has been run already")
    arguments = parser.parse_args()
    if corpus.root() is None:
        sys.stdout.write(corpus.ABSENT + "\n")
        return 2
    names = arguments.formats or list(Format)
    start = perf_counter()

    def say(text: str) -> None:
        sys.stdout.write(f"[{perf_counter() - start:5.0f} s] {text}\n")
        sys.stdout.flush()

    results = {name: results_of(name, say, again=arguments.again) for name in names}
    for name, lines in results.items():
        sys.stdout.write("\n".join(table(name, lines)) + "\n")
    return int(
        any(
            column.failed
            for lines in results.values()
            for line in lines
            for column in line.columns.values()
        )
    )


if __name__ == "__main__":
    sys.exit(main())
