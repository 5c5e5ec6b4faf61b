"""Changes to a configuration file that leave its comments, order and layout alone.

A change is a splice: the few characters between two marks of the composed document are
replaced, and the rest of the text is kept as it is, byte order mark, line ends, a missing
last line end and all. Nothing is written back by a YAML library, since those that keep
comments still move and reindent a good part of ordinary files.

No splice is trusted. The new text is read again, and what it says must be exactly what
was said before with the change made to it; the change is refused otherwise. Where a
layout leaves more than one way, they are tried in turn.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from aigw_asgi.yaml_document import YamlDocument
from aigw_asgi.yaml_values import Value, block, flow, scalar
from aigw_core.config.path import Path, render_path
from aigw_core.errors import InvalidConfig

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_BLANK_LINES = re.compile("(?:[ \t]*(?:\r\n|[\r\n\x85\u2028\u2029]))+[ \t]*\\Z")
_REST_OF_LINE = re.compile("[ \t]*(?:#[^\r\n\x85\u2028\u2029]*)?(?=[\r\n\x85\u2028\u2029]|\\Z)")


class EditRefused(Exception):
    """The text cannot be changed in that way; it says why."""


class _Splice(Struct, frozen=True):
    start: int
    end: int
    text: str


_Ways = Iterator[tuple[_Splice, ...]]


def set_value(document: YamlDocument, path: Path, value: Value) -> str:
    """The text with ``value`` at ``path``; maps on the way are made where they are missing.

    Raises:
        EditRefused: a step of the path is no map, or the layout does not allow it.
    """
    expected = _mutated(document, lambda data: _assign(data, path, value))
    return _edit(document, path, expected, lambda edit: edit.ways_to_set(path, value))


def insert_item(document: YamlDocument, path: Path, value: Value, at: int | None = None) -> str:
    """The text with ``value`` as entry ``at`` (default: the last) of the list at ``path``,
    which is made where it is missing.

    Raises:
        EditRefused: there is something else than a list, or the layout does not allow it.
    """
    known = _look_up(document.data, path)
    if known is None:
        return set_value(document, path, [value])
    if not isinstance(known, list):
        raise EditRefused(f"{render_path(path)} is not a list")
    where = len(known) if at is None else at
    if not 0 <= where <= len(known):
        raise EditRefused(f"{render_path(path)} has {len(known)} entries")
    expected = _mutated(document, lambda data: _look_up(data, path).insert(where, value))
    return _edit(document, path, expected, lambda edit: edit.ways_to_insert(path, where, value))


def delete(document: YamlDocument, path: Path) -> str:
    """The text without the key or the entry at ``path``.

    Raises:
        EditRefused: it is not there, or the layout does not allow it.
    """
    parent = _look_up(document.data, path[:-1])
    last = path[-1]
    there = (
        last in parent
        if isinstance(parent, dict)
        else isinstance(parent, list) and isinstance(last, int) and last < len(parent)
    )
    if not there:
        raise EditRefused(f"there is no {render_path(path)}")
    expected = _mutated(document, lambda data: _remove(data, path))
    return _edit(document, path, expected, lambda edit: edit.ways_to_delete(path))


def same(one: object, other: object) -> bool:
    """Whether two plain values are equal and of the same types."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def _edit(
    document: YamlDocument,
    path: Path,
    expected: dict[str, Any],
    ways: Callable[[_Editor], _Ways],
) -> str:
    editor = _Editor(document)
    for splices in ways(editor):
        text = editor.spliced(splices)
        try:
            found = YamlDocument(text, document.file)
        except InvalidConfig:
            continue
        if same(found.data, expected):
            return text
    raise EditRefused(f"{render_path(path)} is written in a way that cannot be changed in place")


