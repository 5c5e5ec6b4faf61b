"""Planted faults, which the probes must see. A probe that sees none proves nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from aigw_core import translate
from aigw_core.chat import Format
from aigw_core.codecs import CODECS
from aigw_core.errors import Failure
from aigw_core.events import (
    AnswerEnd,
    ChoiceStop,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from aigw_core.grammar import GrammarViolation
from aigw_core.seals import Opened
from aigw_core.translate import Relay, Transcoder
from tests.conformance.table import PROBES
from tests.laws import LawBroken

Change = Callable[[StreamEvent], list[StreamEvent]]


def _first_call_gets_all(event: StreamEvent) -> list[StreamEvent]:
    return [replace(event, part=1) if isinstance(event, ToolCallDelta) else event]


def _failures_are_ends(event: StreamEvent) -> list[StreamEvent]:
    return [AnswerEnd()] if isinstance(event, Failure) else [event]


def _failures_are_silence(event: StreamEvent) -> list[StreamEvent]:
    return [] if isinstance(event, Failure) else [event]


def _reasoning_is_text(event: StreamEvent) -> list[StreamEvent]:
    if isinstance(event, ReasoningDelta):
        return [TextDelta(event.part, event.text)]
    return [event]


def _usage_is_lost(event: StreamEvent) -> list[StreamEvent]:
    return [] if isinstance(event, UsageReport) else [event]


def _stop_is_lost(event: StreamEvent) -> list[StreamEvent]:
    return [] if isinstance(event, ChoiceStop | AnswerEnd) else [event]


FAULTS = [
    ("parallel calls", _first_call_gets_all),
    ("no end", _failures_are_ends),
    ("no end", _failures_are_silence),
    ("empty", _failures_are_silence),
    ("error first", _failures_are_silence),
    ("error later", _failures_are_ends),
    ("damage first", _failures_are_silence),
    ("damage later", _failures_are_ends),
    ("reasoning", _reasoning_is_text),
    ("usage after", _usage_is_lost),
    ("usage in", _usage_is_lost),
    ("usage on every", _usage_is_lost),
    ("usage never", _stop_is_lost),
]


def _run(name: str, upstream: Format, client: Format) -> None:
    probe = next(probe for probe in PROBES if probe.name == name)
    probe.run(CODECS[upstream], CODECS[client])


@pytest.mark.parametrize(("name", "change"), FAULTS)
def test_a_translation_that_errs_is_seen(
    name: str, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_on = Transcoder._pass_on

    def err(self: Transcoder, events: list[StreamEvent]) -> bytes:
        return passed_on(self, [new for event in events for new in change(event)])

    monkeypatch.setattr(Transcoder, "_pass_on", err)
    with pytest.raises((LawBroken, GrammarViolation, KeyError, ValueError)):
        _run(name, Format.CHAT, Format.MESSAGES)


def test_a_failure_that_is_told_twice_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    fail = Relay.fail
    monkeypatch.setattr(Relay, "fail", lambda self, failure: fail(self, failure) * 2)
    with pytest.raises(LawBroken):
        _run("error later", Format.GEMINI, Format.GEMINI)


def test_a_relay_that_changes_a_word_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Relay.feed
    monkeypatch.setattr(
        Relay, "feed", lambda self, data: feed(self, data).replace(b"Let me ", b"Let us ")
    )
    with pytest.raises(LawBroken):
        _run("reasoning", Format.MESSAGES, Format.MESSAGES)


def test_reads_that_matter_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Transcoder.feed
    monkeypatch.setattr(
        Transcoder, "feed", lambda self, data: feed(self, data) if data != b"\r" else b""
    )
    with pytest.raises(LawBroken):
        _run("framing", Format.CHAT, Format.RESPONSES)


def test_a_seal_that_is_lost_or_goes_anywhere_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate, "unseal", lambda request, *args, **more: request)
    with pytest.raises(LawBroken):
        _run("seals", Format.MESSAGES, Format.CHAT)
    monkeypatch.undo()
    monkeypatch.setattr(Opened, "fits", lambda self, target, also_read=(): True)
    with pytest.raises(LawBroken):
        _run("seals", Format.MESSAGES, Format.CHAT)
