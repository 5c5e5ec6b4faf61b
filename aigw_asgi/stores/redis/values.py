"""How values lie in Redis: keys, news, stored answers, reports.

Everything is MessagePack by msgspec. What cannot be read, since another version of
the program wrote it, is left out.

Times in Redis are those of its own clock; those of a process are brought there by
``ahead``, which is how many seconds the server's clock is ahead of the process's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from aigw_asgi.stores.shared_state import MarkNews, News, NodeReport, RestNews
from aigw_core.marks import Mark, kind_of
from aigw_core.response_store import StoredResponse

PREFIX = b"aigw:{1}:"
"""Of all keys. The number changes when they mean something else; the braces keep them
together where keys are spread over servers."""

NODES = PREFIX + b"seen"
REPORTS = PREFIX + b"nodes"
RESTS = PREFIX + b"rests"
RESTS_END = PREFIX + b"rests:end"
MARKS = PREFIX + b"marks:"
"""When those of a kind end."""
MARKS_NAMES = PREFIX + b"marks:names:"
"""Their names, to be found by how they begin."""
NEWS = PREFIX + b"news"
"""The channel, which is not bound to a database."""

_LONGEST_NAME = 128
"""Bytes of an identifier that stands in a key as it is."""

_encode = msgspec.msgpack.encode
_decode_list = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decode_news = msgspec.msgpack.Decoder(News).decode
_decode_rest = msgspec.msgpack.Decoder(RestNews).decode
_decode_report = msgspec.msgpack.Decoder(NodeReport).decode
_decode_answer = msgspec.msgpack.Decoder(StoredResponse).decode


def account_key(id: str) -> bytes:
    return PREFIX + b"use:" + name(id)


def group_key(group: str) -> bytes:
    return PREFIX + b"group:" + name(group)


def channel(db: int) -> bytes:
    return NEWS + b":%d" % db


def name(id: str) -> bytes:
    """``id``, or its digest when it is long: some come from upstreams and clients."""
    text = id.encode("utf-8", "surrogatepass")
    if len(text) <= _LONGEST_NAME:
        return text
    return b"sha256:" + hashlib.sha256(text).hexdigest().encode()


def number(value: float) -> bytes:
    """All of it: repr gives the shortest text that is read as the same."""
    return repr(float(value)).encode()


# --- news --------------------------------------------------------------------


def encode_news(sender: bytes, news: Sequence[News], ahead: float) -> bytes:
    return sender + b" " + _encode([_moved(each, ahead) for each in news])


def decode_news(payload: bytes, me: bytes, ahead: float) -> list[News]:
    """The news in a message; none of one's own."""
    sender, _, content = payload.partition(b" ")
    if sender == me:
        return []
    found: list[News] = []
    with suppress(msgspec.MsgspecError):
        for each in _decode_list(content):
            with suppress(msgspec.MsgspecError):
                found.append(_moved(_decode_news(each), -ahead))
    return found


def rest_target(rest: RestNews) -> bytes:
    """What rests, as the name of a field."""
    return _encode((rest.credential, rest.model, rest.counting))


def encode_rest(rest: RestNews, ahead: float) -> bytes:
    return _encode(_moved(rest, ahead))


def decode_rests(values: Iterable[bytes], ahead: float) -> list[RestNews]:
    found = []
    for value in values:
        with suppress(msgspec.MsgspecError):
            rest = _decode_rest(value)
            found.append(replace(rest, until=rest.until - ahead))
    return found


def _moved(news: News, ahead: float) -> News:
    """With its time on the other clock."""
    if isinstance(news, RestNews | MarkNews) and news.until:
        return replace(news, until=news.until + ahead)
    return news


# --- marks -------------------------------------------------------------------


def mark_keys(name: str) -> list[bytes]:
    """Where the marks of its kind are: their ends, their names."""
    kind = kind_of(name).encode()
    return [MARKS + kind, MARKS_NAMES + kind]


def decode_marks(row: Sequence[bytes], ahead: float) -> list[Mark]:
    """Names and ends in turn."""
    pairs = zip(row[::2], row[1::2], strict=True)
    return [Mark(name.decode(), float(until) - ahead) for name, until in pairs]


# --- answers -----------------------------------------------------------------


class AnswerKeys(Struct, frozen=True):
    """Where an answer is."""

    name: bytes
    prefix: bytes
    """Of the keys of all answers of its owner."""
    keys: list[bytes]
    """The answer, when its owner's answers were used, and how large they are."""


def answer_keys(owner: str, id: str) -> AnswerKeys:
    of, called = name(owner), name(id)
    prefix = PREFIX + b"answer:" + of + b":"
    return AnswerKeys(
        called,
        prefix,
        [prefix + called, PREFIX + b"answers:" + of, PREFIX + b"answers:size:" + of],
    )


def encode_answer(stored: StoredResponse) -> bytes:
    return _encode(stored)


def decode_answer(value: bytes | None, id: str) -> StoredResponse | None:
    if value is None:
        return None
    try:
        stored = _decode_answer(value)
    except msgspec.MsgspecError:
        return None
    return stored if stored.id == id else None


# --- reports -----------------------------------------------------------------


def encode_report(report: NodeReport) -> bytes:
    return _encode(report)


def decode_reports(
    for_all: Iterable[bytes], of_group: Iterable[bytes], ahead: float
) -> list[NodeReport]:
    """The reports of a group, which have counters, and those of other nodes."""
    found: dict[str, NodeReport] = {}
    for value in (*for_all, *of_group):
        at, _, content = value.partition(b" ")
        with suppress(msgspec.MsgspecError, ValueError):
            report = _decode_report(content)
            seen = float(at)
            found[report.id] = replace(report, seen=seen - ahead if seen else 0.0)
    return list(found.values())
