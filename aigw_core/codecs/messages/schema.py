"""JSON Schemas that structured output of this format takes."""

from __future__ import annotations

from typing import Any

import msgspec

from aigw_core.jsondoc import decode_as

_SUBSCHEMAS = ("items", "additionalItems", "contains", "not", "if", "then", "else", "propertyNames")
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_MAPS = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")


def close_objects(schema: bytes) -> tuple[bytes, bool]:
    """``schema`` with ``additionalProperties: false`` on every object in it, as
    the vendor demands, and whether an object was open on purpose before.

    Byte for byte the same where nothing is missing.

    Raises:
        InvalidRequest: a number in it is larger than any that can be written again.
    """
    document = decode_as(msgspec.json.decode, schema)
    closer = _Closer()
    closer.visit(document)
    if not closer.changed:
        return schema, False
    return msgspec.json.encode(document), closer.opened


class _Closer:
    def __init__(self) -> None:
        self.changed = False
        self.opened = False

    def visit(self, schema: Any) -> None:
        if not isinstance(schema, dict):
            return
        kind = schema.get("type")
        is_object = kind == "object" or (isinstance(kind, list) and "object" in kind)
        if is_object or "properties" in schema:
            more = schema.get("additionalProperties")
            if more is not False:
                schema["additionalProperties"] = False
                self.changed = True
                self.opened = self.opened or more is not None
        for name in _SUBSCHEMAS:
            self.visit(schema.get(name))
        for name in _LISTS:
            inner = schema.get(name)
            if isinstance(inner, list):
                for item in inner:
                    self.visit(item)
        for name in _MAPS:
            inner = schema.get(name)
            if isinstance(inner, dict):
                for item in inner.values():
                    self.visit(item)
