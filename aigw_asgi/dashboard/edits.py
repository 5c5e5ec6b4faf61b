"""Changes to the text of the configuration, one value after another."""

from __future__ import annotations

from typing import Any

from aigw_asgi.yaml_document import YamlDocument
from aigw_asgi.yaml_edit import delete, insert_item, same, set_value
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


def add(document: YamlDocument, path: Path, value: Value) -> YamlDocument:
    """With a further entry in the list at ``path``. Raises ``EditRefused``."""
    return _read(insert_item(document, path, value), document)


def take_out(document: YamlDocument, path: Path) -> YamlDocument:
    """Without the entry at ``path``, which is there. Raises ``EditRefused``."""
    return _read(delete(document, path), document)


def _read(text: str, document: YamlDocument) -> YamlDocument:
    return YamlDocument(text, document.file)
