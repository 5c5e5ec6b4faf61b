"""What routing reads of a Gemini request, and requests that are relayed.

Model and method stand in the path, so a body can go to another model as it is.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from aigw_core.codec import Caps, EncodedRequest, Inbound, Peek
from aigw_core.codecs.gemini.decode_request import decode_request, model_name
from aigw_core.codecs.gemini.encode_request import encode_request, upstream_path
from aigw_core.errors import InvalidRequest
from aigw_core.jsondoc import first_byte, is_empty_list, splice

__all__ = ["decode_request", "encode_request", "peek", "relay_request"]


def peek(inbound: Inbound) -> Peek:
    """Raises ``InvalidRequest``: no object, no model, no turns."""
    model = model_name(inbound)
    contents = inbound.fields.get("contents", Raw(b"null"))
    if first_byte(contents) not in (b"[", b"{"):
        raise InvalidRequest("a list of turns is needed", pointer="/contents")
    if is_empty_list(contents):
        raise InvalidRequest("the list of turns is empty", pointer="/contents")
    return Peek(model, bool(inbound.stream), stream_usage=True)


def relay_request(inbound: Inbound, model: str, caps: Caps) -> EncodedRequest:
    """The client's own bytes for ``model``. Streams are always asked for as events;
    a body that names another model (some clients repeat it there) names this one.

    Raises:
        InvalidRequest: the body is no object.
    """
    body = inbound.body
    fields = inbound.fields
    if "model" in fields:
        known = bytes(fields["model"])
        wanted = msgspec.json.encode(f"models/{model.removeprefix('models/')}")
        if known not in (b"null", wanted, msgspec.json.encode(model)):
            body = splice(fields, {"model": wanted})
    return EncodedRequest(body, upstream_path(model, caps, stream=bool(inbound.stream)))
