"""What a request has in common with those that should go the same way.

Read only for the strategies that ask for it, from what clients send anyway.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Raw

from aigw_core.access import Caller
from aigw_core.codec import Inbound
from aigw_core.errors import InvalidRequest

_SESSION_HEADER = ("session-id", "session_id")
# What the names of such headers end in; vendors' own clients put theirs before it.

_SESSION_FIELDS = ("prompt_cache_key", "session_id", "user")
_CONVERSATIONS = ("messages", "input", "contents")
_INSTRUCTIONS = ("system", "instructions", "systemInstruction", "system_instruction")

_string = msgspec.json.Decoder(str).decode
_items = msgspec.json.Decoder(list[Raw]).decode
_object = msgspec.json.Decoder(dict[str, Raw]).decode

LEADING = 2
"""Items of a conversation that are its beginning: often a system message and the first
of the user's."""


def sticky_value(strategy: str, inbound: Inbound, caller: Caller) -> str | None:
    """What requests share that ``strategy`` sends to one target; ``None``: nothing."""
    if strategy == "sticky-key":
        return caller.key.id if caller.key is not None else None
    if strategy == "sticky-session":
        return _session(inbound)
    if strategy == "sticky-prefix":
        return _beginning(inbound)
    return None


def _session(inbound: Inbound) -> str | None:
    for header, session in inbound.headers.items():
        if session and header.endswith(_SESSION_HEADER):
            return session
    fields = _fields(inbound)
    for name in _SESSION_FIELDS:
        if value := _text(fields.get(name)):
            return value
    try:
        metadata = _object(fields["metadata"]) if "metadata" in fields else {}
    except msgspec.MsgspecError:
        return None
    return _text(metadata.get("user_id")) or _text(metadata.get("session_id"))


def _beginning(inbound: Inbound) -> str | None:
    digest = hashlib.blake2b(digest_size=16)
    known = False
    for piece in _pieces(_fields(inbound)):
        known = True
        digest.update(b"%d:%b" % (len(piece), piece))
    return digest.hexdigest() if known else None


def _pieces(fields: Mapping[str, Raw]) -> Iterator[bytes]:
    for name in _INSTRUCTIONS:
        if name in fields:
            yield bytes(fields[name])
    for name in _CONVERSATIONS:
        if name not in fields:
            continue
        try:
            yield from [bytes(item) for item in _items(fields[name])[:LEADING]]
        except msgspec.MsgspecError:
            yield bytes(fields[name])


def _fields(inbound: Inbound) -> Mapping[str, Raw]:
    try:
        return inbound.fields
    except InvalidRequest:
        return {}


def _text(raw: Raw | None) -> str | None:
    try:
        return _string(raw) or None if raw is not None else None
    except msgspec.MsgspecError:
        return None
