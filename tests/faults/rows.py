"""The rows of the fault matrix that an upstream plays, and what must come of each.

The names are those of the table in ``docs/reliability.md``.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from aigw_core.chat import Format
from aigw_core.errors import ErrorKind
from tests.faults.world import ATTEMPTS, COOLDOWN_5XX, COOLDOWN_429, COOLDOWN_NETWORK


class Of(Enum):
    """What rests."""

    NOTHING = "nothing"
    MODEL = "the model at the credential"
    CREDENTIAL = "the credential"


class Verdict(Struct, frozen=True):
    """What becomes of a request whose only target fails so."""

    kind: ErrorKind | None = None
    """``None``: it succeeds."""
    rests: Of = Of.NOTHING
    seconds: float = 0.0
    attempts: int = 1
    midway: bool = False
    """The client has some of the stream by then, and gets an error event."""
    rotates: bool = True
    """Another target takes over, if there is one."""
    limited: bool = False
    code: str | None = None
    """In the log, where it is ours."""


class Row(Struct, frozen=True):
    name: str
    fault: str
    stream: Verdict
    whole: Verdict
    entry: str = ""
    """More of the credentials' configuration."""
    rest: str = ""
    """More of the configuration."""
    reused: bool | None = False
    """The connection is good for another request, after the last attempt. ``None``: it is
    when all of the answer had come by the time that it was given up."""
    chat: Verdict | None = None
    """Of upstreams that speak Chat Completions, where they differ."""

    def verdict(self, upstream: str, *, stream: bool) -> Verdict:
        if upstream == "chat" and self.chat is not None:
            return self.chat
        return self.stream if stream else self.whole


def status_for(kind: ErrorKind, format: Format) -> int:
    if kind is ErrorKind.BILLING:
        return 402 if format is Format.MESSAGES else 429
    if kind is ErrorKind.OVERLOADED and format is Format.MESSAGES:
        return 529
    return _STATUS[kind]


_STATUS = {
    ErrorKind.INVALID_REQUEST: 400,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.RATE_LIMIT: 429,
    ErrorKind.UPSTREAM: 502,
    ErrorKind.UPSTREAM_AUTH: 502,
    ErrorKind.UPSTREAM_TRUNCATED: 502,
    ErrorKind.UPSTREAM_MALFORMED: 502,
    ErrorKind.OVERLOADED: 503,
    ErrorKind.TIMEOUT: 504,
}

OK = Verdict()
BROKEN = Verdict(ErrorKind.UPSTREAM, Of.CREDENTIAL, COOLDOWN_NETWORK, ATTEMPTS)
READ = Verdict(ErrorKind.UPSTREAM, Of.CREDENTIAL, COOLDOWN_NETWORK, ATTEMPTS, code="read")
NO_HTTP = Verdict(ErrorKind.UPSTREAM, Of.CREDENTIAL, COOLDOWN_NETWORK, ATTEMPTS, code="protocol")
SILENT = Verdict(ErrorKind.TIMEOUT, Of.CREDENTIAL, COOLDOWN_NETWORK, ATTEMPTS)
OVERRUN = Verdict(ErrorKind.TIMEOUT, Of.CREDENTIAL, COOLDOWN_NETWORK, rotates=False)
FAULTY = Verdict(ErrorKind.UPSTREAM, Of.CREDENTIAL, COOLDOWN_5XX, ATTEMPTS)
OVERLOADED = Verdict(ErrorKind.OVERLOADED, Of.CREDENTIAL, COOLDOWN_5XX, ATTEMPTS)
OVERLOADED_WITHIN = Verdict(ErrorKind.OVERLOADED, Of.MODEL, COOLDOWN_5XX, ATTEMPTS)
TRUNCATED = Verdict(ErrorKind.UPSTREAM_TRUNCATED, Of.MODEL, COOLDOWN_NETWORK, ATTEMPTS)
MALFORMED = Verdict(ErrorKind.UPSTREAM_MALFORMED, Of.MODEL, COOLDOWN_NETWORK, ATTEMPTS)


def _midway(kind: ErrorKind, rests: Of, seconds: float) -> Verdict:
    return Verdict(kind, rests, seconds, midway=True, rotates=False)


CUT_MIDWAY = _midway(ErrorKind.UPSTREAM_TRUNCATED, Of.MODEL, COOLDOWN_NETWORK)
GARBLED_MIDWAY = _midway(ErrorKind.UPSTREAM_MALFORMED, Of.MODEL, COOLDOWN_NETWORK)
SILENT_MIDWAY = _midway(ErrorKind.TIMEOUT, Of.CREDENTIAL, COOLDOWN_NETWORK)
OVERLOADED_MIDWAY = _midway(ErrorKind.OVERLOADED, Of.MODEL, COOLDOWN_5XX)


SPENT = Verdict(ErrorKind.BILLING, Of.CREDENTIAL, 1800)


def _limited(seconds: float) -> Verdict:
    return Verdict(ErrorKind.RATE_LIMIT, Of.MODEL, seconds, limited=True)


