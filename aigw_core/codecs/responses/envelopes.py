"""Takes envelopes out of a request that is relayed.

A conversation that another vendor answered for a while has reasoning items whose
``encrypted_content`` is an envelope, which this vendor cannot read. Those items go,
whole; every other byte stays.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from aigw_core.codec import Caps
from aigw_core.jsonspans import Edits, Span, elements, members, whole
from aigw_core.seals import is_envelope, may_hold_envelope


class _Item(Struct):
    encrypted_content: str | None = None


_ITEM = msgspec.json.Decoder(_Item).decode


def strip_envelopes(body: bytes, caps: Caps) -> tuple[bytes, tuple[str, ...]]:
    """The body without items that carry envelopes, and where those were."""
    given = members(body, whole(body)).get("input")
    items = [] if given is None else elements(body, given)
    gone = [index for index, item in enumerate(items) if _carries(body, item)]
    if not gone:
        return body, ()
    edits = Edits(body)
    edits.remove(items, gone)
    return edits.apply(), tuple(f"/input/{index}" for index in gone)


def _carries(body: bytes, span: Span) -> bool:
    piece = body[span.start : span.end]
    if not may_hold_envelope(piece):
        return False
    try:
        return is_envelope(_ITEM(piece).encrypted_content or "")
    except msgspec.ValidationError:
        return False
