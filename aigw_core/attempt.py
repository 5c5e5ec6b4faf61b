"""One upstream call: its head, bytes and end go in; client bytes come out.

An attempt knows one target and no other. It reports facts (content has come, it
ended, it failed); what follows from them is the exchange's decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from aigw_core.chat import ChatRequest, StopReason, Usage
from aigw_core.cloak.pseudonyms import Pseudonyms
from aigw_core.cloak.restore import WordRestorer, restoring
from aigw_core.codec import AnswerContext, Codec, EncodedRequest, Headers, Inbound, Peek
from aigw_core.errors import ErrorKind, Failure
from aigw_core.ledger import LedgerEntry
from aigw_core.mutation import Mutation
from aigw_core.routing.target import Target
from aigw_core.seals import Sealer
from aigw_core.translate import AnswerMachine, Translation, answer_machine
from aigw_core.wire_request import FailureKind

MAX_ERROR_BODY = 64 << 10
"""Bytes of an error answer that are read."""

MAX_OPENING = 64 << 10
"""Bytes of an opening without content that are held back for a failover."""

MAX_MUTATIONS = 64
"""Changes of one request that a record names."""


_LOST = {
    FailureKind.CONNECT: "the upstream could not be reached",
    FailureKind.DNS: "the upstream's name could not be resolved",
    FailureKind.TLS: "the connection to the upstream could not be secured",
    FailureKind.TIMEOUT: "connecting to the upstream took too long",
    FailureKind.WRITE: "the connection to the upstream broke while the request was sent",
    FailureKind.READ: "the connection to the upstream broke",
    FailureKind.PROTOCOL: "what the upstream sent is not an HTTP answer",
    FailureKind.POOL: "the gateway cannot open another connection",
    FailureKind.REFUSED_ADDRESS: "the upstream's name leads to an address that may not be reached",
}
# What a client is told: no host, no address. The log has the details.

_NO_HEADERS: Mapping[str, str] = {}
_NO_REQUEST = EncodedRequest(b"", "")


class Call(Struct, frozen=True, dict=True):
    """What the client asked for, as it came in."""

    codec: Codec
    inbound: Inbound
    peek: Peek
    context: AnswerContext
    strict: bool = False
    sealer: Sealer | None = None
    """Of the client's tenant; ``None``: no seal crosses formats."""
    alternatives: tuple[str, ...] = ()
    """Other models that the client would take, in order."""
    read_at: float | None = None
    """When it began to be read, in monotonic seconds."""
    pseudonyms: Pseudonyms | None = None
    """Of the client's tenant; ``None`` only where no target has a cloak."""

    @cached_property
    def request(self) -> ChatRequest:
        """It, decoded: once, and only when somebody needs that.

        Raises:
            GatewayError: it is malformed.
        """
        return self.codec.decode_request(self.inbound)

    def forget(self) -> None:
        """Let go of what was made of the client's bytes, which are kept. Whoever asks has it
        made again."""
        self.__dict__.clear()
        self.inbound.forget()


class AttemptRecord(Struct, frozen=True):
    """An attempt, for the log."""

    provider: str
    credential: str
    model: str
    status: int | None
    failure: Failure | None
    seconds: float
    mutations: tuple[Mutation, ...] = ()
    """What configuration had changed in the upstream's request."""


