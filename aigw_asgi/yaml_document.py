"""The text of a configuration file as plain data, with the place of everything in it.

A configuration is data that a person wrote: a tree of maps, lists and scalars.
So the reader takes YAML without what makes it a program: no anchors and
aliases, no merge keys, no tags, no second document; keys are texts, and none
comes twice. Size, depth and number of nodes are bounded while the text is
scanned, before anything is built.

Scalars follow the core schema of YAML 1.2 (chapter 10.3): ``yes``, ``on``,
``12:30:45``, ``1_000`` and dates are texts, ``010`` is ten.

PyYAML does the scanning, in pure Python: its C twin overflows the stack on
deep nesting before any guard of ours can look.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from aigw_core.config.path import parse_path
from aigw_core.errors import ConfigError, InvalidConfig

MAX_SIZE = 1 << 20
"""Bytes; far above any configuration, and read in seconds at worst."""
MAX_DEPTH = 32
MAX_NODES = 100_000

_MAX_NUMBER = 64  # characters; int() and float() take their time on endless digits

_BLANK = re.compile("[ ]*(?:#[^\0\r\n\x85\u2028\u2029]*)?")

# YAML 1.2.2, 10.3.2: tag resolution of the core schema.
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(
    ("false", "False", "FALSE"), False
)
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class _TooMuch(yaml.MarkedYAMLError):
    """A bound was passed, or something is used that has no place in a configuration."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class _Loader(yaml.SafeLoader):
    """Composes nodes; never constructs anything."""

    # The list would be shared with SafeLoader, and its YAML 1.1 rules with us.
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0

    # The scanner runs ahead of the composer, so it has to count for itself.

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:  # noqa: N803
        if self.flow_level >= MAX_DEPTH:
            raise _TooMuch(f"nested more than {MAX_DEPTH} levels deep", self.get_mark())
        super().fetch_flow_collection_start(TokenClass)

    def add_indent(self, column: int) -> bool:
        if self.indent < column and len(self.indents) >= MAX_DEPTH:
            raise _TooMuch(f"nested more than {MAX_DEPTH} levels deep", self.get_mark())
        return bool(super().add_indent(column))

    def scan_to_next_token(self) -> None:
        # What PyYAML does here one character at a time, by one match a line: most
        # of a commented configuration is comment.
        while True:
            blank = _BLANK.match(self.buffer, self.pointer)
            assert blank is not None, "it matches nothing, too"
            skipped = blank.end() - self.pointer
            self.pointer += skipped
            self.index += skipped
            self.column += skipped
            if not self.scan_line_break():  # type: ignore[no-untyped-call] # absent in the stubs
                return
            if not self.flow_level:
                self.allow_simple_key = True

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call] # absent in the stubs
        if isinstance(event, yaml.AliasEvent):
            raise _TooMuch("aliases (*name) are not supported here", event.start_mark)
        if event.anchor is not None:
            raise _TooMuch("anchors (&name) are not supported here", event.start_mark)
        if event.tag is not None:
            raise _TooMuch("tags (!name) are not supported here", event.start_mark)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _TooMuch(f"more than {MAX_NODES} values", event.start_mark)
        if self._depth >= MAX_DEPTH:
            raise _TooMuch(f"nested more than {MAX_DEPTH} levels deep", event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class YamlDocument:
    """A configuration file that was read."""

    def __init__(self, text: str, file: str) -> None:
        """Read ``text``; ``file`` is what errors call it.

        Raises:
            InvalidConfig: it is no YAML, or more than a configuration may be.
        """
        self.text = text
        self.file = file
        self.root: Node | None = _compose(text.removeprefix("\ufeff"), file)
        builder = _Builder(file)
        data = None if self.root is None else builder.value(self.root)
        if data is not None and not isinstance(data, dict):
            builder.problem("the file must be a map of keys and values", self.root)
        if builder.problems:
            raise InvalidConfig(builder.problems)
        self.data: dict[str, Any] = data if isinstance(data, dict) else {}
        """Maps with text keys, lists, and scalars; references as they are written."""

    def locate(self, path: str) -> tuple[int, int]:
        """Line and column, from 1, of what an error calls ``path``.

        That of its key, or of its entry in a list; of the nearest thing around
        it when it is not there.
        """
        node, mark = self.root, (1, 1)
        for step in parse_path(path):
            found = _child(node, step)
            if found is None:
                break
            node, start = found
            mark = (start.line + 1, start.column + 1)
        return mark


def read_document(raw: bytes, file: str) -> YamlDocument:
    """Read the bytes of a file.

    Raises:
        InvalidConfig: it is too large, not UTF-8, or not usable YAML.
    """
    if len(raw) > MAX_SIZE:
        raise InvalidConfig([ConfigError(f"larger than {MAX_SIZE >> 20} MiB", file=file)])
    try:
        text = raw.decode()
    except UnicodeDecodeError as exc:
        line, column = _position(raw[: exc.start].decode())
        problem = ConfigError("not UTF-8 text", file=file, line=line, column=column)
        raise InvalidConfig([problem]) from exc
    return YamlDocument(text, file)


def _position(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _compose(text: str, file: str) -> Node | None:
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.reader.ReaderError as exc:
        line, column = _position(text[: exc.position])
        problem = f"the character U+{ord(text[exc.position]):04X} is not allowed in YAML"
        raise InvalidConfig([ConfigError(problem, file=file, line=line, column=column)]) from exc
    except yaml.MarkedYAMLError as exc:
        raise InvalidConfig([_syntax_error(exc, file)]) from exc
    except (ValueError, OverflowError, IndexError) as exc:
        # PyYAML's own slips on escapes and directives that mean no character or number.
        assert loader is not None, "only scanning gets this far"
        line, column = loader.line + 1, loader.column + 1
        problem = "malformed YAML"
        raise InvalidConfig([ConfigError(problem, file=file, line=line, column=column)]) from exc


def _syntax_error(exc: yaml.MarkedYAMLError, file: str) -> ConfigError:
    # The text of the exception would show lines of the file, and secrets with them.
    problem = ": ".join(part for part in (exc.context, exc.problem) if part)
    if "'\\t'" in problem:
        problem += " (indent with spaces, not tabs)"
    mark = exc.problem_mark or exc.context_mark
    if mark is None:
        return ConfigError(problem, file=file)
    return ConfigError(problem, file=file, line=mark.line + 1, column=mark.column + 1)


def _child(node: Node | None, step: str | int) -> tuple[Node, yaml.Mark] | None:
    if isinstance(node, MappingNode) and isinstance(step, str):
        for key, value in node.value:
            if key.value == step:
                return value, key.start_mark
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item, item.start_mark
    return None


class _Builder:
    """Nodes to plain values; collects problems and goes on."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.problems: list[ConfigError] = []

    def problem(self, text: str, node: Node | None) -> None:
        mark = None if node is None else node.start_mark
        line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
        self.problems.append(ConfigError(text, file=self._file, line=line, column=column))

    def value(self, node: Node) -> object:
        if isinstance(node, MappingNode):
            return self._mapping(node)
        if isinstance(node, SequenceNode):
            return [self.value(item) for item in node.value]
        return self._scalar(node)

    def _mapping(self, node: MappingNode) -> dict[str, object]:
        values: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            value = self.value(value_node)
            key = self._key(key_node)
            if key is None:
                continue
            if key in values:
                self.problem(f'duplicate key "{key}" (first on line {lines[key]})', key_node)
                continue
            values[key] = value
            lines[key] = key_node.start_mark.line + 1
        return values

    def _key(self, node: Node) -> str | None:
        if isinstance(node, ScalarNode):
            if node.style is None and node.value == "<<":
                self.problem("merge keys (<<) are not supported here", node)
                return None
            key = self._scalar(node)
            if isinstance(key, str):
                return key
        self.problem("a key must be a text; put it in quotes", node)
        return None

    def _scalar(self, node: Any) -> str | int | float | bool | None:
        text: str = node.value
        if node.style is not None:
            return self._text(text, node)
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if text[0] in "+-.0123456789" and (number := self._number(text, node)) is not None:
            return number
        return self._text(text, node)

    def _number(self, text: str, node: Node) -> int | float | None:
        is_int = _INT.fullmatch(text) is not None
        if not is_int and not _FLOAT.fullmatch(text):
            if _NOT_FINITE.fullmatch(text):
                self.problem("infinity and NaN are no values of any key", node)
                return 0
            return None
        if len(text) > _MAX_NUMBER:
            self.problem("a number of that length is no value of any key", node)
            return 0
        if is_int:
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        number = float(text)
        if math.isinf(number):
            self.problem("the number is too large", node)
            return 0
        return number

    def _text(self, text: str, node: Node) -> str:
        if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
            return text
        # JSON writes a character beyond U+FFFF as two escapes. One alone is half a
        # character, which nothing can send or store.
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.problem("a text must not hold lone surrogates", node)
            return text
