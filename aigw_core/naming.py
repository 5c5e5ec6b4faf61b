"""Tool names and call identifiers that a target format accepts.

Both maps are pure functions of what they are given, so the same conversation
gets the same names on every turn (prompt caches and signed reasoning depend
on it), and both keep what is legal already.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable

from aigw_core.errors import InvalidRequest


class ToolNames:
    """Client tool names to legal ones of the target, and back.

    ``legal`` matches a whole legal name. An illegal name becomes
    ``sanitised_xxxxxxxx`` with eight hex digits of its SHA-256.
    """

    def __init__(self, names: Iterable[str], legal: re.Pattern[str], limit: int) -> None:
        self._legal = legal
        self._limit = limit
        self._to_target: dict[str, str] = {}
        self.renamed: dict[str, str] = {}
        """Target's name to client's name, where they differ."""
        for name in names:
            self.to_target(name)

    def to_target(self, name: str) -> str:
        known = self._to_target.get(name)
        if known is not None:
            return known
        target = name if self._legal.fullmatch(name) else self._invent(name)
        self._to_target[name] = target
        if target != name:
            self.renamed[target] = name
        return target

    def _invent(self, name: str) -> str:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        stem = re.sub(r"[^A-Za-z0-9_-]", "_", name)[: self._limit - 9]
        if not stem or not (stem[0].isalpha() or stem[0] == "_"):
            stem = "t" + stem[: self._limit - 10]
        return f"{stem}_{digest}"


def refuse_duplicates(names: Iterable[tuple[str, str]]) -> None:
    """``(name, pointer)`` of every tool.

    Raises:
        InvalidRequest: a name comes twice.
    """
    seen: set[str] = set()
    for name, pointer in names:
        if name in seen:
            raise InvalidRequest(f"the tool {name!r} is declared twice", pointer=pointer)
        seen.add(name)


def call_ids(legal: re.Pattern[str]) -> Callable[[str], str]:
    """A function from call identifiers to ones that ``legal`` matches whole.

    What is legal stays; else ``call_`` and 24 base32 characters of the
    SHA-256, which no two identifiers share in practice.
    """

    def to_target(call_id: str) -> str:
        if legal.fullmatch(call_id):
            return call_id
        digest = hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest()
        return "call_" + base64.b32encode(digest).decode()[:24].lower()

    return to_target
