"""What a request used, where its answer does not say, and what that cost.

An upstream reports usage at the end of an answer, or never. When the client leaves
before that, or the upstream breaks off, what has come is used all the same: by the
vendor, who charges for it, and by the key, whose limit it counts against. So what is
not known is estimated, and marked as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from msgspec.structs import replace

from aigw_core.attempt import Call
from aigw_core.chat import Format, Usage
from aigw_core.errors import GatewayError
from aigw_core.prices import PriceBook, cost
from aigw_core.record import ExchangeRecord
from aigw_core.token_count import estimate

_BYTES_PER_TOKEN = 4


def prompt_tokens(call: Call) -> int:
    """A guess at the tokens of a request, at least 1, also of one that cannot be decoded:
    an upstream of its own format may understand more than the gateway does."""
    try:
        return estimate(call.request)
    except GatewayError:
        return max(1, len(call.inbound.body) // _BYTES_PER_TOKEN)


def tokens_at_most(call: Call) -> int:
    """What :func:`prompt_tokens` does not exceed, for less than it costs to decode a small
    request, which an upstream of the client's own format does without: a body of nothing
    but texts, all ASCII, has four of its bytes for a token, and room for what a turn adds in
    what surrounds it. Of any other, its :func:`prompt_tokens`.
    """
    body = call.inbound.body
    if len(body) <= _SMALL:
        texts = _BEYOND_TEXTS.search(body) is None
    else:
        texts = call.codec.format is Format.CHAT and not _has_lists(body)
    if texts and body.isascii():
        return max(1, len(body) // _BYTES_PER_TOKEN)
    return prompt_tokens(call)


_SMALL = 8192
"""Bytes of a body that are searched five times sooner than they are decoded."""
_BEYOND_TEXTS = re.compile(rb'"(?:type"|inline|file|tools"|functions")')
"""One of which is in each body that has media, tools or blocks."""


def _has_lists(body: bytes) -> bool:
    """Whether a Chat request may have more lists than that of its messages: media, tools and
    whatever else takes more tokens than its bytes say stand in lists. For the price of a
    bracket, of which texts have few, instead of a byte."""
    own, at = False, body.find(b"[")
    for _ in range(_FEW):
        if at < 0:
            return False
        before = body[max(0, at - _BEFORE) : at].rstrip(_SPACE)
        if before[-1:] in (b":", b""):
            name = before[:-1].rstrip(_SPACE)
            if name.endswith(b'"messages"') and not own:
                own = True
            elif not name or (name.endswith(b'"') and not _QUOTED.search(name)):
                return True
        at = body.find(b"[", at + 1)
    return True


_FEW = 256
_BEFORE = 32
"""Bytes in front of a bracket that are looked at: where they are nothing but space, and perhaps
a colon, it may be that of a list."""
_SPACE = b" \t\r\n"
_QUOTED = re.compile(rb'[^\\]\\"\Z')
"""How a key ends that stands in a text."""


def with_all_usage(record: ExchangeRecord, prompt: Callable[[], int]) -> ExchangeRecord:
    """``record`` with what is missing from its usage estimated.

    ``prompt`` guesses the tokens of the request; it is asked only when it is needed.
    """
    usage = record.usage
    broken_off = record.client_left or record.failure is not None
    if not broken_off and usage.input_total is not None and usage.output_total is not None:
        return record
    if record.first_content is not None:
        answer = _answer_tokens(record)
    elif record.client_left and record.attempts and record.attempts[-1].failure is None:
        answer = 0  # a target was at work, and nothing had come of it
    else:
        return record
    known = usage.output_total
    if usage.input_total is None:
        usage = replace(usage, input=prompt())
    if known is None or (broken_off and known < answer):
        usage = replace(usage, output=max(0, answer - (usage.reasoning or 0)))
    if usage is record.usage:
        return record
    return replace(record, usage=usage, usage_estimated=True)


def _answer_tokens(record: ExchangeRecord) -> int:
    """Of what the client was sent. Vendors stream about a token in a piece, some of them
    several: this is the least that it can have been."""
    return record.pieces if record.stream else record.bytes_out // _BYTES_PER_TOKEN


def cost_of(record: ExchangeRecord, book: PriceBook) -> Decimal | None:
    """USD that the answer cost; ``None``: that is not known."""
    price = book.find(record.attempts[-1].model) if record.attempts else None
    return None if price is None else cost(record.usage, price)


def tokens_used(usage: Usage) -> int:
    """All of them, both ways."""
    return (usage.input_total or 0) + (usage.output_total or 0)
