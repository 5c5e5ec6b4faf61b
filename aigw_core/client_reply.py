"""What the client of an exchange has been sent, and how the next thing must be said.

Two facts decide. ``head_sent``: it has a status line, so an error can only be
told inside the body. ``content_sent``: it has seen some of an answer. A keepalive
sets only the first.
"""

from __future__ import annotations

from aigw_core.attempt import Attempt, Call
from aigw_core.codec import Headers, StreamEncoder
from aigw_core.commands import Abort, Command, Emit, End, Reply
from aigw_core.errors import Failure
from aigw_core.ledger import warnings_header
from aigw_core.record import Breach
from aigw_core.routing.plan import RoutePlan


class ClientReply:
    """Builds the commands towards the client; keeps what was said."""

    __slots__ = (
        "_call",
        "_passthrough",
        "_plan",
        "breach",
        "bytes_out",
        "content_sent",
        "head_sent",
        "judged",
        "last_sent",
        "pieces",
        "status",
    )

    def __init__(self, call: Call, plan: RoutePlan, passthrough: tuple[str, ...] = ()) -> None:
        """``passthrough`` are the headers of upstream answers that clients get to see;
        ``plan`` is told to clients that ask for it."""
        self._call = call
        self._plan = plan
        self._passthrough = passthrough
        self.head_sent = False
        self.content_sent = False
        self.status = 0
        self.bytes_out = 0
        self.pieces = 0
        self.last_sent = 0.0
        """When the client last got anything, or the exchange began."""
        self.judged = False
        self.breach: Breach | None = None
        """For those that are judged (:mod:`.judged_reply`)."""

    def body(self, data: bytes, now: float) -> list[Command]:
        """More of the body; nothing for no bytes."""
        if not data:
            return []
        self.last_sent = now
        self.bytes_out += len(data)
        self.pieces += 1
        return [Emit(data)]

    def end(self) -> list[Command]:
        """The body is complete: the answer, or a stream that says why there is none."""
        return [End()]

    def content(
        self, attempt: Attempt, held: bytes, now: float, *, length: int | None
    ) -> list[Command]:
        """The answer stands: the head, if it is not out, and what was held of the body.

        ``length`` is that of the whole body in bytes, where it is known.
        """
        commands = self._head(attempt, length)
        self.content_sent = True
        return commands + self.body(held, now)

    def keepalive(self, attempt: Attempt | None, now: float) -> list[Command]:
        """Keep the connection busy, as the format allows at this point.

        A document may have spaces in front of it, but nothing inside; its status is
        200 from then on, whatever comes.
        """
        self.last_sent = now
        if not self._call.peek.stream:
            return [] if self.content_sent else self._head(attempt, None) + self.body(b" ", now)
        if self.content_sent and attempt is not None:
            return self.body(attempt.keepalive(), now)
        return self._head(attempt, None) + self.body(self._opening().keepalive(), now)

    def error(
        self, failure: Failure, attempt: Attempt | None, now: float, *, origin: str
    ) -> list[Command]:
        """Tell that the request failed, in the way still open, and finish.

        A stream that has begun gets the format's error event, a document that only
        spaces were sent of the error document; where nothing can be said any more the
        connection is broken: it must not look complete.
        """
        if not self.head_sent:
            return self._error_reply(failure, attempt, now, origin)
        if self.content_sent:
            data = attempt.fail(failure) if attempt is not None else b""
        elif self._call.peek.stream:
            data = self._opening().encode([failure])
        else:
            _, data = self._call.codec.encode_error(failure, self._call.context.request_id)
        return [*self.body(data, now), *self.end()] if data else [Abort()]

    def _opening(self) -> StreamEncoder:
        """Keepalives and errors before any content come from an encoder that has written
        nothing, so that they are legal as the first bytes of a stream. They are rare: no
        stream holds one for them."""
        return self._call.codec.stream_encoder(self._call.context)

    def _error_reply(
        self, failure: Failure, attempt: Attempt | None, now: float, origin: str
    ) -> list[Command]:
        request_id = self._call.context.request_id
        self.status, body = self._call.codec.encode_error(failure, request_id)
        self.head_sent = True
        headers: list[tuple[str, str]] = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("x-aigw-origin", origin),
        ]
        if failure.retry_after is not None:
            headers.append(("retry-after", str(max(1, round(failure.retry_after)))))
        reply = Reply(self.status, (*headers, *self._facts(attempt)))
        return [reply, *self.body(body, now), End()]

    def _head(self, attempt: Attempt | None, length: int | None) -> list[Command]:
        if self.head_sent:
            return []
        self.head_sent = True
        self.status = 200
        codec = self._call.codec
        if self._call.peek.stream:
            kind = codec.content_type
            extra: Headers = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))
        else:
            kind = "application/json"
            extra = (("content-length", str(length)),) if length is not None else ()
        return [Reply(200, (("content-type", kind), *extra, *self._facts(attempt)))]

    def _facts(self, attempt: Attempt | None) -> Headers:
        """Headers that tell what the gateway did."""
        request_id = self._call.context.request_id
        facts = [("x-request-id", request_id)]
        facts += [(name, request_id) for name in self._call.codec.request_id_headers]
        if attempt is not None:
            facts += [
                ("x-aigw-provider", attempt.target.credential.name),
                ("x-aigw-model", header_text(attempt.target.model)),
                ("x-aigw-attempts", str(attempt.number)),
            ]
            facts += attempt.passed(self._passthrough)
            warnings = warnings_header(attempt.ledger)
            if warnings:
                facts.append(("x-aigw-warnings", header_text(warnings)))
        if self._call.inbound.headers.get("x-aigw-debug") == "1":
            facts.append(("x-aigw-route", header_text(self._plan.summary)))
        return tuple(facts)


def header_text(text: str) -> str:
    """``text`` fit for a header: printable ASCII, at most 1 KiB."""
    if text.isascii() and text.isprintable():
        return text[:1024]
    return "".join(char if " " <= char <= "~" else "?" for char in text[:1024])
