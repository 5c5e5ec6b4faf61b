"""The automata accept what the vendors themselves send.

They are strict about what *we* may send; where that is stricter than a vendor
is to its own clients, the difference is listed here. A rule that a vendor breaks
all the time would be a wrong rule.
"""

from __future__ import annotations

import json

import pytest

from aigw_core.chat import Format
from aigw_core.grammar import GrammarViolation
from aigw_core.sse import SseDecoder, SseEvent
from tests import corpus
from tests.corpus_runs.tally import Tally
from tests.laws import GRAMMARS

pytestmark = corpus.needs_corpus

HOSTS = {
    Format.CHAT: "api.openai.com",
    Format.MESSAGES: "api.anthropic.com",
    Format.RESPONSES: "api.openai.com",
    Format.GEMINI: "generativelanguage.googleapis.com",
}

STRICTER: dict[Format, dict[str, int]] = {
    Format.CHAT: {
        # Recorded behind another gateway on the vendor's host name.
        "unknown fields in a chunk": 4,
        # Moderation results come last; the SDK then forgets the usage.
        "a chunk after the usage chunk": 1,
    },
    Format.MESSAGES: {
        # Several streams in one test file of an SDK's authors; a [DONE] of a proxy.
        "after message_stop": 4,
        # Placeholders that the recorder put in.
        "a thinking block starts with its signature": 2,
        # A tool call that the token limit cut off: its block is not closed.
        "message_delta with an open block": 1,
    },
    Format.RESPONSES: {
        # The final encrypted_content differs from that of output_item.done.
        "the output of the terminal event": 5,
        # Test files of SDK authors, and a stream resumed in the middle.
        "sequence_number": 5,
        "response.parallel_tool_calls": 1,
    },
    Format.GEMINI: {
        # Arguments in pieces end with an empty call; we send calls whole.
        "a call without name": 2,
        # Code execution: a first finishReason before the code's output.
        "candidate 0 goes on after its finishReason": 2,
    },
}


@pytest.mark.parametrize("name", Format)
def test_the_vendors_own_streams_are_legal(name: Format) -> None:
    cases = [case for case in corpus.streams(name) if case.provider_host == HOSTS[name]]
    tally = Tally(f"native streams, {name}")

    def run(case: corpus.Exchange) -> str:
        grammar = GRAMMARS[name]()
        decoder = SseDecoder()
        assert case.stream is not None
        try:
            for event in [*decoder.feed(case.stream), *decoder.eof()]:
                assert isinstance(event, SseEvent)
                grammar.accept(_without_padding(event))
        except GrammarViolation as exc:
            for start in STRICTER[name]:
                if str(exc).startswith(start):
                    return start
            raise
        if not grammar.complete:
            assert "stream-no-terminal" in case.tags or grammar.failed, grammar
            return "no end"
        return "legal"

    tally.over(cases, run).assert_clean()
    exceptions = {word: count for word, count in tally.outcomes.items() if word in STRICTER[name]}
    assert exceptions == STRICTER[name]
    assert tally.outcomes["legal"] > 0.8 * tally.cases


def _without_padding(event: SseEvent) -> SseEvent:
    # Random padding against length analysis; only the vendor has a use for it.
    if b'"obfuscation"' not in event.data:
        return event
    data = json.loads(event.data)
    data.pop("obfuscation", None)
    return SseEvent(event.name, json.dumps(data).encode())
