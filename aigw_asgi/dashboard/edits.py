"""Changes to the text of the configuration, one value after another."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

import msgspec

from aigw_asgi.yaml_document import YamlDocument
from aigw_asgi.yaml_edit import EditRefused, delete, insert_item, same, set_value
from aigw_asgi.yaml_values import Value
from aigw_core.config.aliases import ALIASES
from aigw_core.config.path import Path

_OLD_NAMES = {new: old for old, new in ALIASES.items()}


def value_at(data: Any, path: Path) -> Any:
    """``None`` where there is nothing."""
    for step in path:
        in_list = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if not in_list and not (isinstance(data, dict) and step in data):
            return None
        data = data[step]
    return data


def put(document: YamlDocument, path: Path, value: Value) -> YamlDocument:
    """With ``value`` at ``path``; ``None``: with nothing there. The same document where
    that is so already.

    Raises:
        EditRefused: the layout does not allow it.
    """
    old = _OLD_NAMES.get(path)
    if old is not None and value_at(document.data, old) is not None:
        path = old  # both names at once are an error
    known = value_at(document.data, path)
    if value is None:
        parent = value_at(document.data, path[:-1])
        if not isinstance(parent, dict) or path[-1] not in parent:
            return document
        return _read(delete(document, path), document)
    if same(known, value):
        return document
    return _read(set_value(document, path, value), document)


def put_list(document: YamlDocument, path: Path, value: list[Any]) -> YamlDocument:
    """With the entries of ``value`` in the list at ``path``. Those that stay, stay as they
    are written, with their comments.

    Raises:
        EditRefused: the layout does not allow it.
    """
    known = value_at(document.data, path)
    if not isinstance(known, list) or not known or not value:
        return put(document, path, value)
    old, new = list(map(_key, known)), list(map(_key, value))
    edited = document
    try:
        # From the end: what comes before keeps its place.
        for _, start, end, first, last in reversed(
            SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        ):
            pairs = min(end - start, last - first)
            for at in range(pairs):
                if old[start + at] != new[first + at]:
                    edited = _put_entry(edited, path, start + at, value[first + at])
            for at in range(first + pairs, last):
                where = start + at - first
                edited = _read(insert_item(edited, path, value[at], where), edited)
            for at in reversed(range(start + pairs, end)):
                edited = take_out(edited, (*path, at))
    except EditRefused:
        return put(document, path, value)
    return edited


def _put_entry(document: YamlDocument, path: Path, at: int, value: Any) -> YamlDocument:
    known = value_at(document.data, (*path, at))
    if not isinstance(known, dict) or not isinstance(value, dict):
        return put(document, (*path, at), value)
    if not any(key in known and same(known[key], value[key]) for key in value):
        # Another one in its place: the comment was about the old one.
        document = _read(insert_item(document, path, value, at + 1), document)
        return take_out(document, (*path, at))
    for key in [*value, *(key for key in known if key not in value)]:
        document = put(document, (*path, at, key), value.get(key))
    return document


def _key(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def add(document: YamlDocument, path: Path, value: Value) -> YamlDocument:
    """With a further entry in the list at ``path``. Raises ``EditRefused``."""
    return _read(insert_item(document, path, value), document)


def take_out(document: YamlDocument, path: Path) -> YamlDocument:
    """Without the entry at ``path``, which is there. Raises ``EditRefused``."""
    return _read(delete(document, path), document)


def _read(text: str, document: YamlDocument) -> YamlDocument:
    return YamlDocument(text, document.file)
