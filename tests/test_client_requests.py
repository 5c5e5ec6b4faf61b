"""What widely used clients send, for upstreams of every format.

Each captured request is accepted, and what each target cannot take of it is exactly
what ``LOSSES`` lists: an entry that is not there fails, and so does one that no
longer occurs.
"""

from __future__ import annotations

import re

import pytest

from aigw_core.chat import Format
from aigw_core.codec import Caps, Inbound
from aigw_core.codecs import CODECS
from aigw_core.ledger import Ledger, LedgerEntry
from aigw_core.translate import translate_request
from tests.client_losses import LOSSES
from tests.corpus import ABSENT, Exchange, client_requests, root
from tests.corpus_runs.runs import inbound_of

NOT_TRANSLATED = {
    "node-anthropic.S3": "message threads: kept by the vendor, answered with a 400 of their own",
    "py-anthropic.S3": "message threads",
    "py-openai-responses.S1#1": "names an earlier response, which is put in its place before",
}
"""Requests by identifier, or the beginning of it, with the reason."""

_NUMBER = re.compile(r"/\d+(?=/|$)")


def translated(case: Exchange) -> bool:
    return not any(case.id.startswith(start) for start in NOT_TRANSLATED)


CASES = [case for format in CODECS for case in client_requests(format) if translated(case)]
CLIENTS = sorted({case.source.repo for case in CASES})

captured = pytest.mark.skipif(root() is None, reason=ABSENT)


def losses(case: Exchange, target: Format) -> list[LedgerEntry]:
    """What the ledger says; the target's own decoder accepts what came out."""
    source, upstream = CODECS[Format(case.format)], CODECS[target]
    inbound = inbound_of(case)
    if source is upstream:
        # A relay; what the encoder does with its own format is looked at all the same.
        ledger = Ledger(source.pointers)
        encoded = upstream.encode_request(source.decode_request(inbound), "m", Caps(), ledger)
        entries = ledger.entries
    else:
        request = source.decode_request(inbound)
        done = translate_request(inbound, request, source, upstream, "m", Caps())
        encoded, entries = done.encoded, list(done.ledger)
    again = upstream.decode_request(Inbound(encoded.body, dict(encoded.headers), "m", True))
    assert again.model.endswith("m")
    return entries


def words(entry: LedgerEntry) -> str:
    """As ``LOSSES`` writes it: numbers are ``*``, and ``!`` marks what is reported."""
    return entry.code + "!" * entry.reported + " " + _NUMBER.sub("/*", entry.pointer)


@captured
def test_there_are_captured_requests() -> None:
    assert len(CASES) > 60


@captured
@pytest.mark.parametrize("target", CODECS)
@pytest.mark.parametrize("client", CLIENTS)
def test_nothing_is_lost_that_is_not_listed(client: str, target: Format) -> None:
    found: set[str] = set()
    for case in CASES:
        if case.source.repo == client:
            found.update(map(words, losses(case, target)))
    listed = LOSSES.get(client, {}).get(target.value, "")
    expected = {line.strip() for line in listed.splitlines() if line.strip()}
    assert found == expected
