"""The eight probes over the sixteen pairs: which there are, and which cannot be.

This is the one list that the tests, ``make conformance`` and ``docs/conformance.md``
share. A pair is an upstream's format and a client's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

from msgspec import Struct

from aigw_core.chat import Format
from aigw_core.codec import Codec
from aigw_core.codecs import CODECS
from tests.conformance import seals, streams
from tests.conformance.pitfalls import section_of_the_page


class Probe(Struct, frozen=True):
    number: int
    """Of the eight; some have several rows."""
    name: str
    run: Callable[[Codec, Codec], int]
    """Raises when the pair fails; returns how many streams it took."""
    what: str


PROBES = (
    Probe(
        1,
        "parallel calls",
        streams.parallel_calls,
        "One to four tool calls at a time, their arguments in pieces, in every order that the"
        " upstream's format can express. Same identifiers, names and argument bytes.",
    ),
    Probe(
        2,
        "no end",
        streams.cut_off,
        "The stream breaks off after any of its events, or inside of one. The client's SDK raises.",
    ),
    Probe(
        3,
        "empty",
        streams.empty_stream,
        "A 200 with no event at all, only comments or a byte order mark. The client's SDK raises.",
    ),
    Probe(
        4, "error first", streams.error_first, "The first event is an error, in each known shape."
    ),
    Probe(
        4,
        "error later",
        streams.error_later,
        "An error after any of the events. What was said before stands, no end follows.",
    ),
    Probe(
        4,
        "damage first",
        streams.damage_first,
        "The first event is no JSON, or none of the format.",
    ),
    Probe(4, "damage later", streams.damage_later, "Such an event after any of the others."),
    Probe(
        5,
        "seals",
        seals.two_turns,
        "Signatures, redacted reasoning and encrypted items go to the client, come back with the"
        " second turn as its users send it, and reach the upstream byte for byte in their place.",
    ),
    Probe(
        6,
        "reasoning",
        streams.reasoning,
        "Each piece of reasoning goes out with the read that brought it, and none of it is text.",
    ),
    Probe(
        7,
        "usage after",
        streams.usage_after,
        "The usage comes after the event that ends the answer.",
    ),
    Probe(7, "usage in", streams.usage_in, "The usage comes in the event that ends the answer."),
    Probe(
        7, "usage on every", streams.usage_every, "The usage comes on every event that can have it."
    ),
    Probe(7, "usage never", streams.usage_never, "No usage comes; none is invented."),
    Probe(
        8,
        "framing",
        streams.framing,
        "Nineteen ways to frame the same events: LF, CR, CRLF, comments, a byte order mark, event"
        " and data in separate reads, characters cut in two. The client gets the same bytes.",
    ),
)


class Impossible(Struct, frozen=True):
    """Pairs for which a probe makes no sense. ``None`` is any format."""

    probe: str
    upstream: Format | None
    client: Format | None
    reason: str


IMPOSSIBLE = (
    Impossible(
        "usage after",
        Format.RESPONSES,
        None,
        "usage stands in the response object of the last event, and no event follows that one",
    ),
    Impossible(
        "usage on every",
        Format.RESPONSES,
        None,
        "usage stands in the response object of the last event; no delta has room for it",
    ),
)

WAITING: tuple[Impossible, ...] = ()
"""Pairs whose probe cannot run yet, with what it waits for."""


def why_not(probe: Probe, upstream: Format, client: Format) -> str | None:
    """Why a probe is not run for a pair, ``None`` when it is."""
    for entry in (*IMPOSSIBLE, *WAITING):
        if (
            entry.probe == probe.name
            and entry.upstream in (None, upstream)
            and entry.client in (None, client)
        ):
            return entry.reason
    return None


def cells() -> Iterator[tuple[Probe, Format, Format]]:
    """Every probe with every pair."""
    for probe, (upstream, client) in product(PROBES, product(Format, repeat=2)):
        yield probe, upstream, client


def run(probe: Probe, upstream: Format, client: Format) -> int:
    return probe.run(CODECS[upstream], CODECS[client])


# --- the page -----------------------------------------------------------------

_SHORT = {Format.CHAT: "C", Format.MESSAGES: "M", Format.RESPONSES: "R", Format.GEMINI: "G"}


def page() -> str:
    """``docs/conformance.md``."""
    reasons: list[str] = []
    pairs = list(product(Format, repeat=2))
    head = ["probe", *[f"{_SHORT[up]}→{_SHORT[down]}" for up, down in pairs]]
    rows = [head, ["---"] * len(head)]
    tested = 0
    for probe in PROBES:
        row = [f"{probe.number} {probe.name}"]
        for upstream, client in pairs:
            reason = why_not(probe, upstream, client)
            if reason is None:
                tested += 1
                row.append("✓")
                continue
            if reason not in reasons:
                reasons.append(reason)
            row.append(f"({reasons.index(reason) + 1})")
        rows.append(row)
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    notes = "\n".join(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))
    probes = "\n".join(f"- **{probe.number} {probe.name}.** {probe.what}" for probe in PROBES)
    return _PAGE.format(
        probes=probes,
        table=table,
        notes=notes,
        cells=len(PROBES) * len(pairs),
        tested=tested,
        pitfalls=section_of_the_page(),
    )


_PAGE = """\
<!-- Written by tests/conformance; `python -m tests.conformance --write` writes it anew. -->

# Conformance

What every pair of an upstream's and a client's format is put through. `make conformance`
runs it and prints how many streams each probe took.

The streams are written by hand from the vendors' references and recordings, not by our
encoders. They pass through the same machine as in service. Three judges look at what the
client gets: the automaton of its format accepts it, the official SDK reads it, and what the
SDK saw is what the upstream said.

## Probes

{probes}

## Pairs

C Chat Completions, M Messages, R Responses, G Gemini; M→C is an upstream that speaks Messages
and a client that speaks Chat Completions. Same format on both sides is a relay, whose bytes must
be the vendor's own. {tested} of {cells} are tested.

{table}

Where a probe makes no sense for a pair:

{notes}

{pitfalls}"""
