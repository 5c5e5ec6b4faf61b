"""Wildcard patterns over model names.

``*`` is any run of characters, also none; ``?`` is exactly one; everything else
is itself. The whole name must match, with case.
"""

from __future__ import annotations


def is_glob(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def glob_match(pattern: str, name: str) -> bool:
    """Whether ``name`` matches. At most ``len(pattern) * len(name)`` steps."""
    at = 0
    position = 0
    star = -1
    resume = 0
    while position < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", name[position]):
            at += 1
            position += 1
        elif star >= 0:
            resume += 1
            at, position = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")
