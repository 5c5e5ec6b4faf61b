"""Tool calls: identifiers where there are none, and arguments as objects.

Older models and some clients leave the identifier of a call out. Other formats
need one, and the same one on every turn, so it is made from what the call is
and where it stands.
"""

from __future__ import annotations

import base64
import hashlib

import msgspec
from msgspec import Raw

_OBJECT = msgspec.json.Decoder(dict[str, Raw]).decode

# The API accepts this instead of a signature that it cannot know, for calls
# that another vendor's model made. A bytes field, hence base64; this form is
# what recorded requests that were answered with 200 carry.
# Source: "Thought signatures", FAQ, of the Gemini API documentation.
DUMMY_SIGNATURE = base64.b64encode(b"skip_thought_signature_validator").decode()


def call_id(*origin: object) -> str:
    """An identifier that is a pure function of ``origin``."""
    digest = hashlib.sha256(repr(origin).encode("utf-8", "surrogatepass")).digest()
    return "call_" + base64.b32encode(digest).decode()[:24].lower()


def arguments_text(args: Raw) -> str:
    """``args`` of a call as text without space; ``{}`` when there are none.
    Numbers keep their spelling."""
    raw = bytes(args)
    if raw in (b"", b"null", b"{}"):
        return "{}"
    return compact(raw).decode()


def compact(raw: bytes) -> bytes:
    """JSON without the space between its tokens, which are kept as they are."""
    return msgspec.json.format(raw, indent=-1)


def arguments_object(text: str) -> bytes | None:
    """``text`` of a call as a JSON object on one line, or ``None`` when it is none."""
    if not text.strip():
        return b"{}"
    raw = text.encode("utf-8", "replace")
    try:
        _OBJECT(raw)
        return compact(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def wrapped_arguments(text: str) -> bytes:
    """An object for arguments that are none."""
    return msgspec.json.encode({"_raw": clean(text)})


def freeform_arguments(text: str) -> bytes:
    """The arguments of the function that stands in for a free-form tool."""
    return msgspec.json.encode({"input": clean(text)})


def clean(text: str) -> str:
    """``text`` with lone surrogates, which no encoder takes, made U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
