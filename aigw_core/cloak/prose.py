"""Where a Messages request has texts that people or models wrote.

Everything that is text to the model is: system prompt, messages, tool results, the
arguments of tool calls, descriptions and values in schemas. Names, identifiers,
addresses and media are not: replaced, they would mean something else or nothing. What
the vendor wrote and checks (signed reasoning, results of its own tools) is left alone.

Source: Messages API reference, "Create a message".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from aigw_core.jsontree import Step

Path = tuple[Step, ...]


class Prose(Struct, frozen=True):
    """A text that may be changed."""

    path: Path
    text: str


class Left(Struct, frozen=True):
    """A text, or the name of a member, that has to stay what it is."""

    path: Path
    text: str


class Thought(Struct, frozen=True):
    """A block of reasoning that the vendor signed."""

    path: Path
    text: str
    signature: str


Found = Prose | Left | Thought

_FIXED = frozenset(
    {
        "type",
        "role",
        "id",
        "name",
        "tool_use_id",
        "tool_id",
        "tool_name",
        "server_name",
        "media_type",
        "url",
        "file_id",
    }
)
_OPAQUE = frozenset({"data", "signature", "encrypted_content", "encrypted_index", "cache_control"})
"""Neither text nor name."""

_FIXED_SOURCES = ("base64", "url", "file")
_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")

_SCHEMA_FIXED = frozenset(
    {
        "type",
        "format",
        "pattern",
        "required",
        "dependentRequired",
        "$ref",
        "$id",
        "$schema",
        "$anchor",
        "$dynamicRef",
        "$dynamicAnchor",
    }
)
_SCHEMA_MAPS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
)
_SCHEMA_VALUES = frozenset({"enum", "const", "default", "examples"})


def prose(request: dict[str, Any]) -> Iterator[Found]:
    """All texts of a decoded request, in its order."""
    for name, value in request.items():
        path: Path = (name,)
        if name in ("system", "messages"):
            yield from _content(value, path)
        elif name == "tools":
            yield from _tools(value, path)
        elif name == "stop_sequences":
            yield from _values(value, path)
        elif name == "output_format":
            yield from _output(value, path)
        elif name == "output_config" and isinstance(value, dict):
            yield from _output(value.get("format"), (*path, "format"))
        elif name not in ("model", "metadata"):
            yield from _fixed(value, path)


def _content(value: Any, path: Path) -> Iterator[Found]:
    """Messages, blocks, and what is in them."""
    if isinstance(value, str):
        yield Prose(path, value)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _content(each, (*path, number))
    elif isinstance(value, dict):
        yield from _block(value, path)


def _block(block: dict[str, Any], path: Path) -> Iterator[Found]:
    kind = block.get("type")
    kind = kind if isinstance(kind, str) else ""
    if kind == "thinking" and block.get("signature"):
        text, signature = block.get("thinking"), block["signature"]
        if isinstance(text, str) and isinstance(signature, str):
            yield Thought(path, text, signature)
        return
    if kind == "redacted_thinking" or (kind.endswith("_tool_result") and kind != "tool_result"):
        return
    for name, value in block.items():
        inner = (*path, name)
        if name in _OPAQUE and not (name == "data" and kind == "text"):
            continue
        if name in _FIXED:
            yield from _fixed(value, inner)
        elif name == "input" and kind in _CALLS:
            yield from _values(value, inner)
        elif name == "source" and isinstance(value, dict) and value.get("type") in _FIXED_SOURCES:
            yield from _fixed(value, inner)
        else:
            yield from _content(value, inner)


def _tools(value: Any, path: Path) -> Iterator[Found]:
    for number, tool in enumerate(value if isinstance(value, list) else ()):
        for name, field in tool.items() if isinstance(tool, dict) else ():
            inner = (*path, number, name)
            if name == "description" and isinstance(field, str):
                yield Prose(inner, field)
            elif name == "input_schema":
                yield from _schema(field, inner)
            elif name == "input_examples":
                yield from _values(field, inner)
            else:
                yield from _fixed(field, inner)


def _output(value: Any, path: Path) -> Iterator[Found]:
    if isinstance(value, dict):
        yield from _schema(value.get("schema"), (*path, "schema"))


def _schema(value: Any, path: Path) -> Iterator[Found]:
    if isinstance(value, str):
        yield Prose(path, value)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _schema(each, (*path, number))
    elif isinstance(value, dict):
        for name, each in value.items():
            inner = (*path, name)
            if name in _SCHEMA_MAPS and isinstance(each, dict):
                for key, schema in each.items():
                    yield Left((*inner, key), key)
                    yield from _schema(schema, (*inner, key))
            elif name in _SCHEMA_VALUES:
                yield from _values(each, inner)
            elif name in _SCHEMA_FIXED:
                yield from _fixed(each, inner)
            else:
                yield from _schema(each, inner)


def _values(value: Any, path: Path) -> Iterator[Found]:
    """Data: every string is text, names of members are names."""
    if isinstance(value, str):
        yield Prose(path, value)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _values(each, (*path, number))
    elif isinstance(value, dict):
        for name, each in value.items():
            yield Left((*path, name), name)
            yield from _values(each, (*path, name))


def _fixed(value: Any, path: Path) -> Iterator[Found]:
    if isinstance(value, str):
        yield Left(path, value)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _fixed(each, (*path, number))
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in _OPAQUE:
                yield from _fixed(each, (*path, name))
