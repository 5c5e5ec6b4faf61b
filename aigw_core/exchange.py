"""One client request with all its attempts: facts go in, wishes come out.

Theory of operation
-------------------
An exchange tries targets one after another until an answer reaches the client
or nothing is left to try. It knows the policy and parses no bytes; its attempts
parse bytes and know no policy.

What the client has been sent is kept in :class:`ClientReply`: once it has seen
content, no other target can take over.

AWAITING_HEAD   a request is on its way to the target
READING_ERROR   the target refused; its error answer is being read
BOOTSTRAP       the answer has begun, but nothing in it that a client would
                notice; its bytes are held, since it may still turn into a failure
STREAMING       content has reached the client
BACKING_OFF     a pause before the next attempt
DRAINING        the client has the whole answer; the upstream's last bytes are
                waited for, so that its connection can be used again
CLOSED          nothing more happens

Time is a pulled deadline: call ``receive(Tick(), now)`` when ``deadline`` has
come (an early tick does no harm). Every input about an attempt bears its
number; news of an attempt that was dropped is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto

from aigw_core.attempt import MAX_OPENING, Attempt, AttemptRecord, Call
from aigw_core.chat import Format, Usage
from aigw_core.client_reply import ClientReply
from aigw_core.clocks import Clocks
from aigw_core.codec import Codec
from aigw_core.commands import (
    Abort,
    ClientGone,
    ClientReads,
    Command,
    Drop,
    Input,
    ResponseData,
    ResponseEof,
    ResponseHead,
    Send,
    Stopping,
    Tick,
    UpstreamFailed,
)
from aigw_core.config.snapshot import Snapshot
from aigw_core.dispatch import Dispatch
from aigw_core.errors import ErrorKind, Failure, GatewayError, ProtocolMisuse
from aigw_core.record import ExchangeRecord
from aigw_core.routing.plan import RoutePlan
from aigw_core.routing.retry import Verdict, backoff
from aigw_core.routing.route import Route
from aigw_core.routing.target import Target

ERROR_TIMEOUT = 10.0
"""Seconds to read the rest of an error answer."""

DRAIN_TIMEOUT = 1.0
"""Seconds to wait for the upstream's last bytes after its terminal marker."""

CLIENT_CLOSED = 499
"""The status recorded for a request whose client left."""


class State(Enum):
    __hash__ = object.__hash__  # Enum's own is a function of Python's

    NEW = auto()
    AWAITING_HEAD = auto()
    READING_ERROR = auto()
    BOOTSTRAP = auto()
    STREAMING = auto()
    BACKING_OFF = auto()
    DRAINING = auto()
    CLOSED = auto()