class _Editor:
    """Knows where things are in a text. Positions count characters after a byte order mark."""

    def __init__(self, document: YamlDocument) -> None:
        self._mark = "\ufeff" if document.text.startswith("\ufeff") else ""
        self._text = document.text.removeprefix("\ufeff")
        self._root = document.root
        windows = self._text.count("\r\n")
        self._break = "\r\n" if windows * 2 > self._text.count("\n") else "\n"

    def spliced(self, splices: tuple[_Splice, ...]) -> str:
        text = self._text
        for splice in sorted(splices, key=lambda each: (each.start, each.end), reverse=True):
            text = text[: splice.start] + splice.text + text[splice.end :]
        return self._mark + text

    # Ways, best first. What does not hold is sorted out by reading the result.

    def ways_to_set(self, path: Path, value: Value) -> _Ways:
        for length in range(len(path), -1, -1):
            node = self._node(path[:length])
            if node is not None:
                break
        else:
            # Nothing but comments so far.
            yield from self._append_lines(block(_nested(path, value), 0))
            return
        rest = path[length:]
        if not rest:
            yield from self._replace(path, node, value)
        elif isinstance(node, MappingNode):
            yield from self._add_key(node, str(rest[0]), _nested(rest[1:], value))
        else:  # null: a section whose keys are all comments
            yield from self._replace(path[:length], node, _nested(rest, value))

    def ways_to_insert(self, path: Path, at: int, value: Value) -> _Ways:
        node = self._node(path)
        assert isinstance(node, SequenceNode), "the data have a list there"
        items = node.value
        if not items:
            yield from self._replace(path, node, [value])
        elif node.flow_style:
            text = flow(value)
            if at == 0:
                start = items[0].start_mark.index
                yield (_Splice(start, start, f"{text}, "),)
            else:
                end = items[at - 1].end_mark.index
                yield (_Splice(end, end, f", {text}"),)
        else:
            column = node.start_mark.column
            lines = block([value], column)
            if at > 0:
                yield self._after(self._content_end(items[at - 1]), lines)
            else:
                start = node.start_mark.index
                if not self._text[self._line_start(start) : start].strip(" "):
                    yield self._before(self._line_start(start), lines)

    def ways_to_delete(self, path: Path) -> _Ways:
        parent, last = self._node(path[:-1]), path[-1]
        assert isinstance(parent, MappingNode | SequenceNode), "the data have something there"
        spans = list(self._spans(parent))
        at = last if isinstance(last, int) else self._position(parent, str(last))
        start, end = spans[at]
        following = spans[at + 1][0] if at + 1 < len(spans) else None
        if parent.flow_style:
            yield from self._delete_in_flow(spans, at)
            return
        removed = self._whole_lines(start, end)
        if following is None and at == 0:
            # The last of its block: an empty one has to be written as such.
            empty = "{}" if isinstance(parent, MappingNode) else "[]"
            colon = self._after_colon(path[:-1]) if len(path) > 1 else None
            if colon is not None:
                yield (_Splice(colon, colon, f" {empty}"), removed)
            elif len(path) > 1:
                yield (_Splice(start, end, empty),)
            yield (removed,)
        elif self._text[self._line_start(start) : start].strip(" "):
            # It shares its line with the dash of an entry: the next one takes its place,
            # or a line of its own when there are comments between.
            assert following is not None, "it would be alone in its block"
            rest = _REST_OF_LINE.match(self._text, end)
            if rest is not None:
                # On the very next line: a blank one between is somebody's layout, too.
                if _BREAK.fullmatch(self._text[rest.end() : following].rstrip(" ")):
                    yield (_Splice(start, following, ""),)
                yield (_Splice(self._before_blanks(start), rest.end(), ""),)
            yield (_Splice(start, end, ""),)
        else:
            yield (removed,)

    def _replace(self, path: Path, node: Node, value: Value) -> _Ways:
        start, end = node.start_mark.index, node.end_mark.index
        written = flow(value)
        if start == end:  # nothing is written there: null
            after = self._text[end : end + 1]
            before = self._text[start - 1 : start]
            lead = "" if before in (" ", "") else " "
            yield (_Splice(start, end, f"{lead}{written}"),)
            yield (_Splice(start, end, f"{lead}{written}{'' if after in ' ,' else ' '}"),)
            yield (_Splice(start, end, f": {written}"),)  # {a} in a flow map
        elif _in_line(node):
            yield (_Splice(start, end, written),)
            yield (_Splice(start, end, f" {written} "),)
        else:
            # A block: its value goes behind the colon, and its lines go.
            end = self._content_end(node)
            colon = self._after_colon(path)
            if colon is not None and not isinstance(node, ScalarNode):
                lines = self._whole_lines(self._line_start(start), end)
                yield (_Splice(colon, colon, f" {written}"), lines)
            yield (_Splice(start, end, written),)

    def _add_key(self, node: MappingNode, key: str, value: Value) -> _Ways:
        pairs = node.value
        if node.flow_style:
            text = f"{scalar(key)}: {flow(value)}"
            if pairs:
                end = max(pairs[-1][1].end_mark.index, pairs[-1][0].end_mark.index)
                yield (_Splice(end, end, f", {text}"),)
            else:
                inside = node.start_mark.index + 1
                yield (_Splice(inside, inside, text),)
            return
        column = pairs[0][0].start_mark.column
        lines = block({key: value}, column)
        yield self._after(self._content_end(node), lines)
        line = self._line_start(pairs[0][0].start_mark.index)
        yield self._before(line, lines)

    def _delete_in_flow(self, spans: list[tuple[int, int]], at: int) -> _Ways:
        start, end = spans[at]
        comma = re.compile(r"[ \t]*,").match(self._text, end)
        behind = end if comma is None else comma.end()
        line, line_end = self._line_start(start), self._line_end(behind)
        alone = not self._text[line:start].strip(" \t")
        if alone and _REST_OF_LINE.match(self._text, behind):
            yield (_Splice(line, self._next_line(line_end), ""),)
        if comma is not None:
            blanks = re.compile(r"[ \t]*").match(self._text, behind)
            assert blanks is not None, "it matches nothing, too"
            yield (_Splice(start, blanks.end(), ""),)
        elif at > 0:
            yield (_Splice(spans[at - 1][1], end, ""),)
        yield (_Splice(start, end, ""),)

    # Where things are.

    def _node(self, path: Path) -> Node | None:
        node: Any = self._root
        for step in path:
            if isinstance(node, MappingNode):
                values = [value for key, value in node.value if key.value == step]
                if not values:
                    return None
                node = values[0]
            elif isinstance(node, SequenceNode) and isinstance(step, int):
                node = node.value[step]
            else:
                return None
        return node if isinstance(node, Node) else None

    def _position(self, node: MappingNode | SequenceNode, name: str) -> int:
        return next(at for at, (key, _) in enumerate(node.value) if key.value == name)

    def _spans(self, node: MappingNode | SequenceNode) -> Iterator[tuple[int, int]]:
        """Where each entry begins (in a block list: its dash) and its content ends."""
        if isinstance(node, MappingNode):
            for key, value in node.value:
                end = max(self._content_end(value), key.end_mark.index)
                yield key.start_mark.index, end
            return
        for at, item in enumerate(node.value):
            start = item.start_mark.index
            if not node.flow_style:
                start = node.start_mark.index if at == 0 else self._dash(start, node)
            yield start, self._content_end(item)

    def _dash(self, start: int, node: SequenceNode) -> int:
        """The dash of the entry that begins at ``start``, on its line or above comments."""
        column = node.start_mark.column
        line = self._line_start(start)
        while self._text[line : line + column + 1].strip(" ") != "-":
            line = self._line_start(line - 1)
        return line + column

    def _content_end(self, node: Node) -> int:
        """Behind the last character that belongs to ``node``."""
        if isinstance(node, ScalarNode):
            start, end = node.start_mark.index, node.end_mark.index
            if node.style in ("|", ">"):
                header = self._text[start : self._line_end(start)].partition("#")[0]
                written = self._text[start:end]
                if "+" in header:
                    return end - len(_last_break(written))
                blanks = _BLANK_LINES.search(written)
                return end if blanks is None else start + blanks.start()
            return int(end)
        assert isinstance(node, CollectionNode), "it is no scalar"
        if node.flow_style or not node.value:
            return int(node.end_mark.index)
        last = node.value[-1]
        return self._content_end(last[1] if isinstance(node, MappingNode) else last)

    def _after_colon(self, path: Path) -> int | None:
        """Behind the colon of the key at ``path``; ``None`` for an entry of a list."""
        parent = self._node(path[:-1])
        if not path or not isinstance(parent, MappingNode):
            return None
        key = next(key for key, _ in parent.value if key.value == path[-1])
        colon = re.compile(r"[ \t]*:").match(self._text, key.end_mark.index)
        return None if colon is None else colon.end()

    def _line_start(self, position: int) -> int:
        found = [each.end() for each in _BREAK.finditer(self._text, 0, position)]
        return found[-1] if found else 0

    def _line_end(self, position: int) -> int:
        found = _BREAK.search(self._text, position)
        return len(self._text) if found is None else found.start()

    def _next_line(self, line_end: int) -> int:
        found = _BREAK.match(self._text, line_end)
        return line_end if found is None else found.end()

    def _before_blanks(self, position: int) -> int:
        return len(self._text[:position].rstrip(" "))

    def _whole_lines(self, start: int, end: int) -> _Splice:
        """Takes out the lines from that of ``start`` to that of ``end``, with line ends."""
        line, line_end = self._line_start(start), self._line_end(end)
        following = self._next_line(line_end)
        if following == line_end and line > 0:
            # The last line has no end: none is left without one in its place.
            line -= len(_last_break(self._text[:line]))
        return _Splice(line, following, "")

    def _after(self, position: int, lines: list[str]) -> tuple[_Splice, ...]:
        end = self._line_end(position)
        return (_Splice(end, end, "".join(f"{self._break}{line}" for line in lines)),)

    def _before(self, line: int, lines: list[str]) -> tuple[_Splice, ...]:
        return (_Splice(line, line, "".join(f"{each}{self._break}" for each in lines)),)

    def _append_lines(self, lines: list[str]) -> _Ways:
        text = self._text
        if not text or _last_break(text):
            yield (
                _Splice(len(text), len(text), "".join(f"{each}{self._break}" for each in lines)),
            )
        else:
            yield self._after(len(text), lines)


