"""What is done with a request without translating it: routing and relaying.

Translation is in ``decode_request`` and ``encode_request``.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder

from aigw_core.codec import Caps, EncodedRequest, Inbound, Peek
from aigw_core.codecs.messages import wire
from aigw_core.codecs.messages.encode_request import PATH
from aigw_core.codecs.messages.error import NO_THREADS
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import decode_as, first_byte, is_empty_list, splice

FORWARDED = (
    "anthropic-version",
    "anthropic-beta",
    "anthropic-workspace-id",
    "anthropic-user-profile-id",
)
"""Client headers that mean something to an upstream of this format."""


class _Head(Struct):
    """Read of the top-level fields, not of the body."""

    model: str
    messages: list[int]
    """``[0]`` for all that are not empty."""
    stream: bool | None = None
    thread: Raw = wire.NULL


_SOME = Raw(b"[0]")
_decode_head = Decoder(_Head).decode
_decode_name = Decoder(str).decode
_NO_NAME = Raw(b'""')


def peek(inbound: Inbound) -> Peek:
    """What routing needs.

    Raises:
        InvalidRequest: no JSON object, no model, no messages; a part of a thread,
            which only the server that began it can go on with.
    """
    head = inbound.once(_head)
    if not head.model:
        raise InvalidRequest("the model is empty", pointer="/model")
    if not head.messages:
        raise InvalidRequest("at least one message is required", pointer="/messages")
    if bytes(head.thread) != b"null":
        raise InvalidRequest(
            "message threads are not kept here; send the whole conversation, without thread",
            pointer="/thread",
            code=NO_THREADS,
        )
    return Peek(head.model, bool(head.stream), stream_usage=True)


def _head(fields: Mapping[str, Raw]) -> _Head:
    few = {name: fields[name] for name in _Head.__struct_fields__ if name in fields}
    messages = few.get("messages")
    if messages is not None and not is_empty_list(messages):
        few["messages"] = _SOME if first_byte(messages) == b"[" else messages
    return decode_as(_decode_head, msgspec.json.encode(few))


def relay_request(inbound: Inbound, model: str, caps: Caps) -> EncodedRequest:
    """The client's own bytes for an upstream of this format, for ``model``.

    The client's version and beta headers go with them; without a version the
    older one is sent, which is what such a client was written for.
    """
    body = inbound.body
    fields = inbound.fields
    if decode_as(_decode_name, fields.get("model", _NO_NAME)) != model:
        body = splice(fields, {"model": msgspec.json.encode(model)})
    given = inbound.headers
    headers = tuple([(name, given[name]) for name in FORWARDED if given.get(name)])
    if "anthropic-version" not in given:
        headers = (("anthropic-version", caps.api_version or wire.VERSION_2023), *headers)
    return EncodedRequest(body, PATH, headers)
