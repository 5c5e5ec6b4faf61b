"""The only loop that joins core and network: performs commands, reports facts.

One task serves a request: it reads the upstream and feeds the exchange in line, with
no queue in between. Others come when they have something to say: that a deadline has
come, that the client has left. Where the server cannot call to say that (``watch``),
one waits for it from the start. Whatever a task learns goes to the exchange at once,
and the commands that come back are performed by that same task.

While content flows and the client keeps up, the reading task sleeps, where transport
and server allow it: the call that brings bytes from the upstream's socket goes all
the way to the client's (``flow`` and ``write_now``). The task has the first and the
last word, and everything that is not simply more of the body. Where the server allows it,
the first word is one write, and with it all of a small answer (``begin_now``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

import anyio

from aigw_asgi.company import Company, GroupCompany, LoopCompany, StartsTasks, Wait
from aigw_asgi.timer import Timer
from aigw_asgi.transports import Transport, UpstreamStream
from aigw_asgi.transports import UpstreamFailed as TransportFailed
from aigw_core.commands import (
    Abort,
    ClientGone,
    ClientReads,
    Command,
    Drop,
    Emit,
    End,
    Input,
    Reply,
    ResponseData,
    ResponseEof,
    ResponseHead,
    Send,
    Stopping,
    Tick,
    UpstreamFailed,
)
from aigw_core.exchange import Exchange
from aigw_core.wire_request import FailureKind

Message = dict[str, Any]
SendMessage = Callable[[Message], Awaitable[None]]
ReceiveMessage = Callable[[], Awaitable[Any]]


class BeginNow(Protocol):
    """Sends a head and the first of its body at once; ``False``: nothing was sent, so
    ``send`` it."""

    def __call__(
        self, status: int, headers: Iterable[tuple[str, str]], body: bytes, *, more: bool
    ) -> bool: ...


WriteNow = Callable[[bytes], bool]
"""Sends some of a body at once, between its start and its end; ``False``: the client
is slow, so ``send`` it and wait."""
Watch = Callable[[Callable[[], None]], None]
"""Has a function called by the event loop of asyncio, once, when the client leaves
before its answer is complete, or has left."""
ChooseTransport = Callable[[Send, StartsTasks], Transport]
"""The transport for an attempt, given what starts tasks that end with the request."""

_LOG = logging.getLogger("aigw")

_now = time.monotonic


def write_now_of(send: SendMessage) -> WriteNow | None:
    """The short way that a server's ``send`` may have as its attribute ``write_now``."""
    return getattr(send, "write_now", None)


def begin_now_of(send: SendMessage) -> BeginNow | None:
    """The same for the beginning of an answer, ``begin_now``."""
    return getattr(send, "begin_now", None)


def watch_of(send: SendMessage) -> Watch | None:
    """The way to hear of a client that leaves that a server's ``send`` may have as its
    attribute ``watch``."""
    return getattr(send, "watch", None)


def loop_of(send: SendMessage) -> asyncio.AbstractEventLoop | None:
    """asyncio's, which a server that has a ``watch`` knows: its attribute ``loop``."""
    return getattr(send, "loop", None)


class ClientAborted(Exception):
    """The client's connection must be broken: its answer cannot be completed."""


