"""The mutation law over recorded and captured requests, and that it sees losses."""

from __future__ import annotations

from functools import cache

import pytest
from msgspec.structs import replace

from aigw_core import ledger, translate
from aigw_core.chat import ChatRequest, Format, Sampling
from aigw_core.codec import Inbound
from aigw_core.ledger import Ledger
from tests import corpus
from tests.conformance import mutations
from tests.conformance.mutation_exceptions import SILENT
from tests.conformance.mutations import Search, paths, pattern
from tests.conformance.mutations import mutations as mutations_of
from tests.corpus import DEEP, Exchange, Source

PER_PATTERN = None if DEEP else 12


@pytest.fixture(autouse=True)
def _whole_ledgers(monkeypatch: pytest.MonkeyPatch) -> None:
    # Entries beyond the limit are counted only; here each is looked for.
    monkeypatch.setattr(ledger, "MAX_ENTRIES", 1 << 30)


@cache
def searched(client: Format) -> Search:
    search = Search(client, PER_PATTERN)
    return search.over([*corpus.requests(client), *corpus.client_requests(client)])


@corpus.needs_corpus
@pytest.mark.timeout(600)
@pytest.mark.parametrize("client", Format)
def test_nothing_is_lost_in_silence(client: Format) -> None:
    search = searched(client)
    shown = [
        f"{loss.what} {loss.pattern} = {loss.value!r:.60} to {loss.upstream} ({loss.case})"
        for loss in search.losses
    ]
    assert not shown, f"{len(shown)} losses\n" + "\n".join(sorted(set(shown))[:40])
    assert search.tried > 5000
    assert len({name for name, _ in search.patterns}) > 150


@corpus.needs_corpus
@pytest.mark.timeout(600)
@pytest.mark.skipif(not DEEP, reason="a sample need not meet every exception")
@pytest.mark.parametrize("client", Format)
def test_every_exception_is_needed(client: Format) -> None:
    own = {number for number, entry in enumerate(SILENT) if entry.client is client}
    assert own == {number for number in searched(client).excepted if number >= 0}


REQUEST = (
    b'{"model":"m","seed":7,"temperature":0.5,'
    b'"messages":[{"role":"user","content":[{"type":"text","text":"hi"}],"name":"ann"}]}'
)
CASE = Exchange("made-up", "chat", "h", "/v1/chat/completions", 200, Source("", ""), {})
CASE.request_body = type(CASE.request_body)(REQUEST)


def losses(client: Format = Format.CHAT) -> set[tuple[str, str]]:
    found = Search(client, None).over([CASE]).losses
    return {(loss.what, loss.pattern) for loss in found}


def test_a_request_that_is_carried_loses_nothing() -> None:
    assert losses() == set()


def test_a_field_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = translate.translate_request

    def forgetful(inbound: Inbound, request: ChatRequest, *rest: object) -> object:
        return real(inbound, replace(request, sampling=Sampling()), *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(mutations, "translate_request", forgetful)
    assert losses() == {
        (what, path) for what in ("deleted", "changed") for path in ("/seed", "/temperature")
    }


def test_an_entry_that_is_not_made_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "record", lambda *args, **more: None)
    assert ("deleted", "/messages[user]/name") in losses()


def test_patterns_tell_kinds_apart() -> None:
    document = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "tools": [{"type": "function", "function": {"parameters": {"type": "object"}}}],
    }
    assert {pattern(path, document) for path in paths(document)} == {
        "/messages",
        "/messages[user]",
        "/messages[user]/role",
        "/messages[user]/content",
        "/messages[user]/content[text]",
        "/messages[user]/content[text]/type",
        "/messages[user]/content[text]/text",
        "/tools",
        "/tools[function]",
        "/tools[function]/type",
        "/tools[function]/function",
        "/tools[function]/function/parameters",
        "/tools[function]/function/parameters/**",
    }


def test_a_mutation_changes_one_thing_and_leaves_the_document() -> None:
    document = {"a": [{"b": 1, "c": "x"}]}
    found = {mutation.what: mutation.document for mutation in mutations_of(document, ("a", 0, "b"))}
    assert found == {"deleted": {"a": [{"c": "x"}]}, "changed": {"a": [{"b": 2, "c": "x"}]}}
    assert document == {"a": [{"b": 1, "c": "x"}]}
