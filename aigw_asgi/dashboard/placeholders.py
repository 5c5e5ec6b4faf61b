"""Configuration texts with placeholders where secrets are, and the way back.

Somebody who may change the configuration need not see the secrets in it. So a text is shown
with ``••••`` in place of each, and what comes back gets them again, each at its own place:
a secret never moves to another entry, where it would be sent to somebody else, and a
placeholder is never written. References (``${VAR}``, ``env://``, ``file://``) are no secrets
and stay. Neither is anything hidden but values of keys that the schema calls secret, values
of keys that it does not know, which may be misspelt, and what looks like a secret in a comment.

Entries of lists have no names that all of them bear. One is known again when nothing that
can be seen of it has changed, else by its ``id``, its ``name``, or its address; where that
does not tell, the secret has to be written anew.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from aigw_asgi.redaction import Redactor
from aigw_asgi.yaml_document import YamlDocument, read_document
from aigw_asgi.yaml_edit import same
from aigw_asgi.yaml_values import scalar
from aigw_core.config.aliases import ALIASES, LOG_SWITCH
from aigw_core.config.path import Path, render_path
from aigw_core.config.schema import Config, Section
from aigw_core.config.secret import HIDDEN
from aigw_core.config.shape import Kind, Shape, keys_of
from aigw_core.errors import ConfigError, InvalidConfig

PLACEHOLDER = "••••"
NEW = "•••• (new)"
"""In texts that are only looked at, where a secret was not there before."""

_OLD_NAMES = {*ALIASES, LOG_SWITCH}
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-)?\}|env://\w+|file:///\S*", re.ASCII)
_OPEN_URL = re.compile(r"(?:https?|socks5h?|rediss?|unix)://[^@?\s]*", re.IGNORECASE)
_URLS = ("proxy-url", "redis")
_CLIENT_HEADER = re.compile(r"\$[!#%&'*+.^_`|~0-9A-Za-z-]+")
_COMMENT = re.compile("#[^\r\n\x85\u2028\u2029]*")
_COMMENTED_OUT = re.compile(
    r"((?:api-key|key-hash|password-hash|jwt-secret|scrape-token|proxy-url|secret|previous)"
    r"""["']?\s*:\s*["']?)([^\s"'#]+)"""
)


def is_secret(path: Path, value: object) -> bool:
    """Whether a value, at the place of one, is to be hidden."""
    if value is None or isinstance(value, bool) or value == "":
        return False
    if not isinstance(value, str):
        return True
    if _REFERENCE.fullmatch(value):
        return False
    if path[-1] in _URLS and _OPEN_URL.fullmatch(value):
        return False
    return not (len(path) > 1 and _is_headers(path) and _CLIENT_HEADER.fullmatch(value))


def _is_headers(path: Path) -> bool:
    return path[-2] in ("headers", "claude-header-defaults")


def secret_paths(data: dict[str, Any]) -> Iterator[Path]:
    """Where a configuration, as it is written, has secrets."""
    yield from _in_section(Config, data, ())


def _in_section(section: type[Section], value: object, path: Path) -> Iterator[Path]:
    if not isinstance(value, dict):
        yield from _everything(value, path)
        return
    keys = keys_of(section)
    for name, each in value.items():
        where = (*path, name)
        if name in keys:
            yield from _in_shape(keys[name].shape, each, where)
        elif where not in _OLD_NAMES:
            yield from _everything(each, where)


def _in_shape(shape: Shape, value: object, path: Path) -> Iterator[Path]:
    if shape.kind is Kind.SECTION:
        yield from _in_section(shape.type, value, path)
    elif shape.kind is Kind.LIST and isinstance(value, list):
        assert shape.item is not None
        for at, each in enumerate(value):
            yield from _in_shape(shape.item, each, (*path, at))
    elif shape.kind is Kind.MAP and isinstance(value, dict):
        assert shape.item is not None
        for name, each in value.items():
            yield from _in_shape(shape.item, each, (*path, name))
    elif shape.kind is Kind.SECRET:
        yield from _everything(value, path)