class Driver:
    """Runs one exchange to its end.

    ``send`` and ``receive`` are those of ASGI, the body of the request already
    received. ``write_timeout`` is in seconds; 0 = no limit. ``answered`` is called with
    ``sent_at`` when the answer is complete, before the last of it is sent: its client may
    come back at once, while the upstream's connection is still being read to its end.
    """

    def __init__(
        self,
        exchange: Exchange,
        choose: ChooseTransport,
        receive: ReceiveMessage,
        send: SendMessage,
        write_timeout: float,
        answered: Callable[[float | None], None] = lambda sent_at: None,
    ) -> None:
        self.exchange = exchange
        self.sent_at: float | None = None
        """When the first attempt was ready to go, in monotonic seconds."""
        self._choose = choose
        self._receive = receive
        self._send = send
        self._write_timeout = write_timeout
        self._answered = answered
        self._begin_now = begin_now_of(send)
        self._write_now = write_now_of(send)
        self._watch = watch_of(send)

        self._company: Company  # of the run, as is the timer
        self._timer: Timer
        self._next: Send | None = None  # an attempt to start
        self._running = 0  # the number of the attempt that runs
        self._wait: Wait | None = None  # around it
        self._wake: anyio.Event | None = None  # the reader waits for work
        self._performing = 0  # tasks that carry out commands
        self._sending_since: float | None = None
        self._sent: anyio.Event | None = None  # another task waits to send
        self._held_up = False  # a deadline passed while the client did not read
        self._ended = False  # the last body said that none follows
        self._aborted = False
        self._left: list[Command] = []  # by a piece that flowed, for the task

    async def run(self) -> None:
        """Serve the request.

        Raises:
            ClientAborted: the answer broke off in a way that only breaking the
                connection can tell.
        """
        alone = self._watch is not None
        async with LoopCompany(loop_of(self._send)) if alone else GroupCompany() as company:
            self._company = company
            self._timer = Timer(self._look, company)
            if self._watch is None:
                company.start_soon(self._watch_client)
            else:
                self._watch(self._on_leave)
            try:
                commands = self.exchange.start(_now())
                if commands and isinstance(commands[0], Send):
                    self.sent_at = _now()
                await self._perform(commands, reader=True)
                del commands  # the upstream's request is in it, and need not stay for long
                while not self._finished or self._next is not None:
                    if self._next is not None:
                        await self._attempt()
                    else:
                        self._wake = anyio.Event()
                        await self._wake.wait()
                        self._wake = None
            finally:
                self._timer.cancel()
        if self._aborted:
            raise ClientAborted

    def abandon(self) -> None:
        """The task that ran this was cancelled: nothing can be sent any more."""
        self.exchange.receive(ClientGone(), _now())

    def stop(self) -> None:
        """The gateway shuts down: have the answer ended as well as can be."""
        self._company.start_soon(self._tell, Stopping())

    # --- the upstream --------------------------------------------------------

    async def _attempt(self) -> None:
        send, self._next = self._next, None
        assert send is not None
        number = self._running = send.attempt
        with self._company.wait() as self._wait:
            try:
                stream = await self._choose(send, self._company).open(send.request)
                del send
                try:
                    await self._read(number, stream)
                except BaseException:
                    with anyio.CancelScope(shield=True):
                        await stream.aclose()
                    raise
                await stream.aclose()
            except TransportFailed as exc:
                asked = self.exchange.request_id
                of = {"request_id": asked}
                # Those that no retry mends are for whoever looks after the configuration.
                level = logging.WARNING if exc.kind is FailureKind.TLS else logging.INFO
                _LOG.log(level, "attempt %d failed: %s (request %s)", number, exc, asked, extra=of)
                await self._tell(UpstreamFailed(number, exc.kind), reader=True)
        self._wait = None

    async def _read(self, number: int, stream: UpstreamStream) -> None:
        exchange = self.exchange
        head = ResponseHead(number, stream.status, dict(stream.headers))
        commands = exchange.receive(head, _now())
        if commands:
            await self._perform(commands, reader=True)
        else:
            self._arm()
        del head, commands
        flow = stream.flow if self._write_now is not None else None
        while self._running == number:
            if flow is not None and exchange.streaming:
                await flow(self._pass_on)
                left, self._left = self._left, []
                await self._perform(left, reader=True)
                if self._running != number:
                    break
            data = await stream.read()
            if not data:
                await self._tell(ResponseEof(number), reader=True)
                break
            commands = exchange.receive(ResponseData(number, data), _now())
            del data  # an idle stream would hold what came last
            if commands:
                await self._perform(commands, reader=True)
            else:  # most of an answer that is not a stream
                self._arm()
            del commands

    def _pass_on(self, data: bytes) -> bool:
        """The hot path: one read, one feed, one send. While content flows the deadline
        only moves later. Returns whether it may go on without the task."""
        exchange = self.exchange
        commands = exchange.pass_on(self._running, data, _now())
        if exchange.streaming and self._sending_since is None:
            if not commands:
                return True
            command = commands[0]
            if len(commands) == 1 and isinstance(command, Emit):
                assert self._write_now is not None
                if self._write_now(command.data):
                    return True
        self._left = commands
        return False

    # --- the other tasks -----------------------------------------------------

    def _on_leave(self) -> None:
        if not self.exchange.closed:
            self._company.start_soon(self._tell, ClientGone())

    async def _watch_client(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                await self._tell(ClientGone())
                return

    # --- time ----------------------------------------------------------------

    def _arm(self) -> None:
        """Have the timer look in time for the exchange, or for a send that hangs.

        Sends are too many to set it for each: while there is a limit on them it looks
        at least that often. An armed timer is only ever set earlier here; when it
        comes too early it is set anew.
        """
        if self.exchange.closed:
            return
        at = self.exchange.deadline if self._sending_since is None or not self._held_up else None
        if self._write_timeout:
            limit = (self._sending_since or _now()) + self._write_timeout
            at = limit if at is None else min(at, limit)
        armed = self._timer.armed
        if at is not None and (armed is None or at < armed):
            self._timer.arm(at)

    async def _look(self) -> None:
        if self.exchange.closed:
            return
        if self._sending_since is not None:
            if self._write_timeout and _now() >= self._sending_since + self._write_timeout:
                await self._tell(ClientGone(stalled=True))
            else:
                self._held_up = True
        elif (deadline := self.exchange.deadline) is not None and _now() >= deadline:
            await self._tell(Tick())
        self._arm()

    # --- performing ----------------------------------------------------------

    async def _tell(self, fact: Input, *, reader: bool = False) -> None:
        await self._perform(self.exchange.receive(fact, _now()), reader=reader)

    async def _perform(self, commands: list[Command], *, reader: bool) -> None:
        self._arm()
        if not commands:
            self._rouse()
            return
        if isinstance(commands[-1], (End, Abort)):
            self._answered(self.sent_at)
        self._performing += 1
        try:
            begun = self._begin(commands) if isinstance(commands[0], Reply) else 0
            for command in commands[begun:]:
                if isinstance(command, Emit):
                    # The end is said with the last of the body.
                    self._ended = isinstance(commands[-1], End) and command is commands[-2]
                    more = not self._ended
                    await self._write(
                        {"type": "http.response.body", "body": command.data, "more_body": more}
                    )
                elif isinstance(command, Reply):
                    headers = [
                        (name.encode("latin-1"), value.encode("latin-1"))
                        for name, value in command.headers
                    ]
                    await self._write(
                        {
                            "type": "http.response.start",
                            "status": command.status,
                            "headers": headers,
                        }
                    )
                elif isinstance(command, End):
                    if not self._ended:
                        await self._write(
                            {"type": "http.response.body", "body": b"", "more_body": False}
                        )
                elif isinstance(command, Send):
                    self._next = command
                elif isinstance(command, Drop):
                    self._running = 0
                    # The reader itself just leaves its loop; anyone else must end its wait.
                    if not reader and self._wait is not None:
                        self._wait.cancel()
                elif isinstance(command, Abort):
                    self._aborted = True
        finally:
            self._performing -= 1
            self._rouse()

    def _begin(self, commands: list[Command]) -> int:
        """Send a head and the body that follows it at once. Returns how many commands that
        were."""
        reply, *others = commands
        assert isinstance(reply, Reply)
        if self._begin_now is None or self._sending_since is not None:
            return 0
        body: list[bytes] = []  # what was held, and what came with the first content
        for command in others:
            if not isinstance(command, Emit):
                break
            body.append(command.data)
        done = 1 + len(body)
        ended = len(commands) == done + 1 and isinstance(commands[-1], End)
        if not self._begin_now(reply.status, reply.headers, b"".join(body), more=not ended):
            return 0
        return done + ended

    def _rouse(self) -> None:
        """The reader, if it waits and there is something for it to do."""
        if self._wake is not None and (self._next is not None or self._finished):
            self._wake.set()

    @property
    def _finished(self) -> bool:
        """Nothing is left to do, in any task: a last word may still be on its way
        after the exchange has closed."""
        return self.exchange.closed and not self._performing

    async def _write(self, message: Message) -> None:
        while self._sending_since is not None:
            self._sent = self._sent or anyio.Event()
            await self._sent.wait()
        self._sending_since = _now()
        try:
            await self._send(message)
        except OSError:  # how some servers say that the client has left
            await self._perform(self.exchange.receive(ClientGone(), _now()), reader=False)
        finally:
            self._sending_since = None
            if self._sent is not None:
                self._sent.set()
                self._sent = None
            if self._held_up:
                self._held_up = False
                self.exchange.receive(ClientReads(), _now())
                self._arm()