class Exchange:
    """Serves one client request. ``start`` once, then ``receive``.

    ``rng`` gives random numbers in [0, 1). ``codecs`` are the formats that can be
    translated.
    """

    __slots__ = (
        "_attempt",
        "_attempts_left",
        "_call",
        "_client_left",
        "_clocks",
        "_config",
        "_dispatch",
        "_failure",
        "_first_content",
        "_held",
        "_held_size",
        "_keepalive",
        "_number",
        "_policy",
        "_records",
        "_reply",
        "_resume_at",
        "_rng",
        "_route",
        "_seconds",
        "_state",
    )

    def __init__(
        self,
        call: Call,
        route: Route,
        snapshot: Snapshot,
        codecs: Mapping[Format, Codec],
        rng: Callable[[], float],
    ) -> None:
        self._call = call
        self._policy = snapshot.retry
        self._config = snapshot.label
        self._keepalive = snapshot.keepalive if call.peek.stream else snapshot.non_stream_keepalive
        self._rng = rng
        self._route = route
        self._attempts_left = (
            self._policy.stream_attempts if call.peek.stream else self._policy.attempts
        )
        self._dispatch: Dispatch | None = Dispatch(
            call, codecs, snapshot.payload, snapshot.cloak_headers
        )
        self._reply = _new_reply(call, route.plan, snapshot)
        self._clocks = Clocks(stream=call.peek.stream)

        self._state = State.NEW
        self._attempt: Attempt | None = None
        self._number = 0
        self._held: list[bytes] = []
        self._held_size = 0
        self._resume_at = 0.0

        self._records: list[AttemptRecord] = []
        self._failure: Failure | None = None
        self._first_content: float | None = None
        self._client_left = False
        self._seconds = 0.0

    def __repr__(self) -> str:
        return (
            f"<Exchange {self._call.context.request_id} {self._state.name} attempt={self._number}"
            f" head_sent={self._reply.head_sent} content_sent={self._reply.content_sent}>"
        )

    # --- what the driver asks for --------------------------------------------

    @property
    def request_id(self) -> str:
        return self._call.context.request_id

    @property
    def closed(self) -> bool:
        return self._state is State.CLOSED

    @property
    def streaming(self) -> bool:
        """Content flows: until that changes, ``deadline`` only moves later."""
        return self._state is State.STREAMING

    @property
    def deadline(self) -> float | None:
        """When the next ``Tick`` is due, in the seconds of ``now``; ``None`` = never."""
        state = self._state
        if state in (State.CLOSED, State.NEW):
            return None
        if state is State.DRAINING:
            return self._resume_at
        at = self._clocks.total
        upstream = self._resume_at if state in _PAUSED else self._clocks.upstream
        if upstream is not None and (at is None or upstream < at):
            at = upstream
        if self._keepalive > 0:
            keepalive = self._reply.last_sent + self._keepalive
            if at is None or keepalive < at:
                at = keepalive
        return at

    @property
    def target(self) -> Target | None:
        """Where the attempt that runs, or ran last, has gone."""
        return None if self._attempt is None else self._attempt.target

    @property
    def record(self) -> ExchangeRecord:
        """What has happened so far; final once the last body has been asked for."""
        call = self._call
        attempt = self._attempt
        translation = attempt.translation if attempt is not None else None
        return ExchangeRecord(
            request_id=call.context.request_id,
            format=call.codec.format,
            model=call.peek.model,
            stream=call.peek.stream,
            status=CLIENT_CLOSED if self._client_left else self._reply.status,
            seconds=self._seconds,
            first_content=self._first_content,
            attempts=tuple(self._records),
            usage=attempt.usage if attempt is not None else Usage(),
            stop=attempt.stop if attempt is not None else None,
            failure=self._failure,
            client_left=self._client_left,
            ledger=attempt.ledger if attempt is not None else (),
            relayed=translation is not None and translation.relayed,
            config=self._config,
            plan=self._route.plan,
            bytes_out=self._reply.bytes_out,
            judged=self._reply.judged,
            breach=self._reply.breach,
            pieces=self._reply.pieces,
            flowing=self._flowing,
        )

    @property
    def _flowing(self) -> float:
        if self._first_content is None:
            return 0.0
        return max(0.0, self._clocks.since_start(self._reply.last_sent) - self._first_content)

    def start(self, now: float) -> list[Command]:
        """Begin; gives the first ``Send``, or the reply when there is none."""
        if self._state is not State.NEW:
            raise ProtocolMisuse("an exchange starts once")
        self._clocks.start(now)
        self._reply.last_sent = now
        return self._next_attempt(now)

    def receive(self, fact: Input, now: float) -> list[Command]:
        """What to do about a fact.

        Raises:
            ProtocolMisuse: the fact is impossible in this state.
        """
        state = self._state
        if state is State.CLOSED:
            return []
        number = getattr(fact, "attempt", None)
        if number is not None and (state is State.BACKING_OFF or number != self._number):
            return []
        move = _MOVES.get((state, type(fact)))
        if move is None:
            raise ProtocolMisuse(f"{type(fact).__name__} in {self!r}")
        return move(self, fact, now)

    def pass_on(self, number: int, data: bytes, now: float) -> list[Command]:
        """As ``receive`` with a ``ResponseData``, and quicker while content flows."""
        if self._state is not State.STREAMING or number != self._number:
            return self.receive(ResponseData(number, data), now)
        attempt = self._running
        machine = attempt.machine
        assert machine is not None, "an answer flows"
        self._clocks.last_data = now
        out = machine.feed(data)
        if machine.failure is None and not machine.ended:
            return self._reply.body(out, now)
        return self._after_feed(attempt, out, now)

    # --- the upstream --------------------------------------------------------

    def _on_head(self, fact: ResponseHead, now: float) -> list[Command]:
        attempt = self._running
        attempt.head(fact.status, fact.headers)
        if attempt.failure is not None:
            return [Drop(self._number), *self._retry_or_fail(attempt.failure, now)]
        if 200 <= fact.status < 300:
            self._state = State.BOOTSTRAP
        else:
            self._state = State.READING_ERROR
            self._resume_at = now + ERROR_TIMEOUT
        return []

    def _on_error_data(self, fact: ResponseData, now: float) -> list[Command]:
        attempt = self._running
        attempt.feed(fact.data)
        if attempt.failure is None:
            return []
        return [Drop(self._number), *self._retry_or_fail(attempt.failure, now)]

    def _on_error_eof(self, fact: ResponseEof, now: float) -> list[Command]:
        attempt = self._running
        attempt.eof()
        return self._retry_or_fail(attempt.failure or _truncated(), now)

    def _on_opening_data(self, fact: ResponseData, now: float) -> list[Command]:
        attempt = self._running
        self._clocks.last_data = now
        out = attempt.feed(fact.data)
        if attempt.content or (attempt.failure is None and self._held_size > MAX_OPENING):
            commands = self._commit(attempt, out, now)
            return commands + self._after_feed(attempt, out, now)
        if attempt.failure is not None:
            return [Drop(self._number), *self._retry_or_fail(attempt.failure, now)]
        self._held.append(out)
        self._held_size += len(out)
        return []

    def _on_opening_eof(self, fact: ResponseEof, now: float) -> list[Command]:
        attempt = self._running
        out = attempt.eof()
        if attempt.content:
            commands = self._commit(attempt, out, now)
            return commands + self._after_eof(attempt, out, now)
        return self._retry_or_fail(attempt.failure or _truncated(), now)

    def _on_data(self, fact: ResponseData, now: float) -> list[Command]:
        attempt = self._running
        self._clocks.last_data = now
        return self._after_feed(attempt, attempt.feed(fact.data), now)

    def _after_feed(self, attempt: Attempt, out: bytes, now: float) -> list[Command]:
        commands = self._reply.body(out, now)
        if attempt.failure is not None:
            commands += self._break_off(attempt.failure, now)
        elif attempt.ended:
            self._succeeded(attempt, now)
            self._state = State.DRAINING
            self._seconds = self._clocks.since_start(now)
            self._resume_at = now + DRAIN_TIMEOUT
            commands += self._reply.end()
        return commands

    def _on_eof(self, fact: ResponseEof, now: float) -> list[Command]:
        attempt = self._running
        return self._after_eof(attempt, attempt.eof(), now)

    def _after_eof(self, attempt: Attempt, out: bytes, now: float) -> list[Command]:
        commands = self._reply.body(out, now)
        if attempt.ended and attempt.failure is None:
            self._succeeded(attempt, now)
            self._close(now)
            return commands + self._reply.end()
        return commands + self._break_off(attempt.failure or _truncated(), now, dropped=True)

    def _on_failed(self, fact: UpstreamFailed, now: float) -> list[Command]:
        return self._retry_or_fail(self._running.lost(fact.kind), now)

    def _on_failed_midway(self, fact: UpstreamFailed, now: float) -> list[Command]:
        return self._break_off(self._running.lost(fact.kind), now, dropped=True)

    def _on_drained(self, fact: Input, now: float) -> list[Command]:
        self._close(now)
        return []

    def _on_surplus(self, fact: Input, now: float) -> list[Command]:
        # Bytes after the end marker: the answer stands, the connection does not.
        self._close(now)
        return [Drop(self._number)]

    # --- the client ----------------------------------------------------------

    def _on_client_gone(self, fact: ClientGone, now: float) -> list[Command]:
        self._client_left = True
        commands = self._give_up(now)
        self._close(now)
        return [*commands, Abort()] if fact.stalled else commands

    def _on_client_done(self, fact: ClientGone, now: float) -> list[Command]:
        return []  # it has all that it asked for

    def _on_client_reads(self, fact: ClientReads, now: float) -> list[Command]:
        self._reply.last_sent = now
        self._clocks.forgive(now)
        return []

    def _on_stopping(self, fact: Stopping, now: float) -> list[Command]:
        failure = Failure(ErrorKind.UNAVAILABLE, "the gateway is shutting down", retry_after=1.0)
        commands = self._give_up(now)
        return commands + self._fail(failure, now)

    # --- time ----------------------------------------------------------------

    def _on_tick(self, fact: Tick, now: float) -> list[Command]:
        total = self._clocks.total
        if total is not None and now >= total:
            failure = self._clocks.overrun()
            if self._number == 1 and self._state in _RUNNING and self._clocks.silent(now):
                # It had all the time that there is, and said nothing.
                self._route.failed(self._running.target, failure, now)
            commands = self._give_up(now, failure)
            return commands + self._fail(failure, now)
        upstream = self._resume_at if self._state in _PAUSED else self._clocks.upstream
        if upstream is not None and now >= upstream:
            return self._on_upstream_deadline(now)
        if self._keepalive > 0 and now >= self._reply.last_sent + self._keepalive:
            return self._reply.keepalive(self._attempt, now)
        return []

    def _on_upstream_deadline(self, now: float) -> list[Command]:
        if self._state is State.BACKING_OFF:
            return self._next_attempt(now)
        if self._state is State.STREAMING:
            return self._break_off(self._clocks.silence(), now)
        failure = self._clocks.silence()
        if self._state is State.READING_ERROR:
            # The status and what came of the body say more than the silence.
            self._running.eof()
            failure = self._running.failure or failure
        return [Drop(self._number), *self._retry_or_fail(failure, now)]

    def _on_drain_tick(self, fact: Tick, now: float) -> list[Command]:
        return self._on_surplus(fact, now) if now >= self._resume_at else []

    # --- attempts ------------------------------------------------------------

    @property
    def _running(self) -> Attempt:
        if self._attempt is None:
            raise ProtocolMisuse(f"no attempt runs in {self!r}")
        return self._attempt

    def _next_attempt(self, now: float) -> list[Command]:
        """Send to the next target that the request can be translated for."""
        assert self._dispatch is not None, "a client that has an answer gets no other"
        failure = self._failure
        while self._attempts_left > 0 and (target := self._route.take(now)) is not None:
            try:
                self._attempt, wire = self._dispatch.prepare(self._number + 1, target)
            except GatewayError as exc:
                failure = failure or exc.failure
                continue
            self._number += 1
            self._attempts_left -= 1
            self._state = State.AWAITING_HEAD
            self._clocks.start_attempt(target.credential.timeouts, now)
            self._route.began(target, now)
            return [Send(self._number, wire, target.credential.provider)]
        if failure is None:
            failure = Failure(ErrorKind.UNAVAILABLE, "no target is left to try")
        return self._fail(failure, now)

    def _retry_or_fail(self, failure: Failure, now: float) -> list[Command]:
        """An attempt of which the client has seen nothing failed."""
        target = self._running.target
        verdict = self._end_attempt(now, failure)
        self._held.clear()
        self._held_size = 0
        self._failure = failure
        if not verdict.retry or self._attempts_left <= 0:
            return self._fail(failure, now)
        if verdict.same_target:
            self._route.again(target)
        following = self._route.peek(now)
        if following is None:
            return self._fail(failure, now)
        if verdict.pause or following is target:
            self._resume_at = now + backoff(self._number, self._policy, self._rng())
            if self._resume_at > now:
                self._state = State.BACKING_OFF
                return []
        return self._next_attempt(now)

    def _break_off(self, failure: Failure, now: float, *, dropped: bool = False) -> list[Command]:
        """An answer that the client has some of failed: say so, and stop."""
        commands: list[Command] = [] if dropped else [Drop(self._number)]
        self._end_attempt(now, failure)
        return commands + self._fail(failure, now)

    def _give_up(self, now: float, failure: Failure | None = None) -> list[Command]:
        """Leave the running attempt, if one runs; nobody is to blame."""
        commands: list[Command] = [Drop(self._number)] if self._state in _RUNNING else []
        self._leave_attempt(now, failure)
        return commands

    def _succeeded(self, attempt: Attempt, now: float) -> None:
        self._leave_attempt(now, None)
        self._failure = None  # of an attempt before
        self._route.succeeded(attempt.target)

    def _end_attempt(self, now: float, failure: Failure) -> Verdict:
        """The running attempt failed: say what follows from that."""
        verdict = self._route.failed(self._running.target, failure, now)
        self._leave_attempt(now, failure)
        return verdict

    def _leave_attempt(self, now: float, failure: Failure | None) -> None:
        """The running attempt, if any, is over: note it once."""
        if self._state not in _RUNNING:
            return
        attempt = self._running
        credential = attempt.target.credential
        self._route.ended(attempt.target)
        self._records.append(
            AttemptRecord(
                credential.provider,
                credential.name,
                attempt.target.model,
                attempt.status,
                failure,
                self._clocks.since_attempt(now),
                attempt.mutations,
            )
        )

    # --- the end -------------------------------------------------------------

    def _commit(self, attempt: Attempt, out: bytes, now: float) -> list[Command]:
        """The answer stands: let the client have what was held."""
        self._state = State.STREAMING
        self._first_content = self._clocks.since_start(now)
        self._route.answered(attempt.target, self._clocks.since_attempt(now))
        held = b"".join(self._held)
        self._held.clear()
        whole = len(held) + len(out) if attempt.ended else None
        commands = self._reply.content(attempt, held, now, length=whole)
        if whole is None:
            self._forget(attempt)
        return commands

    def _forget(self, attempt: Attempt) -> None:
        """There will be no other attempt, so all that was made of the request for one may go:
        a stream may stay open for long, and its request be large."""
        self._dispatch = None
        self._call.forget()
        attempt.forget()

    def _fail(self, failure: Failure, now: float) -> list[Command]:
        self._failure = failure
        theirs = self._records and self._records[-1].failure is failure
        theirs = theirs and failure.kind is not ErrorKind.UNAVAILABLE  # what we were short of
        commands = self._reply.error(
            failure, self._attempt, now, origin="upstream" if theirs else "gateway"
        )
        self._close(now)
        return commands

    def _close(self, now: float) -> None:
        if self._state is not State.DRAINING:
            self._seconds = self._clocks.since_start(now)
        self._state = State.CLOSED
        self._held.clear()