def _everything(value: object, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _everything(each, (*path, name))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _everything(each, (*path, at))
    elif is_secret(path, value):
        yield path


def hidden_data(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with placeholders; what was given stays as it is."""
    shown = copy.deepcopy(data)
    for path in list(secret_paths(data)):
        _at(shown, path[:-1])[path[-1]] = PLACEHOLDER
    return shown


def hidden_text(
    document: YamlDocument, redactor: Redactor, before: YamlDocument | None = None
) -> str:
    """The text of a configuration with placeholders. ``redactor`` knows secrets that
    comments may hold. Secrets that are not in ``before`` are marked as new."""
    text = _Text(document)
    known = None if before is None else {str(each) for each in _secrets(before)}
    return text.with_placeholders(redactor, known)


def _secrets(document: YamlDocument) -> Iterator[object]:
    for path in secret_paths(document.data):
        yield _at(document.data, path)


def restored(text: str, base: YamlDocument, redactor: Redactor) -> YamlDocument:
    """The document of ``text`` with the secrets of ``base`` for its placeholders.

    Raises:
        InvalidConfig: it is no YAML, or has placeholders for which there are no secrets.
    """
    document = read_document(text.encode("utf-8", "surrogatepass"), base.file)
    if PLACEHOLDER not in text:
        return document
    return _Restoring(_Text(document), _Text(base), redactor).document()


class _Spot(Struct, frozen=True):
    """A piece of a text. Positions count characters after a byte order mark."""

    start: int
    end: int
    text: str
    """What stands, or is to stand, there."""


class _Value(Struct, frozen=True):
    path: Path
    spot: _Spot
    value: Any


class _Text:
    """A document, and where in its text everything is."""

    def __init__(self, document: YamlDocument) -> None:
        self.document = document
        self.mark = "\ufeff" if document.text.startswith("\ufeff") else ""
        self.text = document.text.removeprefix("\ufeff")
        self.keys: list[ScalarNode] = []
        self.values: list[_Value] = []
        if document.root is not None:
            self._collect(document.root, ())
        self.secrets = set(secret_paths(document.data))

    def _collect(self, node: Node, path: Path) -> None:
        if isinstance(node, MappingNode):
            for key, value in node.value:
                self.keys.append(key)
                self._collect(value, (*path, key.value))
        elif isinstance(node, SequenceNode):
            for at, item in enumerate(node.value):
                self._collect(item, (*path, at))
        elif isinstance(node, ScalarNode):
            start, end = node.start_mark.index, node.end_mark.index
            written = self.text[start:end].rstrip()
            spot = _Spot(start, start + len(written), written)
            self.values.append(_Value(path, spot, _at(self.document.data, path)))

    @property
    def comments(self) -> Iterator[_Spot]:
        """Outside of keys and values a ``#`` begins nothing else."""
        taken = [(each.start_mark.index, each.end_mark.index) for each in self.keys]
        taken += [(each.spot.start, each.spot.end) for each in self.values]
        at = 0
        for start, end in [*sorted(taken), (len(self.text), len(self.text))]:
            # One that begins before the value goes on to the end of its line, which is
            # before the value, too: a value does not follow a comment on its line.
            for found in _COMMENT.finditer(self.text, at, start):
                yield _Spot(found.start(), found.end(), found[0])
            at = max(at, end)

    def spliced(self, spots: list[_Spot]) -> str:
        text = self.text
        for spot in sorted(spots, key=lambda each: each.start, reverse=True):
            text = text[: spot.start] + spot.text + text[spot.end :]
        return self.mark + text

    def with_placeholders(self, redactor: Redactor, known: set[str] | None) -> str:
        spots = [
            _Spot(
                each.spot.start,
                each.spot.end,
                PLACEHOLDER if known is None or str(each.value) in known else NEW,
            )
            for each in self.values
            if each.path in self.secrets
        ]
        for comment in self.comments:
            shown = hidden_comment(comment.text, redactor)
            if shown != comment.text:
                spots.append(_Spot(comment.start, comment.end, shown))
        return self.spliced(spots)

    def place(self, position: int) -> tuple[int, int]:
        """Line and column, from 1."""
        before = self.text[:position]
        lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", before)
        return len(lines), len(lines[-1]) + 1


def hidden_comment(text: str, redactor: Redactor) -> str:
    """A comment without what looks like a secret that was commented out."""
    shown = redactor.hide(text)
    if shown != text:
        shown = shown.replace(HIDDEN, PLACEHOLDER)

    def hide(match: re.Match[str]) -> str:
        known = match[2] in ("null", PLACEHOLDER, HIDDEN) or _REFERENCE.fullmatch(match[2])
        return match[0] if known else match[1] + PLACEHOLDER

    return _COMMENTED_OUT.sub(hide, shown)


class _Restoring:
    def __init__(self, new: _Text, old: _Text, redactor: Redactor) -> None:
        self._new = new
        self._old = old
        self._redactor = redactor
        self._shown = hidden_data(old.document.data)
        self._problems: list[ConfigError] = []

    def document(self) -> YamlDocument:
        wanted = [each for each in self._new.values if _holds_one(each)]
        found: list[tuple[_Value, _Value]] = []
        known = {each.path: each for each in self._old.values if each.path in self._old.secrets}
        for each in wanted:
            origin = self._origin(each)
            secret = None if origin is None else known.get(origin)
            if origin is not None and secret is None:
                self._problem(each.spot.start, each.path, f"{PLACEHOLDER} stands for no secret")
            elif secret is not None:
                found.append((each, secret))
        for key in self._new.keys:
            if PLACEHOLDER in str(key.value):
                self._problem(key.start_mark.index, (), f"{PLACEHOLDER} is no name of a key")
        comments = list(self._comments())
        if self._problems:
            raise InvalidConfig(self._problems)
        return self._written(found, comments)

    def _written(self, found: list[tuple[_Value, _Value]], comments: list[_Spot]) -> YamlDocument:
        expected = copy.deepcopy(self._new.document.data)
        for new, old in found:
            _at(expected, new.path[:-1])[new.path[-1]] = old.value
        ways: tuple[Callable[[_Value], str], ...] = (
            lambda old: old.spot.text,  # as it was written
            lambda old: scalar(old.value),  # where that does not fit: a block into brackets
        )
        for way in ways:
            spots = [_Spot(new.spot.start, new.spot.end, way(old)) for new, old in found]
            text = self._new.spliced([*spots, *comments])
            try:
                document = YamlDocument(text, self._new.document.file)
            except InvalidConfig:
                continue
            if same(document.data, expected):
                return document
        message = f"the secrets cannot be put back for {PLACEHOLDER}; write them"
        raise InvalidConfig([ConfigError(message, file=self._new.document.file)])

    def _origin(self, each: _Value) -> Path | None:
        """Where the old document has what a placeholder stands for; ``None`` after a
        problem was reported."""
        start = each.spot.start
        if each.value != PLACEHOLDER:
            self._problem(
                start, each.path, f"{PLACEHOLDER} stands for a whole value; write all of it anew"
            )
            return None
        new: Any = self._new.document.data
        old: Any = self._shown
        path: Path = ()
        for step in each.path:
            if isinstance(step, int) and isinstance(old, list):
                at = _aligned(old, new).get(step)
                if at is None:
                    self._problem(
                        start,
                        each.path,
                        f"it cannot be told which secret {PLACEHOLDER} stands for in this entry;"
                        " write it anew",
                    )
                    return None
                new, old, path = new[step], old[at], (*path, at)
            elif isinstance(step, str) and isinstance(old, dict) and step in old:
                new, old, path = new[step], old[step], (*path, step)
            else:
                self._problem(start, each.path, f"{PLACEHOLDER} stands for no secret here")
                return None
        return path

    def _comments(self) -> Iterator[_Spot]:
        known: dict[str, list[str]] = {}
        for comment in self._old.comments:
            shown = hidden_comment(comment.text, self._redactor)
            if shown != comment.text:
                known.setdefault(shown.rstrip(), []).append(comment.text)
        for comment in self._new.comments:
            if PLACEHOLDER not in comment.text:
                continue
            originals = known.get(comment.text.rstrip())
            if originals:
                yield _Spot(comment.start, comment.end, originals.pop(0))
            else:
                message = f"it cannot be told what {PLACEHOLDER} stands for in this comment"
                self._problem(comment.start, (), message)

    def _problem(self, position: int, path: Path, message: str) -> None:
        line, column = self._new.place(position)
        file = self._new.document.file
        problem = ConfigError(message, path=render_path(path), file=file, line=line, column=column)
        self._problems.append(problem)


def _holds_one(each: _Value) -> bool:
    return isinstance(each.value, str) and PLACEHOLDER in each.value


_NOTHING = object()


def _aligned(old: list[Any], new: list[Any]) -> dict[int, int]:
    """Which entries of the old list those of the new one are, as far as that is certain.
    Secrets are hidden in both."""
    found: dict[int, int] = {}
    left_old, left_new = list(range(len(old))), list(range(len(new)))
    for at in list(left_new):
        if at not in left_new:
            continue
        equal_new = [each for each in left_new if same(new[each], new[at])]
        equal_old = [each for each in left_old if same(old[each], new[at])]
        if not equal_old:
            continue
        if len(equal_new) == len(equal_old):
            found.update(zip(equal_new, equal_old, strict=True))
        # Else one of several that look the same has gone, or has been copied.
        left_new = [each for each in left_new if each not in equal_new]
        left_old = [each for each in left_old if each not in equal_old]
    for mark in (_id, _name, _address):
        for at in list(left_new):
            alike_new = [each for each in left_new if _same_mark(mark, new[each], new[at])]
            alike_old = [each for each in left_old if _same_mark(mark, old[each], new[at])]
            if len(alike_new) == len(alike_old) == 1:
                found[at] = alike_old[0]
                left_new.remove(at)
                left_old.remove(alike_old[0])
    return found


def _same_mark(mark: Callable[[dict[str, Any]], object], one: object, other: object) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    if mark is not _id and _NOTHING not in (_id(one), _id(other)) and _id(one) != _id(other):
        return False
    return mark(one) is not _NOTHING and mark(one) == mark(other)


def _id(entry: dict[str, Any]) -> object:
    return entry.get("id") or _NOTHING


def _name(entry: dict[str, Any]) -> object:
    return entry.get("name") or _NOTHING


def _address(entry: dict[str, Any]) -> object:
    return entry.get("base-url"), entry.get("prefix")


def _at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data
