"""How the fuzzer changes inputs that have JSON documents in them: node by node, now and
then; bytes it knows how to change itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

from tests.mutate import CONFUSIONS

Mutate = Callable[[bytes, int], bytes]
"""The fuzzer's own: ``(data, most bytes)``."""

_DATA = re.compile(rb"^data: ?([\[{].*)$", re.MULTILINE)
_DEEPEST = 200


def json_mutator(own: Mutate) -> Callable[[bytes, int, int], bytes]:
    def mutate(data: bytes, limit: int, seed: int) -> bytes:
        rolled = Random(seed)
        if rolled.random() < 0.5:
            return own(data, limit)
        found = _DATA.search(data)
        lines = [match.span(1) for match in _DATA.finditer(data)] if found else [(0, len(data))]
        start, end = rolled.choice(lines)
        try:
            document = json.loads(data[start:end])
        except (ValueError, RecursionError):
            return own(data, limit)
        others = []
        for a, b in lines:
            try:
                others.append(json.loads(data[a:b]))
            except (ValueError, RecursionError):
                continue
        changed = change(document, rolled, others)
        text = json.dumps(changed, ensure_ascii=rolled.random() < 0.5).encode(
            "utf-8", "surrogatepass"
        )
        mutated = data[:start] + text + data[end:]
        return mutated if len(mutated) <= limit else own(data, limit)

    return mutate


def change(document: Any, rolled: Random, others: list[Any]) -> Any:
    """``document`` with a node or two replaced, removed, doubled, or taken from ``others``."""
    for _ in range(rolled.choice((1, 1, 1, 2, 3))):
        places = list(_places(document))
        if not places:
            return rolled.choice(CONFUSIONS)
        holder, key = rolled.choice(places)
        kind = rolled.randrange(6)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            donor = rolled.choice(others)
            donors = list(_places(donor))
            if donors:
                box, at = rolled.choice(donors)
                holder[key] = _copy(box[at])
        elif kind == 2 and isinstance(holder, list):
            holder.insert(rolled.randint(0, len(holder)), _copy(holder[key]))
        elif kind == 3 and isinstance(holder, dict):
            other_holder, other_key = rolled.choice(places)
            if isinstance(other_holder, dict) and isinstance(other_key, str):
                holder[other_key] = _copy(holder[key])
        elif kind == 4:
            holder[key] = _near(holder[key], rolled)
        else:
            holder[key] = _copy(rolled.choice(CONFUSIONS))
    return document


def _near(value: Any, rolled: Random) -> Any:
    """Of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rolled.choice((0, 1, -1, value + 1, value - 1, 1 << 31, (1 << 53) + 1, 1 << 63))
    if isinstance(value, float):
        return rolled.choice((0.0, -0.5, 1e308, 5e-324))
    if isinstance(value, str):
        at = rolled.randint(0, len(value))
        piece = rolled.choice(
            ("", "\ud83d", "\ude00", "\n", "\u2028", "\x00", '"', "\\", "{}", "é")
        )
        return value[:at] + piece + value[rolled.randint(at, len(value)) :]
    if isinstance(value, list):
        return value[::-1]
    return value


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _places(value: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    if depth > _DEEPEST:
        return found
    items = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    for key, item in items:
        found.append((value, key))
        found += _places(item, depth + 1)
    return found
