"""The fifth probe: what a vendor signed comes back as it was, over two turns."""

from __future__ import annotations

import base64
import json
from typing import Any

from msgspec.structs import replace

from aigw_core.chat import Format
from aigw_core.codec import Caps, Codec, Inbound
from aigw_core.sealing import Sealing
from aigw_core.seals import Provenance, Sealer, SealKeys, key_of, may_hold_envelope
from aigw_core.translate import Translation, translate_request
from tests.conformance.replies import REPLIES, Reply
from tests.conformance.running import check_same, see, serve
from tests.conformance.streams import SPOKEN
from tests.conformance.wires import REDACTED, SIGNATURE, WRITERS, Call, Script
from tests.laws import hold, same

KEYS = SealKeys(key_of("a made-up secret"))
_TWO_CALLS = (
    Call("call_1", "get_weather", ('{"city":"Zürich"}',)),
    Call("call_2", "get_weather", ('{"city":', '"Bern"}')),
)
_SIGNED = (
    replace(SPOKEN, signed=True),
    replace(SPOKEN, signed=True, calls=()),
    replace(SPOKEN, signed=True, calls=_TWO_CALLS),
    replace(SPOKEN, signed=True, reasoning=()),
    replace(SPOKEN, signed=True, text=()),
)


def sealing(
    upstream: Codec, tenant: str = "t1", model: str = "up-model", group: str = "g1"
) -> Sealing:
    return Sealing(Sealer(KEYS, tenant), Provenance(upstream.format, model, group))


def two_turns(upstream: Codec, client: Codec) -> int:
    count = 0
    for script in _SIGNED:
        for reply in REPLIES[client.format]:
            count += 1
            _two_turns(upstream, client, script, reply)
    return count


def _two_turns(upstream: Codec, client: Codec, script: Script, reply: Reply) -> None:
    own = sealing(upstream)
    first = translated(client, upstream, reply(None), own)
    events = WRITERS[upstream.format](script)
    served = serve(upstream, client, events, translation=first)
    check_same(script.record, see(upstream, client, served), client)
    answered = reply(served.output)
    second = translated(client, upstream, answered, own)
    same(proofs(upstream.format, script), found(upstream.format, second.encoded.body))
    hold(not may_hold_envelope(second.encoded.body), "an envelope reaches the upstream")
    if upstream is client:
        sent, came = json.loads(second.encoded.body), json.loads(answered.body)
        # A gateway names its own model, and asks for the usage of a stream.
        for field in ("model", "stream_options"):
            sent.pop(field, None)
            came.pop(field, None)
        hold(sent == came, f"{came} became {sent}")
        return
    hold(SIGNATURE.encode() not in served.output, "the vendor's own seal reaches the client")
    for other in (
        sealing(upstream, tenant="t2"),
        sealing(upstream, model="other-model"),
        sealing(upstream, group="g2"),
        None,
    ):
        third = translated(client, upstream, answered, other)
        leaked = found(upstream.format, third.encoded.body)
        hold(not leaked, f"{leaked} reach another tenant, model or group")
        hold(not may_hold_envelope(third.encoded.body), "an envelope reaches the upstream")
        hold(any("seal" in entry.code for entry in third.ledger), "the loss is not told")


def translated(client: Codec, upstream: Codec, inbound: Inbound, by: Sealing | None) -> Translation:
    request = None if upstream is client else client.decode_request(inbound)
    model = "up-model"
    return translate_request(inbound, request, client, upstream, model, Caps(), sealing=by)


def proofs(name: Format, script: Script) -> list[str]:
    """What :func:`found` must find of a signed answer."""
    if name is Format.MESSAGES:
        return [f"signature of {''.join(script.reasoning)!r}: {SIGNATURE}", f"redacted: {REDACTED}"]
    if name is Format.GEMINI:
        return [f"{'functionCall' if script.calls else 'text'}: {SIGNATURE}"]
    return [SIGNATURE]


def found(name: Format, body: bytes) -> list[str]:
    """The seals in an upstream's request, each with the place it stands in."""
    document = json.loads(body)
    return {
        Format.CHAT: _in_chat,
        Format.MESSAGES: _in_messages,
        Format.RESPONSES: _in_responses,
        Format.GEMINI: _in_gemini,
    }[name](document)


def _in_chat(document: Any) -> list[str]:
    return [
        detail["data"]
        for message in document["messages"]
        for detail in message.get("reasoning_details", [])
        if "data" in detail
    ]


def _in_messages(document: Any) -> list[str]:
    seals = []
    for message in document["messages"]:
        for block in message["content"]:
            if isinstance(block, dict) and block["type"] == "thinking":
                seals.append(f"signature of {block['thinking']!r}: {block['signature']}")
            elif isinstance(block, dict) and block["type"] == "redacted_thinking":
                seals.append(f"redacted: {block['data']}")
    return seals


def _in_responses(document: Any) -> list[str]:
    return [item["encrypted_content"] for item in document["input"] if "encrypted_content" in item]


DUMMY = b"skip_thought_signature_validator"


def _in_gemini(document: Any) -> list[str]:
    seals = []
    for content in document["contents"]:
        for part in content["parts"]:
            signature = part.get("thoughtSignature")
            if signature is None:
                continue
            if signature.encode() == DUMMY:
                continue  # stands for none
            data = base64.b64decode(signature.replace("-", "+").replace("_", "/"))
            kind = "functionCall" if "functionCall" in part else "text"
            if data != DUMMY:
                seals.append(f"{kind}: {base64.b64encode(data).decode()}")
    return seals
