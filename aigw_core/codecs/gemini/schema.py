"""JSON Schema and the vendor's subset of OpenAPI 3.0 schemas, both ways.

``parametersJsonSchema`` and ``responseJsonSchema`` take JSON Schema as it is. Their
older siblings, and models that only know those, take a subset with upper-case
type names, ``nullable`` in the place of a null type, and no references.

Numbers keep their spelling. Conversion ends for any schema: references that lead
back to themselves become an object of anything.

Source: Gemini API reference, "Schema".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

Losses = Callable[[str], None]
"""Told the name of a keyword that was left out or loosened."""

_KEPT = frozenset(
    {
        "title",
        "description",
        "format",
        "pattern",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "minProperties",
        "maxProperties",
        "required",
        "default",
        "example",
        "propertyOrdering",
        "nullable",
    }
)
# Keywords whose loss changes nothing that a model could tell.
_SILENT = frozenset(
    {"$schema", "$id", "$defs", "definitions", "$comment", "$anchor", "strict", "examples",
     "deprecated", "readOnly", "writeOnly", "additionalProperties"}
)  # fmt: skip
_MAX_DEPTH = 32
_MAX_NODES = 20_000
"""References are written out, which can make a small schema huge."""


def _read(schema: bytes) -> Any:
    def number(text: str) -> Raw:
        return Raw(text.encode())

    return json.loads(schema, parse_float=number, parse_int=number)


# --- to the subset -----------------------------------------------------------


def to_openapi_subset(schema: bytes, lost: Losses) -> bytes:
    """``schema`` in the subset. What only JSON Schema can say is left out and told
    to ``lost``; ``additionalProperties: false`` is not: the subset has no other kind
    of object."""
    root = _read(schema)
    if not isinstance(root, dict):
        return b'{"type":"OBJECT"}'
    return msgspec.json.encode(_Subset(root, lost).convert(root, (), 0))


class _Subset:
    def __init__(self, root: dict[str, Any], lost: Losses) -> None:
        self._root = root
        self._lost = lost
        self._nodes = 0

    def convert(self, schema: Any, within: tuple[str, ...], depth: int) -> dict[str, Any]:
        """``within``: the references that led here."""
        self._nodes += 1
        if not isinstance(schema, dict):
            return {} if schema is True else {"type": "OBJECT"}
        if depth > _MAX_DEPTH or self._nodes > _MAX_NODES:
            self._lost("depth")
            return {"type": "OBJECT"}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self._follow(schema, reference, within, depth)
        if isinstance(schema.get("allOf"), list):
            schema = self._merge_all_of(schema, within)
        result: dict[str, Any] = {}
        self._type(schema, result)
        for name, value in schema.items():
            self._keyword(name, value, result, within, depth)
        if "enum" in result and result.get("type") in (None, "STRING"):
            result["type"] = "STRING"
        if "anyOf" in result:
            _fold_null(result)
        return result

    def _follow(
        self, schema: dict[str, Any], reference: str, within: tuple[str, ...], depth: int
    ) -> dict[str, Any]:
        target = self._resolve(reference)
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        if target is None or reference in within:
            self._lost("$ref")
            result: dict[str, Any] = {"type": "OBJECT"}
            if isinstance(beside.get("description"), str):
                result["description"] = beside["description"]
            return result
        if isinstance(target, dict):
            target = {**target, **beside}
        return self.convert(target, (*within, reference), depth + 1)

    def _resolve(self, reference: str) -> Any:
        if reference == "#":
            return self._root
        if not reference.startswith("#/"):
            return None
        node: Any = self._root
        for step in reference[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or name not in node:
                return None
            node = node[name]
        return node

    def _merge_all_of(self, schema: dict[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        pieces = [*schema["allOf"], {k: v for k, v in schema.items() if k != "allOf"}]
        for piece in pieces:
            seen = set(within)
            while isinstance(piece, dict) and isinstance(piece.get("$ref"), str):
                reference = piece["$ref"]
                if reference in seen:
                    self._lost("$ref")
                    piece = {}
                    break
                seen.add(reference)
                beside = {name: value for name, value in piece.items() if name != "$ref"}
                target = self._resolve(reference)
                if not isinstance(target, dict):
                    self._lost("$ref")
                    target = {}
                piece = {**target, **beside}
            if not isinstance(piece, dict):
                continue
            for name, value in piece.items():
                known = merged.get(name)
                if name == "properties" and isinstance(known, dict) and isinstance(value, dict):
                    merged[name] = {**known, **value}
                elif name == "required" and isinstance(known, list) and isinstance(value, list):
                    merged[name] = known + [item for item in value if item not in known]
                elif name == "allOf" and isinstance(known, list) and isinstance(value, list):
                    merged[name] = known + value
                else:
                    merged[name] = value
        if "allOf" in merged:
            # Nested once more; deeper than this nobody writes by hand.
            self._lost("allOf")
            del merged["allOf"]
        return merged

    def _type(self, schema: dict[str, Any], result: dict[str, Any]) -> None:
        kind = schema.get("type")
        if isinstance(kind, str):
            if kind.lower() == "null":
                result["nullable"] = True
            else:
                result["type"] = kind.upper()
        elif isinstance(kind, list):
            names = [name.lower() for name in kind if isinstance(name, str)]
            types = [name.upper() for name in names if name != "null"]
            if len(types) < len(names):
                result["nullable"] = True
            if len(types) == 1:
                result["type"] = types[0]
            elif types and not ("anyOf" in schema or "oneOf" in schema):
                result["anyOf"] = [{"type": name} for name in types]
        elif "properties" in schema:
            result["type"] = "OBJECT"
        elif "items" in schema:
            result["type"] = "ARRAY"

    def _keyword(
        self,
        name: str,
        value: Any,
        result: dict[str, Any],
        within: tuple[str, ...],
        depth: int,
    ) -> None:
        if name in ("type", "allOf", *_SILENT):
            return
        if name in _KEPT:
            result[name] = value
        elif name == "properties" and isinstance(value, dict):
            result[name] = {
                key: self.convert(inner, within, depth + 1) for key, inner in value.items()
            }
        elif name == "items" and isinstance(value, dict | bool):
            result[name] = self.convert(value, within, depth + 1)
        elif name in ("anyOf", "oneOf") and isinstance(value, list):
            known = result.get("anyOf", [])
            result["anyOf"] = known + [self.convert(inner, within, depth + 1) for inner in value]
        elif name == "prefixItems" and isinstance(value, list) and "items" not in result:
            self._lost(name)
            result["items"] = {"anyOf": [self.convert(inner, within, depth + 1) for inner in value]}
        elif name in ("enum", "const"):
            self._enum(value if name == "enum" else [value], result)
        else:
            self._lost(name)

    def _enum(self, values: Any, result: dict[str, Any]) -> None:
        if not isinstance(values, list):
            self._lost("enum")
            return
        if None in values:
            result["nullable"] = True
        words = [value for value in values if isinstance(value, str)]
        if len(words) < len([value for value in values if value is not None]):
            # The subset has enumerations of strings only.
            self._lost("enum")
            return
        if words:
            result["enum"] = words


def _fold_null(result: dict[str, Any]) -> None:
    """A branch that is only null becomes ``nullable``; one branch needs no choice."""
    branches = result["anyOf"]
    others = [branch for branch in branches if branch != {"nullable": True}]
    if len(others) < len(branches):
        result["nullable"] = True
    if len(others) == 1:
        del result["anyOf"]
        for name, value in others[0].items():
            result.setdefault(name, value)
    elif others:
        result["anyOf"] = others
    else:
        del result["anyOf"]


# --- from the subset ---------------------------------------------------------


def from_openapi_subset(schema: bytes) -> bytes:
    """A schema of the subset as JSON Schema. One that is JSON Schema already, which
    many clients send, stays what it was."""
    return msgspec.json.encode(_to_json_schema(_read(schema), 0))


_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")


def _to_json_schema(schema: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH * 2:
        return schema
    result: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "type" and isinstance(value, str):
            if value.upper() != "TYPE_UNSPECIFIED":
                result[name] = value.lower() if value.isupper() else value
        elif name == "properties" and isinstance(value, dict):
            result[name] = _ordered(
                {key: _to_json_schema(inner, depth + 1) for key, inner in value.items()},
                schema.get("propertyOrdering", schema.get("property_ordering")),
            )
        elif name == "items":
            result[name] = _to_json_schema(value, depth + 1)
        elif name in ("anyOf", "any_of") and isinstance(value, list):
            result["anyOf"] = [_to_json_schema(inner, depth + 1) for inner in value]
        elif name in ("nullable", "propertyOrdering", "property_ordering"):
            continue
        elif name == "format" and value == "enum":
            continue  # says of the subset what ``enum`` says by itself
        elif name in _COUNTS and isinstance(value, str) and value.isdecimal():
            result[name] = Raw(value.encode())  # int64 is a string in ProtoJSON
        else:
            result[name] = value
    if schema.get("nullable") is True:
        _add_null(result)
    return result


def _ordered(properties: dict[str, Any], order: Any) -> dict[str, Any]:
    if not isinstance(order, list):
        return properties
    names = [name for name in order if isinstance(name, str)]
    first = {name: properties[name] for name in names if name in properties}
    return {**first, **properties}


def _add_null(schema: dict[str, Any]) -> None:
    kind = schema.get("type")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
