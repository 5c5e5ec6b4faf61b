"""Blocks of a stream that are only carried: they come out when they are whole."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from aigw_core.chat import Opaque
from aigw_core.codecs.messages import wire
from aigw_core.codecs.messages.blocks import native, refuse_ambiguous
from aigw_core.codecs.messages.wire import decode_fields
from aigw_core.surrogates import mend

_decode_delta = Decoder(wire.RawDelta).decode
_decode_str = Decoder(str).decode


class HeldBlock:
    """A block of a kind that has no canonical part.

    Of a delta, texts are added to the field of that name and anything else
    replaces it; pieces of JSON are the ``input``.
    """

    def __init__(self, start: Raw, label: str) -> None:
        self._label = label
        self._fields = decode_fields(start)
        self._texts: dict[str, list[str]] = {}

    def add(self, data: bytes) -> None:
        """The data of a delta event.

        Raises:
            msgspec.DecodeError: it holds no delta.
            UnicodeDecodeError: it is not UTF-8.
        """
        if not data.isascii():
            data.decode()
        for name, raw in _decode_delta(mend(data, hold=False)).delta.items():
            if name == "type":
                continue
            field = "input" if name == "partial_json" else name
            if bytes(raw).startswith(b'"'):
                self._texts.setdefault(field, []).append(_decode_str(raw))
            else:
                self._fields[field] = raw

    def whole(self) -> Opaque:
        """
        Raises:
            BlockError: parsers do not agree on it.
        """
        fields: dict[str, Any] = dict(self._fields)
        for name, pieces in self._texts.items():
            text = "".join(pieces)
            before = self._fields.get(name)
            if name == "input":
                fields[name] = _as_json(text)
            elif before is not None and bytes(before).startswith(b'"'):
                fields[name] = _decode_str(before) + text
            else:
                fields[name] = text
        whole = native(msgspec.json.encode(fields))
        refuse_ambiguous(whole)
        return Opaque(whole, self._label)


def _as_json(text: str) -> Any:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return Raw(text)
