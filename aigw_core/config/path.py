"""Where in the configuration something is: ``claude-api-key[2].base-url``.

A path is a tuple of keys and list positions; people and errors see it as a
text. The two forms are inverse to each other, so that the shell can find the
line of an error from its text alone. A key that is no plain word is written
as a quoted one: ``model-prices["gpt-4.1"].input``.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_WORD = re.compile(r"[A-Za-z0-9_-]+")
_STEP = re.compile(r'\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]', re.S)


def render_path(path: Path) -> str:
    """The text of a path; empty for the whole document."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _WORD.fullmatch(step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def parse_path(text: str) -> Path:
    """The path that ``render_path`` wrote as ``text``; what follows no path is ignored."""
    steps: list[str | int] = []
    at = 0
    while match := _STEP.match(text, at):
        word, position, quoted = match.groups()
        if position is not None:
            steps.append(int(position))
        elif quoted is not None:
            steps.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.S))
        else:
            steps.append(word)
        at = match.end()
    return tuple(steps)