def _both(name: str, fault: str, verdict: Verdict, *, reused: bool | None = False) -> Row:
    return Row(name, fault, verdict, verdict, reused=reused)


def _refused(status: int, kind: ErrorKind, rests: Of = Of.NOTHING, seconds: float = 0.0) -> Row:
    verdict = Verdict(kind, rests, seconds, rotates=seconds > 0)
    return _both(f"status {status}", f"status-{status}", verdict, reused=True)


_IMPATIENT = "timeouts: {first-byte: 0.05}"
_RESTLESS = "timeouts: {idle: 0.02}"
_HURRIED = "request-timeout: 0.2"
"""Only where nothing is to come in time."""

ROWS = [
    _both("no fault", "well", OK, reused=True),
    _both("close before the head", "closes", READ),
    _both("reset before the head", "resets", READ),
    Row("timeout before headers", "silent", SILENT, OVERRUN, _IMPATIENT, _HURRIED),
    Row("header trickle", "trickles", SILENT, OVERRUN, _IMPATIENT, _HURRIED),
    _both("endless 1xx", "endless-interim", NO_HTTP),
    _both("1xx and then an answer", "interim", OK, reused=True),
    _both("101 unexpected", "switches", NO_HTTP),
    _both("no HTTP", "no-http", NO_HTTP),
    _both("length and chunked", "smuggles", NO_HTTP),
    _both("redirect", "status-302", FAULTY, reused=True),
    _both("429 with Retry-After in seconds", "limited-seconds", _limited(17), reused=True),
    _both("429 with Retry-After as a date", "limited-date", _limited(60), reused=True),
    _both("429 with a date in the past", "limited-past", _limited(1), reused=True),
    _both("429 with retry-after-ms", "limited-millis", _limited(1.5), reused=True),
    _both("429 for a day", "limited-long", _limited(3600), reused=True),
    _both("429 with garbage", "limited-garbage", _limited(COOLDOWN_429), reused=True),
    _both("429 without Retry-After", "limited", _limited(COOLDOWN_429), reused=True),
    _both("429 since the money is spent", "spent", SPENT, reused=True),
    _both("status 500", "status-500", FAULTY, reused=True),
    _both("status 502", "status-502", FAULTY, reused=True),
    _both("status 503", "status-503", OVERLOADED, reused=True),
    _both("status 529", "status-529", OVERLOADED, reused=True),
    _both("503 UNAVAILABLE", "unavailable", OVERLOADED, reused=True),
    Row(
        "overload as first event", "error-first", OVERLOADED_WITHIN, OVERLOADED_WITHIN, reused=None
    ),
    _refused(400, ErrorKind.INVALID_REQUEST),
    _refused(401, ErrorKind.UPSTREAM_AUTH, Of.CREDENTIAL, 1800),
    _refused(403, ErrorKind.UPSTREAM_AUTH, Of.MODEL, 1800),
    _refused(404, ErrorKind.NOT_FOUND, Of.MODEL, 600),
    _refused(413, ErrorKind.TOO_LARGE),
    _refused(422, ErrorKind.INVALID_REQUEST),
    Row("stall mid-stream", "stalls-midway", SILENT_MIDWAY, OVERRUN, _RESTLESS, _HURRIED),
    Row("RST mid-stream", "resets-midway", CUT_MIDWAY, TRUNCATED),
    Row("no last chunk", "closes-midway", CUT_MIDWAY, TRUNCATED),
    Row("short Content-Length", "short", CUT_MIDWAY, TRUNCATED),
    Row("FIN without a length", "unframed", CUT_MIDWAY, MALFORMED),
    Row("truncated SSE event at EOF", "cut-event", CUT_MIDWAY, TRUNCATED, reused=None),
    Row("malformed JSON event", "malformed-midway", GARBLED_MIDWAY, MALFORMED, reused=None),
    Row("malformed JSON event first", "malformed-first", MALFORMED, MALFORMED, reused=None),
    _both("unknown event type, comments, ping", "unknown", OK, reused=None),
    Row(
        "error event mid-stream", "error-midway", OVERLOADED_MIDWAY, OVERLOADED_WITHIN, reused=None
    ),
    _both("wrong content-type", "other-kind", OK, reused=True),
    Row(
        "error document with 200",
        "error-as-success",
        OVERLOADED_WITHIN,
        OVERLOADED_WITHIN,
        reused=True,
        chat=OVERLOADED,
    ),
    Row("HTML page", "html", TRUNCATED, MALFORMED, reused=True),
    Row("empty body with 200", "empty", TRUNCATED, MALFORMED, reused=True),
    _both("gzip body", "compressed", BROKEN, reused=None),
    _both("zero-byte stream", "no-events", TRUNCATED, reused=True),
    _both("duplicate terminal events", "ends-twice", OK, reused=None),
    _both("data after the terminal", "after-the-end", OK, reused=None),
    Row("EOF without finish_reason", "without-end", CUT_MIDWAY, TRUNCATED, reused=None),
    _both("[DONE] without finish_reason", "without-stop", OK, reused=None),
    _both("trailers", "trailers", OK, reused=True),
    _both("extra bytes after body", "extra-bytes", OK),
]
