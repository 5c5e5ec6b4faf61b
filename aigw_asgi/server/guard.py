"""What both HTTP protocols add to those of uvicorn: times, refusals, and who is told.

A connection is in one of three phases. A request's head is awaited or coming in
(``HEAD``, also while the connection idles), its body is coming in (``BODY``), or
it is whole and being answered (``ANSWERING``). Only the first two have a
deadline: an answer may take as long as the application lets it, so a stream is
never touched by the timer.

The answer may be complete before the request is. The phase stays ``BODY`` then,
with the short ``linger_timeout``: closing at once would make the client's kernel
throw away the answer that is on its way.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Protocol

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from aigw_asgi.server.deadline import Deadline
from aigw_asgi.server.head import Refused, refusal_bytes
from aigw_asgi.server.newcomers import Entries, Newcomers
from aigw_asgi.server.settings import Limits

TOO_MANY = Refused(
    HTTPStatus.TOO_MANY_REQUESTS, "too many connections of this address have sent no request yet"
)


class Phase(Enum):
    HEAD = auto()
    BODY = auto()
    ANSWERING = auto()


class Cycle(Protocol):
    """One request and its answer, as uvicorn runs them."""

    disconnected: bool
    keep_alive: bool
    response_started: bool
    response_complete: bool
    waiting_for_100_continue: bool
    message_event: asyncio.Event


class Guard:
    """Mixed in before a protocol of uvicorn, which keeps the connection's state.

    With slots: beyond 30 attributes a connection's dict is one of its own, 1.6 KB.
    """

    __slots__ = ("_unflushed", "deadline", "entries", "limits", "newcomers", "phase")

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: FlowControl
    server_state: ServerState
    client: tuple[str, int] | None
    cycle: Any

    def guard(self, limits: Limits, newcomers: Newcomers | None) -> None:
        """To be called when the protocol has been made."""
        self.limits = limits
        self.newcomers = newcomers
        self.entries: Entries | None = None
        self.phase = Phase.HEAD
        self.deadline = Deadline(self.loop, self._on_deadline)
        self._unflushed = 0  # bytes of an answer, when last looked at

    def open_cycle(self) -> Cycle | None:
        """The request that is not answered in full yet."""
        raise NotImplementedError

    def head_begun(self) -> bool:
        """Whether anything of the next head has come."""
        raise NotImplementedError

    def head_read(self) -> bool:
        return self.cycle is not None

    def await_first_head(self) -> None:
        """The connection has been made."""
        if self.newcomers is not None:
            self.newcomers.came(self)
        self.await_head(self.limits.head_timeout)

    def end_guard(self) -> None:
        """The connection is over, or somebody else's."""
        if self.newcomers is not None:
            self.newcomers.gone(self)
        self.deadline.cancel()

    def turn_away(self) -> None:
        """Too many of this address are as late."""
        if self.head_begun():
            self.refuse(TOO_MANY)
            self.deadline.set(self.limits.close_timeout)
        else:
            self.close()

    def await_head(self, seconds: float) -> None:
        self.phase = Phase.HEAD
        self.deadline.set(seconds)

    def await_body(self) -> None:
        self.phase = Phase.BODY
        self.deadline.set(self.limits.body_timeout)

    def body_received(self, size: int) -> None:
        self.deadline.at += size / self.limits.body_rate

    def request_received(self) -> None:
        """The request is whole. An answer that was faster leaves an idle connection."""
        if self.open_cycle() is None:
            self.await_head(self.limits.keepalive_timeout)
        else:
            self.phase = Phase.ANSWERING
            self.deadline.clear()

    def answered(self) -> None:
        """The answer is complete and the connection is open."""
        self._unflushed = 0
        if self.phase is Phase.BODY:
            self.deadline.set(self.limits.linger_timeout)
        else:
            self.await_head(self.limits.keepalive_timeout)

    def answered_last(self) -> None:
        """The answer is complete and the connection closes once the client has it."""
        self._unflushed = 0
        self.deadline.set(self.limits.flush_timeout)

    def shutdown(self) -> None:
        """Close, at once or behind the answer that is under way."""
        cycle = self.open_cycle()
        if cycle is None:
            self.close()
        else:
            cycle.keep_alive = False

    def close(self) -> None:
        """Close an idle connection. One of TLS stays until its client has taken leave,
        which many never do that only keep it for later."""
        self.transport.close()
        self.deadline.set(self.limits.close_timeout)

    def disconnect(self) -> None:
        """Tell the running request that its client is gone, and drop the connection."""
        self._tell_disconnect()
        self.transport.abort()

    def refuse(self, refused: Refused) -> None:
        """Answer in place of the application, if it has not begun to, and close."""
        cycle = self.open_cycle()
        if cycle is not None and cycle.response_started:
            self.disconnect()
            return
        self._tell_disconnect()
        if not self.transport.is_closing():
            self.transport.write(refusal_bytes(refused, self.server_state.default_headers))
            self.transport.close()
            self.answered_last()

    def _tell_disconnect(self) -> None:
        cycle = self.open_cycle()
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
            self.tell_left(cycle)
        self.flow.resume_writing()

    def unwatch(self, cycle: Any) -> None:
        """The answer is complete: nobody needs to know any more when its client leaves, and
        who wanted to knows the cycle, which would keep both until the next collection."""
        cycle.on_leave = None

    def tell_left(self, cycle: Any) -> None:
        """Call who asked for it, once (:meth:`~aigw_asgi.server.direct_body.DirectSend.watch`)."""
        on_leave = getattr(cycle, "on_leave", None)
        if on_leave is not None:
            cycle.on_leave = None
            on_leave()

    def _on_deadline(self) -> None:
        limits = self.limits
        if self._is_flushing():
            self.deadline.set(limits.flush_timeout)
        elif self.transport.is_closing() or self._unflushed:
            self.disconnect()
        elif self.phase is Phase.HEAD:
            if self.head_begun():
                self.refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, "the request head took too long"))
            else:
                self.close()
        elif self.phase is Phase.BODY:
            cycle = self.open_cycle()
            if cycle is None:
                self.close()
            elif self.flow.read_paused or cycle.waiting_for_100_continue:
                self.deadline.set(limits.body_timeout)  # we are what it waits for
            else:
                self.refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, "the request body took too long"))

    def _is_flushing(self) -> bool:
        """Whether the client has taken some of an answer since the last look."""
        if self.open_cycle() is not None:
            return False
        before, self._unflushed = self._unflushed, self.transport.get_write_buffer_size()
        return self._unflushed != 0 and self._unflushed != before
