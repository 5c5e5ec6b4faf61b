"""A reply whose stream is judged while it goes out (``debug.check-grammar``).

An encoder that writes something illegal breaks clients in ways that look like the
network's fault or the model's. Tests judge encoders by the automata of their formats;
this has the same automata look at a sample of real traffic.

Judged are streams that the gateway writes: a relayed one is its vendor's, who may do
what we may not. What a client gets is never changed by this, nor held back; of a
stream that breaks off only what was sent is judged. Imported only when it is on.
"""

from __future__ import annotations

import zlib

from aigw_core.attempt import Attempt, Call
from aigw_core.client_reply import ClientReply
from aigw_core.commands import Command
from aigw_core.grammar import GrammarViolation, StreamJudge
from aigw_core.record import Breach
from aigw_core.routing.plan import RoutePlan

ONE_IN = 64
"""Of so many streams one is judged. An event of it takes 8 to 12 µs more, so that an event
of all traffic takes 0.15 µs more on average."""

MAX_JUDGED = 4 << 20
"""Bytes of one stream that are judged: the automata remember texts, and parse an event
as a whole. Only pictures take more."""


def is_sampled(request_id: str) -> bool:
    """Whether the stream of a request is judged; the same on every machine."""
    return zlib.crc32(request_id.encode()) % ONE_IN == 0


class JudgedReply(ClientReply):
    """Builds the same commands as its base. The first ``breach`` is the only one."""

    def __init__(self, call: Call, plan: RoutePlan, passthrough: tuple[str, ...] = ()) -> None:
        super().__init__(call, plan, passthrough)
        self._judge: StreamJudge | None = StreamJudge(call.codec.stream_grammar())
        self._attempt: Attempt | None = None

    def body(self, data: bytes, now: float) -> list[Command]:
        if self._judge is not None and data and self.status == 200:
            self._consider(self._judge, data)
        return super().body(data, now)

    def content(
        self, attempt: Attempt, held: bytes, now: float, *, length: int | None
    ) -> list[Command]:
        self._attempt = attempt
        if attempt.translation.relayed:
            self._judge = None
            self.judged = False
        return super().content(attempt, held, now, length=length)

    def end(self) -> list[Command]:
        if self._judge is not None:
            self._consider(self._judge, None)
        return super().end()

    def _consider(self, judge: StreamJudge, data: bytes | None) -> None:
        """``None`` for the end of the stream."""
        self.judged = True
        try:
            if data is None:
                judge.end()
            elif self.bytes_out + len(data) <= MAX_JUDGED:
                judge.feed(data)
            else:
                self._judge = None
        except GrammarViolation as exc:
            self._broken(judge, exc.problem)
        except Exception as exc:  # noqa: BLE001 - it is told, and a client must not notice
            self._broken(judge, f"the automaton breaks down with {type(exc).__name__}")

    def _broken(self, judge: StreamJudge, reason: str) -> None:
        self._judge = None
        upstream = self._attempt.target.credential.format if self._attempt is not None else None
        self.breach = Breach(judge.offset, judge.events, reason, upstream)
