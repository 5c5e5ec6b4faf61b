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


def globs_meet(one: str, other: str) -> bool:
    """Whether some name matches both patterns; either may be a plain name."""
    # reached[j]: a beginning of ``one`` and the first j of ``other`` have a name in common.
    reached = [True]
    for char in other:
        reached.append(reached[-1] and char == "*")
    for mine in one:
        before, reached = reached, [reached[0] and mine == "*"]
        for at, theirs in enumerate(other):
            if "*" in (mine, theirs):
                # The star takes a character of the other pattern, or stands for nothing.
                reached.append(before[at + 1] or reached[at])
            else:
                fits = mine == theirs or "?" in (mine, theirs)
                reached.append(before[at] and fits)
    return reached[-1]