class Attempt:
    """Reads one upstream answer.

    Call ``head`` once, then ``feed`` until ``eof``. After ``failure`` is set, or
    ``ended`` is, nothing more comes out. While ``content`` is false, what came
    out must be held: the answer may still fail.
    """

    __slots__ = (
        "_call",
        "_error_body",
        "_error_size",
        "_failure",
        "_headers",
        "_restorer",
        "_upstream",
        "machine",
        "number",
        "status",
        "target",
        "translation",
    )

    def __init__(
        self, number: int, target: Target, upstream: Codec, call: Call, translation: Translation
    ) -> None:
        self.number = number
        self.target = target
        self.translation = translation
        self.status: int | None = None
        self._upstream = upstream
        self._restorer: WordRestorer | None = None
        if translation.words:
            self._restorer = WordRestorer(translation.words)
            self._upstream = restoring(upstream, self._restorer)
        self._call: Call | None = call
        self._headers = _NO_HEADERS
        self.machine: AnswerMachine | None = None
        """Of an answer that is none of an error, once its head has come."""
        self._error_body: list[bytes] = []
        self._error_size = 0
        self._failure: Failure | None = None

    def __repr__(self) -> str:
        return f"<Attempt {self.number} {self.target.credential.name} {self.status} {self.machine}>"

    @property
    def failure(self) -> Failure | None:
        if self._failure is not None:
            return self._failure
        return self.machine.failure if self.machine is not None else None

    def passed(self, names: Iterable[str]) -> Headers:
        """Those headers of the answer that are called ``names``."""
        return tuple([(name, self._headers[name]) for name in names if name in self._headers])

    @property
    def mutations(self) -> tuple[Mutation, ...]:
        """What configuration had changed in the request, as far as records say it."""
        changes = self.translation.changes[:MAX_MUTATIONS]
        return tuple(change.mutation for change in changes)

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """What was lost on the way there, and on the way back as far as it came."""
        lost = () if self._restorer is None else self._restorer.ledger.entries
        return (*self.translation.ledger, *lost)

    @property
    def content(self) -> bool:
        return self.machine is not None and self.machine.content

    @property
    def ended(self) -> bool:
        return self.machine is not None and self.machine.ended

    @property
    def usage(self) -> Usage:
        return self.machine.usage if self.machine is not None else Usage()

    @property
    def stop(self) -> StopReason | None:
        return self.machine.stop if self.machine is not None else None

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """The status and headers (lower-case names) have come."""
        self.status = status
        self._headers = headers
        if not 200 <= status < 400:
            return
        if status >= 300:
            self._failure = Failure(
                ErrorKind.UPSTREAM, "the upstream answered with a redirect", status
            )
        elif headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            self._failure = Failure(
                ErrorKind.UPSTREAM,
                "the upstream's answer is compressed, which was not asked for",
                code="encoding",
            )
        else:
            call = self._call
            assert call is not None, "only answers are forgotten"
            self.machine = answer_machine(
                self._upstream, call.codec, call.context, self.translation, call.peek, headers
            )

    def forget(self) -> None:
        """The client has been told of the head, and the answer is being read: let go of what
        only its beginning needed."""
        self._call = None
        self._headers = _NO_HEADERS
        self.translation = replace(self.translation, encoded=_NO_REQUEST, sealing=None)

    def feed(self, data: bytes) -> bytes:
        machine = self.machine
        if machine is not None:
            return machine.feed(data)
        if self._failure is None:
            room = MAX_ERROR_BODY - self._error_size
            self._error_body.append(data[:room])
            self._error_size += len(data)
            if self._error_size >= MAX_ERROR_BODY:
                self._refused()
        return b""

    def eof(self) -> bytes:
        if self.machine is not None:
            return self.machine.eof()
        if self._failure is None:
            self._refused()
        return b""

    def lost(self, kind: FailureKind) -> Failure:
        """The connection broke, or was never made. An error answer that was being
        read says more than that."""
        if self.status is not None and self.machine is None and self._failure is None:
            self._refused()
        if self._failure is None:
            self._failure = Failure(self._meaning(kind), _LOST[kind], code=kind.value)
        return self._failure

    def _meaning(self, kind: FailureKind) -> ErrorKind:
        if kind is FailureKind.TIMEOUT:
            return ErrorKind.TIMEOUT
        if kind is FailureKind.POOL:
            return ErrorKind.UNAVAILABLE  # we are short of something, no upstream failed
        if kind in (FailureKind.READ, FailureKind.PROTOCOL) and self.status is not None:
            return ErrorKind.UPSTREAM_TRUNCATED
        return ErrorKind.UPSTREAM

    def fail(self, failure: Failure) -> bytes:
        """The client's error event, legal after what has come out."""
        assert self.machine is not None
        return self.machine.fail(failure)

    def keepalive(self) -> bytes:
        assert self.machine is not None
        return self.machine.keepalive()

    def _refused(self) -> None:
        assert self.status is not None
        self._failure = self._upstream.decode_error(
            self.status, self._headers, b"".join(self._error_body)
        )
        self._error_body.clear()