_RUNNING = (State.AWAITING_HEAD, State.READING_ERROR, State.BOOTSTRAP, State.STREAMING)
_PAUSED = (State.BACKING_OFF, State.READING_ERROR)
"""For so long as has been said."""
_ACTIVE = (*_RUNNING, State.BACKING_OFF)

# The values are methods that take their own kind of input, which the key fixes.
_MOVES: dict[tuple[State, type], Callable[..., list[Command]]] = {
    (State.STREAMING, ResponseData): Exchange._on_data,
    (State.AWAITING_HEAD, ResponseHead): Exchange._on_head,
    (State.AWAITING_HEAD, UpstreamFailed): Exchange._on_failed,
    (State.READING_ERROR, ResponseData): Exchange._on_error_data,
    (State.READING_ERROR, ResponseEof): Exchange._on_error_eof,
    (State.READING_ERROR, UpstreamFailed): Exchange._on_failed,
    (State.BOOTSTRAP, ResponseData): Exchange._on_opening_data,
    (State.BOOTSTRAP, ResponseEof): Exchange._on_opening_eof,
    (State.BOOTSTRAP, UpstreamFailed): Exchange._on_failed,
    (State.STREAMING, ResponseEof): Exchange._on_eof,
    (State.STREAMING, UpstreamFailed): Exchange._on_failed_midway,
    (State.DRAINING, ResponseData): Exchange._on_surplus,
    (State.DRAINING, ResponseEof): Exchange._on_drained,
    (State.DRAINING, UpstreamFailed): Exchange._on_drained,
    (State.DRAINING, Tick): Exchange._on_drain_tick,
    (State.DRAINING, ClientGone): Exchange._on_client_done,
    (State.DRAINING, Stopping): Exchange._on_surplus,
    (State.DRAINING, ClientReads): Exchange._on_client_reads,
    **{(state, ClientGone): Exchange._on_client_gone for state in _ACTIVE},
    **{(state, ClientReads): Exchange._on_client_reads for state in _ACTIVE},
    **{(state, Stopping): Exchange._on_stopping for state in _ACTIVE},
    **{(state, Tick): Exchange._on_tick for state in _ACTIVE},
}


def _new_reply(call: Call, plan: RoutePlan, snapshot: Snapshot) -> ClientReply:
    passthrough = snapshot.passthrough_headers
    if snapshot.check_grammar and call.peek.stream:
        # Imported late: who does not check holds no automaton.
        from aigw_core.judged_reply import JudgedReply, is_sampled

        if is_sampled(call.context.request_id):
            return JudgedReply(call, plan, passthrough)
    return ClientReply(call, plan, passthrough)


def _truncated() -> Failure:
    return Failure(
        ErrorKind.UPSTREAM_TRUNCATED, "the upstream's answer ended before it was complete"
    )
