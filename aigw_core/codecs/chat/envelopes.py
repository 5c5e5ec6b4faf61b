"""Takes envelopes out of a request that is relayed.

A conversation that a vendor of another format answered for a while has envelopes
in the entries of ``reasoning_details`` that are the gateway's own, and beside tool
calls. Those go; every other byte stays.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from aigw_core.codec import Caps
from aigw_core.codecs.chat.details import OWN_FORMAT
from aigw_core.jsonspans import Edits, Span, elements, members, whole
from aigw_core.seals import is_envelope, may_hold_envelope


class _Entry(Struct):
    format: str | None = None
    data: str | None = None


class _Own(Struct):
    seal: str | None = None


_ENTRY = msgspec.json.Decoder(_Entry).decode
_OWN = msgspec.json.Decoder(_Own).decode


def strip_envelopes(body: bytes, caps: Caps) -> tuple[bytes, tuple[str, ...]]:
    """The body without envelopes, and where those were."""
    edits = Edits(body)
    pointers: list[str] = []
    for number, message in enumerate(elements(body, members(body, whole(body))["messages"])):
        if may_hold_envelope(body[message.start : message.end]):
            _message(body, message, f"/messages/{number}", edits, pointers)
    return edits.apply(), tuple(pointers)


def _message(body: bytes, message: Span, pointer: str, edits: Edits, pointers: list[str]) -> None:
    fields = members(body, message)
    details = fields.get("reasoning_details")
    if details is not None:
        entries = elements(body, details)
        gone = [index for index, entry in enumerate(entries) if _is_own(body, entry)]
        pointers += [f"{pointer}/reasoning_details/{index}" for index in gone]
        if gone and len(gone) == len(entries):
            names = list(fields)
            edits.remove(list(fields.values()), [names.index("reasoning_details")])
        elif gone:
            edits.remove(entries, gone)
    calls = fields.get("tool_calls")
    for index, call in enumerate([] if calls is None else elements(body, calls)):
        if _call(body, call, edits):
            pointers.append(f"{pointer}/tool_calls/{index}/extra_content")


def _is_own(body: bytes, span: Span) -> bool:
    try:
        entry = _ENTRY(body[span.start : span.end])
    except msgspec.ValidationError:
        return False
    return entry.format == OWN_FORMAT and is_envelope(entry.data or "")


def _call(body: bytes, call: Span, edits: Edits) -> bool:
    fields = members(body, call)
    extra = fields.get("extra_content")
    inner = {} if extra is None else members(body, extra)
    own = inner.get("aigw")
    if own is None or not _is_sealed(body[own.value : own.end]):
        return False
    # ``extra_content`` goes with the last thing in it.
    outer, name = (fields, "extra_content") if len(inner) == 1 else (inner, "aigw")
    edits.remove(list(outer.values()), [list(outer).index(name)])
    return True


def _is_sealed(own: bytes) -> bool:
    try:
        return is_envelope(_OWN(own).seal or "")
    except msgspec.ValidationError:
        return False
