"""A JSON document that is changed in a few places and keeps every other byte.

Only the containers on the way to a change are taken apart; whatever is not changed
is written as it stood: space, escapes, the text of numbers, the order of keys. Like
:mod:`.jsonspans` it is for documents that were checked before.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from aigw_core.jsonspans import Span, each_member, elements

Step = str | int
"""A key of an object, or a position in an array, from 0. A number also finds the key
that is written so."""


class _Item:
    """A member of an object, or an element of an array."""

    __slots__ = ("head", "name", "node", "tail")

    def __init__(self, head: bytes, name: str | None, node: _Node, tail: bytes) -> None:
        self.head = head
        """What stands between the comma (or bracket) in front and the value."""
        self.name = name
        self.node = node
        self.tail = tail
        """What stands between the value and the comma (or bracket) behind."""


class _Node:
    """A value, taken apart or not."""

    __slots__ = ("_changed", "_items", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._items: list[_Item] | None = None
        self._changed = False

    @property
    def is_object(self) -> bool:
        return self._raw.startswith(b"{")

    @property
    def is_array(self) -> bool:
        return self._raw.startswith(b"[")

    def render(self) -> bytes:
        if not self._changed:
            return self._raw
        inner = b",".join(item.head + item.node.render() + item.tail for item in self.items)
        return b"{%s}" % inner if self.is_object else b"[%s]" % inner

    def touch(self) -> None:
        """Something in it is going to change."""
        self._changed = True

    @property
    def items(self) -> list[_Item]:
        if self._items is None:
            self._items = self._open()
        return self._items

    def item(self, step: Step) -> _Item | None:
        if self.is_array:
            if not isinstance(step, int) or step >= len(self.items):
                return None
            return self.items[step]
        name = str(step)
        # Of a name that comes twice the last counts.
        return next((item for item in reversed(self.items) if item.name == name), None)

    def _open(self) -> list[_Item]:
        raw, top = self._raw, Span(0, len(self._raw), 0)
        if self.is_object:
            found = each_member(raw, top)
        else:
            found = [("", span) for span in elements(raw, top)]
        items: list[_Item] = []
        at = 1
        for number, (name, span) in enumerate(found):
            after = found[number + 1][1].start if number + 1 < len(found) else len(raw) - 1
            comma = raw.find(b",", span.end, after)
            end = after if comma < 0 else comma
            node = _Node(raw[span.value : span.end])
            label = name if self.is_object else None
            items.append(_Item(raw[at : span.value], label, node, raw[span.end : end]))
            at = end + 1
        return items


class JsonTree:
    """One document and the changes to it. Values go in and out as JSON bytes."""

    def __init__(self, document: bytes) -> None:
        self._document = document
        start = len(document) - len(document.lstrip())
        end = len(document.rstrip())
        self._root = _Node(document[start:end])
        self._around = document[:start], document[end:]
        self._changed = False

    def find(self, steps: Sequence[Step]) -> bytes | None:
        """The value at ``steps``; ``None`` where there is none."""
        node = self._node(steps)
        return None if node is None else node.render()

    def holds(self, steps: Sequence[Step]) -> bool:
        return self._node(steps) is not None

    def set(self, steps: Sequence[Step], value: bytes) -> bool:
        """Put ``value`` at ``steps``: in the place of what is there, else behind the
        last member or element. Whether that could be done: what ``steps`` leads into
        must be there and have room, an array that of its next position."""
        *way, last = steps
        parent = self._node(way)
        if parent is None or not (parent.is_object or parent.is_array):
            return False
        known = parent.item(last)
        if known is None:
            if parent.is_array:
                if last != len(parent.items):
                    return False
                head, name = b"", None
            else:
                name = str(last)
                head = msgspec.json.encode(name) + b":"
            parent.items.append(_Item(head, name, _Node(value), b""))
        else:
            known.node = _Node(value)
            self._forget_others(parent, known)
        self._touch(way)
        return True

    def insert_first(self, steps: Sequence[Step], value: bytes) -> None:
        """Put ``value`` in front of all elements of the array at ``steps``."""
        node = self._node(steps)
        assert node is not None
        assert node.is_array
        node.items.insert(0, _Item(b"", None, _Node(value), b""))
        self._touch(steps)

    def remove(self, steps: Sequence[Step]) -> bool:
        """Take out what is at ``steps``, if anything is; whether it was."""
        *way, last = steps
        parent = self._node(way)
        if parent is None or not (parent.is_object or parent.is_array):
            return False
        known = parent.item(last)
        if known is None:
            return False
        self._forget_others(parent, known)
        parent.items.remove(known)
        self._touch(way)
        return True

    def render(self) -> bytes:
        """The document with all changes; the same object when there were none."""
        if not self._changed:
            return self._document
        before, after = self._around
        return before + self._root.render() + after

    def _node(self, steps: Sequence[Step]) -> _Node | None:
        node = self._root
        for step in steps:
            if not (node.is_object or node.is_array):
                return None
            item = node.item(step)
            if item is None:
                return None
            node = item.node
        return node

    def _touch(self, steps: Sequence[Step]) -> None:
        self._changed = True
        node = self._root
        node.touch()
        for step in steps:
            item = node.item(step)
            assert item is not None
            node = item.node
            node.touch()

    @staticmethod
    def _forget_others(parent: _Node, known: _Item) -> None:
        """Take out members of the same name, which do not count but would be sent."""
        if parent.is_object:
            parent.items[:] = [
                item for item in parent.items if item is known or item.name != known.name
            ]


def pointer(steps: Sequence[Step]) -> str:
    """``steps`` as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
