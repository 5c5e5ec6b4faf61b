"""Shortening a conversation: ``POST /v1/responses/compact``.

What comes back is sealed by the vendor, so this can be relayed and not translated.

Source: API reference, "Compact a response".
"""

from __future__ import annotations

from msgspec.structs import replace

from aigw_core.codec import Caps, EncodedRequest, Inbound, Peek
from aigw_core.codecs.responses import decode_request as request_decoder
from aigw_core.codecs.responses import encode_request as request_encoder

PATH = request_encoder.PATH + "/compact"


def peek(inbound: Inbound) -> Peek:
    return replace(request_decoder.peek(inbound), stream=False)


def relay_request(inbound: Inbound, model: str, caps: Caps) -> EncodedRequest:
    return replace(request_encoder.relay_request(inbound, model, caps), path=PATH)