def _in_line(node: Node) -> bool:
    """Whether it may share its line: no block."""
    if isinstance(node, ScalarNode):
        return node.style not in ("|", ">")
    return isinstance(node, CollectionNode) and bool(node.flow_style)


def _last_break(text: str) -> str:
    if text.endswith("\r\n"):
        return "\r\n"
    return text[-1:] if _BREAK.fullmatch(text[-1:]) else ""


# The same changes, made to the data.


def _mutated(document: YamlDocument, change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data = copy.deepcopy(document.data)
    change(data)
    return data


def _look_up(data: Any, path: Path) -> Any:
    for step in path:
        in_list = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if not in_list and not (isinstance(data, dict) and step in data):
            return None
        data = data[step]
    return data


def _assign(data: Any, path: Path, value: Value) -> None:
    for at, step in enumerate(path):
        last = at + 1 == len(path)
        if isinstance(data, dict) and isinstance(step, str):
            if last:
                data[step] = value
            elif data.get(step) is None:
                data[step] = {}
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            if last:
                data[step] = value
            elif data[step] is None:
                data[step] = {}
        else:
            raise EditRefused(f"{render_path(path[:at]) or 'the file'} has no place for {step!r}")
        data = data[step]


def _nested(path: Path, value: Value) -> Value:
    for step in reversed(path):
        value = {str(step): value}
    return value


def _remove(data: Any, path: Path) -> None:
    del _look_up(data, path[:-1])[path[-1]]
