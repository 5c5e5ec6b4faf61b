"""What is done with a request without translating it: routing and relaying.

Translation is in ``decode_request`` and ``encode_request``.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder

from aigw_core.codec import Caps, EncodedRequest, Inbound, Peek
from aigw_core.codecs.messages import wire
from aigw_core.codecs.messages.encode_request import PATH
from aigw_core.codecs.messages.error import NO_THREADS
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import decode_as, read_object, splice

FORWARDED = (
    "anthropic-version",
    "anthropic-beta",
    "anthropic-workspace-id",
    "anthropic-user-profile-id",
)
"""Client headers that mean something to an upstream of this format."""


class _Head(Struct):
    model: str
    messages: list[Raw]
    stream: bool | None = None
    thread: Raw = wire.NULL


class _Model(Struct):
    model: str = ""


_decode_head = Decoder(_Head).decode
_decode_model = Decoder(_Model).decode


def peek(inbound: Inbound) -> Peek:
    """What routing needs.

    Raises:
        InvalidRequest: no JSON object, no model, no messages; a part of a thread,
            which only the server that began it can go on with.
    """
    read_object(inbound.body)
    head = decode_as(_decode_head, inbound.body)
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


def relay_request(inbound: Inbound, model: str, caps: Caps) -> EncodedRequest:
    """The client's own bytes for an upstream of this format, for ``model``.

    The client's version and beta headers go with them; without a version the
    older one is sent, which is what such a client was written for.
    """
    body = inbound.body
    if decode_as(_decode_model, body).model != model:
        body = splice(read_object(body), {"model": msgspec.json.encode(model)})
    given = inbound.headers
    headers = tuple([(name, given[name]) for name in FORWARDED if given.get(name)])
    if "anthropic-version" not in given:
        headers = (("anthropic-version", caps.api_version or wire.VERSION_2023), *headers)
    return EncodedRequest(body, PATH, headers)
