"""What an exchange promises, as laws over any behaviour of the upstreams.

Each law is also run against an exchange with one planted bug, and must fail there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from aigw_core.chat import Format
from aigw_core.codecs import CODECS
from aigw_core.commands import (
    Abort,
    Command,
    Drop,
    Emit,
    End,
    Reply,
    ResponseData,
    ResponseEof,
    Send,
)
from aigw_core.config.snapshot import RetryPolicy, Snapshot, Timeouts
from aigw_core.errors import ErrorKind, Failure, ProtocolMisuse
from aigw_core.exchange import CLIENT_CLOSED, Exchange
from aigw_core.health import Health
from aigw_core.routing.target import Match, Target
from aigw_core.wire_request import FailureKind
from tests.simulate import JSON, Broken, Data, Eof, Head, Run, Step, credential, route_of, simulate

OPENING = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"u","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
WORD = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"u","choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}]}\n\n'
FINISH = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"u","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error":{"message":"overloaded","type":"server_error","code":"overloaded"}}\n\n'
GARBAGE = b"data: {not json\n\n"
REFUSAL = b'{"error":{"message":"no","type":"server_error","param":null,"code":null}}'

GOOD: list[Step] = [Head(), Data(OPENING), Data(WORD), Data(WORD), Data(FINISH + DONE), Eof()]
POLICY = Snapshot("test", retry=RetryPolicy(attempts=3, stream_attempts=3))


@st.composite
def scripts(draw: st.DrawFn) -> list[Step]:
    """Some behaviour of an upstream, good or bad, fast or slow."""
    pause = st.sampled_from([0.0, 0.0, 0.0, 0.01, 1.0, 20.0, 400.0])
    steps: list[Step] = []
    first = draw(st.sampled_from(["head", "refused", "broken", "silent"]))
    if first == "silent":
        return steps
    if first == "broken":
        return [Broken(draw(st.sampled_from(list(FailureKind))), draw(pause))]
    if first == "refused":
        status = draw(st.sampled_from([301, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 529]))
        steps.append(Head(status, JSON, draw(pause)))
        steps.append(Data(draw(st.sampled_from([REFUSAL, b"<html>", b"x" * 70_000])), draw(pause)))
        steps.append(Eof() if draw(st.booleans()) else Broken())
        return steps
    steps.append(Head(pause=draw(pause)))
    pieces = draw(
        st.lists(st.sampled_from([OPENING, WORD, WORD, FINISH, DONE, ERROR, GARBAGE]), max_size=6)
    )
    steps += [Data(piece, draw(pause)) for piece in pieces]
    if draw(st.booleans()):
        steps.append(Eof() if draw(st.booleans()) else Broken())
    return steps


runs = st.fixed_dictionaries(
    {
        "scripts": st.lists(st.one_of(scripts(), st.just(GOOD)), min_size=1, max_size=4),
        "targets": st.integers(1, 4),
        "client_leaves": st.none() | st.sampled_from([0.0, 0.005, 0.5, 30.0]),
        "roll": st.floats(0, 0.999),
        "upstream": st.sampled_from([Format.CHAT]),
        "client": st.sampled_from([Format.CHAT, Format.MESSAGES]),
    }
)


# --- the laws ----------------------------------------------------------------


def one_answer(run: Run) -> None:
    """One reply, then body, then one end; nothing after it."""
    kinds = [type(command) for _, command in run.commands if not isinstance(command, Send | Drop)]
    assert kinds.count(Reply) <= 1
    assert kinds.count(End) + kinds.count(Abort) <= 1
    if Emit in kinds:
        assert kinds[0] is Reply
    if run.client_gone_at is None:
        assert kinds, "the client was left without an answer"
        assert kinds[-1] in (End, Abort)


def no_failover_after_content(run: Run) -> None:
    """Once the client has seen some of an answer, no other attempt begins."""
    seen = False
    for _, command in run.commands:
        if isinstance(command, Emit) and b"word" in command.data:
            seen = True
        assert not (seen and isinstance(command, Send))


def bounded_attempts(run: Run) -> None:
    assert run.sends <= POLICY.retry.stream_attempts


def nothing_leaks(run: Run) -> None:
    """Every upstream call ended by itself or was dropped, and none is counted on."""
    assert not run.open_attempts
    assert all(run.health.in_flight(f"id-{number}") == 0 for number in range(4))


def honest_end(run: Run) -> None:
    """A failed answer has no success terminator; a good one has exactly one, last."""
    record = run.exchange.record
    if run.client_gone_at is not None:
        return
    terminator = DONE if record.format is Format.CHAT else b"event: message_stop\n"
    if record.failure is None and record.status == 200:
        # A relayed stream ends as its upstream ended it: some never write [DONE].
        relayed = record.relayed and FINISH in run.body
        assert run.body.count(terminator) == 1 or (relayed and terminator not in run.body)
    else:
        assert run.body.count(terminator) == 0
        assert b'"error"' in run.body or run.aborted


def client_gone_is_final(run: Run) -> None:
    """When the client leaves, the upstream is dropped at once and nothing follows."""
    if run.client_gone_at is None:
        return
    after = [command for at, command in run.commands if at > run.client_gone_at]
    assert all(isinstance(command, Drop) for command in after)
    ended = any(isinstance(command, End | Abort) for _, command in run.commands)
    assert ended or run.exchange.record.status == CLIENT_CLOSED


def one_record(run: Run) -> None:
    record = run.exchange.record
    assert len(record.attempts) == run.sends
    assert record.seconds >= 0


LAWS = [
    one_answer,
    no_failover_after_content,
    bounded_attempts,
    nothing_leaks,
    honest_end,
    client_gone_is_final,
    one_record,
]


def run_case(case: dict[str, Any], make: Callable[..., Exchange] = Exchange) -> Run:
    return simulate(snapshot=POLICY, make=make, **case)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(runs)
def test_laws_hold_for_any_upstream(case: dict[str, Any]) -> None:
    run = run_case(case)
    for law in LAWS:
        law(run)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(runs)
def test_a_run_replays_from_its_inputs(case: dict[str, Any]) -> None:
    assert run_case(case).commands == run_case(case).commands


# --- planted bugs ------------------------------------------------------------


class FailsOverLate(Exchange):
    """Tries another target although content was sent."""

    def _break_off(self, failure: Failure, now: float, *, dropped: bool = False) -> list[Command]:
        commands: list[Command] = [] if dropped else [Drop(self._number)]
        return commands + self._retry_or_fail(failure, now)


class ForgetsTheUpstream(Exchange):
    """Leaves the upstream running when the client leaves."""

    def receive(self, fact: Any, now: float) -> list[Command]:
        commands = super().receive(fact, now)
        return [command for command in commands if not isinstance(command, Drop)]


class EndsTwice(Exchange):
    def _fail(self, failure: Failure, now: float) -> list[Command]:
        return [*super()._fail(failure, now), End()]


class NeverGivesUp(Exchange):
    def _retry_or_fail(self, failure: Failure, now: float) -> list[Command]:
        self._attempts_left = max(self._attempts_left, 1 if self._number < 9 else 0)
        return super()._retry_or_fail(failure, now)


class PretendsSuccess(Exchange):
    """Ends a broken stream as if it were complete."""

    def _fail(self, failure: Failure, now: float) -> list[Command]:
        commands = super()._fail(failure, now)
        if not self._reply.content_sent:
            return commands
        terminator = DONE if self._call.codec.format is Format.CHAT else b"event: message_stop\n\n"
        return [Emit(terminator) if isinstance(each, Emit) else each for each in commands]


class TalksToTheGone(Exchange):
    def receive(self, fact: Any, now: float) -> list[Command]:
        gone = self._client_left
        commands = super().receive(fact, now)
        return [*commands, Emit(b"hello?")] if gone or self._client_left else commands


class CountsTwice(Exchange):
    def _leave_attempt(self, now: float, failure: Failure | None) -> None:
        super()._leave_attempt(now, failure)
        if self._records:
            self._records.append(self._records[-1])


BUGS = [
    (FailsOverLate, no_failover_after_content),
    (ForgetsTheUpstream, nothing_leaks),
    (EndsTwice, one_answer),
    (NeverGivesUp, bounded_attempts),
    (PretendsSuccess, honest_end),
    (TalksToTheGone, one_answer),
    (CountsTwice, one_record),
]


@pytest.mark.parametrize(("bug", "law"), BUGS, ids=lambda each: each.__name__)
def test_each_law_catches_its_bug(bug: type[Exchange], law: Callable[[Run], None]) -> None:
    # One bug is enough; several together would come as a group. That it is found is
    # what counts: making its example small would take ten times as long.
    @settings(
        max_examples=400,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate],
    )
    @given(runs)
    def hunt(case: dict[str, Any]) -> None:
        law(run_case(case, make=bug))

    with pytest.raises((AssertionError, ProtocolMisuse)):
        hunt()


# --- examples ----------------------------------------------------------------


def test_a_good_stream_is_relayed_byte_for_byte() -> None:
    run = simulate([GOOD])
    assert run.status == 200
    assert run.body == OPENING + WORD + WORD + FINISH + DONE
    assert run.headers["content-type"].startswith("text/event-stream")
    assert run.headers["x-aigw-attempts"] == "1"


def test_an_overload_as_first_event_fails_over_unseen() -> None:
    run = simulate([[Head(), Data(OPENING + ERROR), Eof()], GOOD])
    assert run.sends == 2
    assert run.status == 200
    assert b"overloaded" not in run.body
    assert run.body.endswith(DONE)


def test_opening_bytes_wait_for_content() -> None:
    run = simulate([[Head(), Data(OPENING, 1.0), Data(WORD, 1.0), Data(FINISH + DONE), Eof()]])
    replies = [at for at, command in run.commands if isinstance(command, Reply)]
    assert replies == [2.0]


def test_an_error_after_content_is_told_in_band() -> None:
    run = simulate([[Head(), Data(OPENING + WORD), Broken()], GOOD])
    assert run.sends == 1
    assert run.status == 200
    assert b'"error"' in run.body
    assert DONE not in run.body
    assert run.exchange.record.failure is not None


def test_silence_before_the_head_fails_over_at_the_first_byte_deadline() -> None:
    run = simulate([[], GOOD], snapshot=Snapshot("t", keepalive=0))
    sends = [at for at, command in run.commands if isinstance(command, Send)]
    assert len(sends) == 2
    assert 300.0 <= sends[1] < 302.1


def test_silence_midway_ends_at_the_idle_deadline() -> None:
    run = simulate([[Head(), Data(OPENING + WORD)]], snapshot=Snapshot("t", keepalive=0))
    assert run.commands[-1][0] == 300.0
    assert b"sent nothing for 300 s" in run.body


def test_keepalives_come_before_the_first_byte_too_and_leave_failover_open() -> None:
    run = simulate([[Broken(pause=40.0)], GOOD])
    emits = [(at, each.data) for at, each in run.commands if isinstance(each, Emit)]
    assert emits[0] == (15.0, b": keepalive\n\n")
    assert emits[1][0] == 30.0
    assert run.sends == 2
    assert run.body.endswith(DONE)


@pytest.mark.parametrize("client", [Format.CHAT, Format.MESSAGES])
def test_ten_silent_minutes_outlive_a_proxy_of_one(client: Format) -> None:
    """A model that thinks without a word, behind something that cuts after 60 s."""
    thinking: list[Step] = [
        Head(),
        Data(OPENING),
        Data(WORD),
        Data(WORD, 600.0),
        Data(FINISH + DONE),
        Eof(),
    ]
    run = simulate([thinking], client=client, timeouts=Timeouts(idle=900.0))
    times = [at for at, each in run.commands if isinstance(each, Emit | Reply)]
    assert times[-1] >= 600.0
    assert max(later - earlier for earlier, later in pairwise(times)) <= 60.0
    assert run.ended
    cut = simulate([thinking], client=client, timeouts=Timeouts(idle=300.0))
    assert cut.commands[-1][0] == 300.0


def test_an_error_after_a_keepalive_is_told_in_band() -> None:
    run = simulate(
        [[Broken(pause=20.0)]],
        targets=1,
        snapshot=Snapshot("t", retry=RetryPolicy(stream_attempts=1)),
    )
    assert run.status == 200
    assert b'"error"' in run.body
    assert DONE not in run.body


def test_a_whole_answer_has_a_length_and_a_total_limit() -> None:
    answer = b'{"id":"c","object":"chat.completion","created":1,"model":"u","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
    run = simulate([[Head(200, JSON), Data(answer[:9]), Data(answer[9:]), Eof()]], stream=False)
    assert run.body == answer
    assert run.headers["content-length"] == str(len(answer))
    slow = simulate([[Head(200, JSON), Data(answer[:9])]], stream=False)
    assert slow.status == 504
    assert slow.commands[-1][0] == 600.0


WHOLE = b'{"id":"c","object":"chat.completion","created":1,"model":"u","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
PATIENT = Snapshot("t", non_stream_keepalive=5.0, retry=RetryPolicy(max_backoff=0.0))


@pytest.mark.parametrize("upstream", [Format.CHAT, Format.MESSAGES])
def test_spaces_come_ahead_of_a_slow_document_and_leave_failover_open(upstream: Format) -> None:
    answer = WHOLE
    if upstream is Format.MESSAGES:
        answer = b'{"id":"m","type":"message","role":"assistant","model":"u","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}'
    slow: list[Step] = [Head(200, JSON, 7.0), Data(answer[:9]), Data(answer[9:], 7.0), Eof()]
    run = simulate([[Broken(pause=12.0)], slow], stream=False, upstream=upstream, snapshot=PATIENT)
    emits = [(at, each.data) for at, each in run.commands if isinstance(each, Emit)]
    assert [at for at, data in emits if data == b" "] == [5.0, 10.0, 15.0, 20.0, 25.0]
    assert (run.status, run.sends, run.ended) == (200, 2, True)
    assert "content-length" not in run.headers
    assert json.loads(run.body)["choices"][0]["message"]["content"] == "hi"


def test_a_quick_document_has_no_spaces() -> None:
    run = simulate([[Head(200, JSON, 4.0), Data(WHOLE), Eof()]], stream=False, snapshot=PATIENT)
    assert (run.body, run.headers["content-length"]) == (WHOLE, str(len(WHOLE)))


def test_an_error_after_spaces_is_a_document() -> None:
    run = simulate([[Head(400, JSON, 7.0), Data(REFUSAL), Eof()]], stream=False, snapshot=PATIENT)
    assert (run.status, run.ended, run.aborted) == (200, True, False)
    assert json.loads(run.body)["error"]["message"] == "no"
    cut = simulate(
        [[Head(200, JSON, 7.0), Data(WHOLE[:50]), Broken()]], stream=False, snapshot=PATIENT
    )
    assert (cut.status, cut.ended) == (200, True)
    assert json.loads(cut.body)["error"]


def test_the_clients_mistake_is_not_retried() -> None:
    run = simulate([[Head(400, JSON), Data(REFUSAL), Eof()], GOOD])
    assert run.sends == 1
    assert run.status == 400


def test_a_refused_key_of_ours_is_no_401_for_the_client() -> None:
    run = simulate([[Head(401, JSON), Data(REFUSAL), Eof()]])
    assert run.sends == 2
    assert run.status == 502
    assert run.headers["x-aigw-origin"] == "upstream"


def test_a_limit_names_its_wait() -> None:
    limited: list[Step] = [Head(429, {**JSON, "retry-after": "17"}), Data(REFUSAL), Eof()]
    run = simulate([limited])
    assert run.status == 429
    assert run.headers["retry-after"] == "17"
    assert run.health.rest("id-0", "upstream-model") is not None


def test_one_target_is_tried_again_after_a_pause() -> None:
    run = simulate([[Head(503, JSON), Data(REFUSAL), Eof()], GOOD], targets=1, roll=0.5)
    sends = [at for at, command in run.commands if isinstance(command, Send)]
    assert sends == [0.0, 0.05]


def test_bytes_after_the_end_cost_the_connection_only() -> None:
    run = simulate([[*GOOD[:-1], Data(b"data: more\n\n"), Eof()]])
    assert run.exchange.record.failure is None
    assert run.all_of(Drop) == [Drop(1)]


def test_the_upstreams_last_bytes_are_waited_for() -> None:
    run = simulate([[*GOOD[:-1], Eof(pause=0.5)]])
    assert run.all_of(Drop) == []
    late = simulate([GOOD[:-1]])
    assert late.all_of(Drop) == [Drop(1)]
    assert late.commands[-1][0] == 1.0


def test_late_news_of_a_dropped_attempt_is_ignored() -> None:
    run = simulate([[], GOOD], snapshot=Snapshot("t", keepalive=0))
    exchange = run.exchange
    assert exchange.receive(ResponseData(1, WORD), 999.0) == []


def test_impossible_news_is_misuse() -> None:
    made: list[Exchange] = []

    def make(*arguments: Any) -> Exchange:
        made.append(Exchange(*arguments))
        return made[0]

    simulate([GOOD], make=make)
    target = Target(credential(0, Format.CHAT), "m", Match.EXACT)
    route = route_of([target], POLICY, Health())
    fresh = Exchange(made[0]._call, route, POLICY, CODECS, lambda: 0.0)
    fresh.start(0.0)
    with pytest.raises(ProtocolMisuse):
        fresh.receive(ResponseEof(1), 0.0)


def test_an_untranslatable_request_is_the_clients_mistake() -> None:
    body = b'{"model":"m","stream":true,"n":2,"messages":[{"role":"user","content":"hi"}]}'
    run = simulate([GOOD], body=body, upstream=Format.MESSAGES)
    assert run.sends == 0
    assert run.status == 400
    assert b"/n" in run.body
    assert run.exchange.record.failure is not None
    assert run.exchange.record.failure.kind is ErrorKind.INVALID_REQUEST
