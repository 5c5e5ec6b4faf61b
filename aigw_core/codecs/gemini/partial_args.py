"""The arguments of a call that is streamed in pieces.

Only Vertex AI does this, and only when the request asked for it. The canonical
call is one text, so the pieces are put together first.

Source: Vertex AI reference, "Streaming function call arguments" ("PartialArg").
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import msgspec
from msgspec import Raw

from aigw_core.codecs.gemini.wire import AnswerCall, PartialArg, present

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_MAX_INDEX = 4096


class PartialCall:
    """A call whose arguments are still coming. Holds them; the decoder bounds
    what one answer may hold."""

    def __init__(self, name: str, identifier: str | None) -> None:
        self.name = name
        self.id = identifier
        self.signature: str | None = None
        self._root: dict[str, Any] = {}
        self.size = 0

    def add(self, call: AnswerCall) -> None:
        """Raises ``ValueError`` for a path that leads nowhere."""
        for piece in call.partial_args or ():
            self.size += len(piece.string_value or "") + len(piece.json_path)
            self._set(piece)

    def _set(self, piece: PartialArg) -> None:
        steps: list[str | int] = []
        position = 1
        for match in _STEP.finditer(piece.json_path, 1):
            if match.start() != position:
                break
            position = match.end()
            name = next(group for group in match.groups() if group is not None)
            steps.append(int(name) if match.group(2) is not None else name)
        if not steps or piece.json_path[:1] != "$" or position != len(piece.json_path):
            raise ValueError(f"the argument path {piece.json_path[:80]!r} is not understood")
        node: Any = self._root
        for step, following in itertools.pairwise(steps):
            node = _child(node, step, [] if isinstance(following, int) else {})
        last = steps[-1]
        if piece.string_value is not None:
            known = _child(node, last, [])
            if not isinstance(known, _Text):
                known = _Text()
                node[last] = known
            known.append(piece.string_value)
        else:
            _child(node, last, None)
            node[last] = _scalar(piece)

    def arguments(self) -> str:
        return msgspec.json.encode(_whole(self._root)).decode()


class _Text(list[str]):
    """A string in pieces."""


def _scalar(piece: PartialArg) -> Any:
    if piece.bool_value is not None:
        return piece.bool_value
    return piece.number_value if present(piece.number_value) else Raw(b"null")


def _child(node: Any, step: str | int, empty: Any) -> Any:
    """``node[step]``, made where it is missing."""
    if isinstance(step, str) and type(node) is dict:
        return node.setdefault(step, empty)
    if isinstance(step, int) and type(node) is list and step < _MAX_INDEX:
        while len(node) <= step:
            node.append(None)
        if node[step] is None:
            node[step] = empty
        return node[step]
    raise ValueError("the argument paths contradict each other")


def _whole(node: Any) -> Any:
    if isinstance(node, _Text):
        return "".join(node)
    if isinstance(node, dict):
        return {name: _whole(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_whole(value) for value in node]
    return node
