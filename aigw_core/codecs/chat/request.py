"""What needs no whole decoding: the little that routing asks, and the relayed request."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from aigw_core.codec import Caps, EncodedRequest, Inbound, Peek
from aigw_core.codecs.chat.encode_request import PATH
from aigw_core.codecs.chat.fields import need, read
from aigw_core.codecs.chat.wire import ENCODE, Fields, StreamOptions
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import first_byte, is_empty_list, splice


class _Head(Struct, gc=False):
    """Read of the top-level fields, not of the body."""

    model: str
    stream: bool | None
    options: StreamOptions | None


_STRING = msgspec.json.Decoder(str).decode
_STREAM = msgspec.json.Decoder(bool | None).decode
_OPTIONS = msgspec.json.Decoder(StreamOptions | None).decode
_FIELDS = msgspec.json.Decoder(Fields).decode
_NULL = Raw(b"null")


def peek(inbound: Inbound) -> Peek:
    """What routing needs.

    Raises:
        InvalidRequest: the body is no JSON object, names no model, or has no messages.
    """
    head = inbound.once(_head)
    usage = head.options is not None and bool(head.options.include_usage)
    return Peek(head.model, bool(head.stream), usage)


def _head(fields: Mapping[str, Raw]) -> _Head:
    model = read(_STRING, need(fields.get("model"), "/model"), "/model")
    if not model:
        raise InvalidRequest("the model is empty", pointer="/model")
    messages = need(fields.get("messages"), "/messages")
    if first_byte(messages) != b"[":
        raise InvalidRequest("Expected `array`", pointer="/messages")
    if is_empty_list(messages):
        raise InvalidRequest("there are no messages", pointer="/messages")
    return _Head(
        model,
        read(_STREAM, fields.get("stream", _NULL), "/stream"),
        read(_OPTIONS, fields.get("stream_options", _NULL), "/stream_options"),
    )


def relay_request(inbound: Inbound, model: str, caps: Caps) -> EncodedRequest:
    """The client's own bytes for an upstream of this format.

    They change where the model's name differs, and where a stream does not ask for
    usage yet, which the gateway accounts by; the tap takes it out of the answer again.

    Raises:
        InvalidRequest: like :func:`peek`.
    """
    fields = inbound.fields
    head = inbound.once(_head)
    changes: dict[str, bytes] = {}
    if head.model != model:
        changes["model"] = ENCODE(model)
    if head.stream and caps.stream_usage_option:
        options = head.options
        if options is None or not options.include_usage:
            kept = read(_FIELDS, fields["stream_options"], "") if options is not None else {}
            changes["stream_options"] = ENCODE({**kept, "include_usage": True})
    body = splice(fields, changes) if changes else inbound.body
    return EncodedRequest(body=body, path=PATH)
