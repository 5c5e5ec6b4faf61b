"""Plain values as YAML text, in the way that people write configurations.

What is written is understood alike by the rules of YAML 1.1 and 1.2: a text that either
could take for something else is quoted.
"""

from __future__ import annotations

import re

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def block(value: Value, column: int) -> list[str]:
    """Lines that begin at ``column``, without their ends; maps and lists are blocks."""
    lead = " " * column
    lines: list[str] = []
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            if isinstance(inner, dict | list) and inner:
                lines += [f"{lead}{scalar(key)}:", *block(inner, column + 2)]
            else:
                lines.append(f"{lead}{scalar(key)}: {flow(inner)}")
    elif isinstance(value, list) and value:
        for item in value:
            if isinstance(item, dict) and item:
                first, *rest = block(item, column + 2)
                lines += [f"{lead}- {first.lstrip(' ')}", *rest]
            else:
                lines.append(f"{lead}- {flow(item)}")
    else:
        lines.append(lead + flow(value))
    return lines


def flow(value: Value) -> str:
    """In one line, maps and lists in brackets."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(value[key])}" for key in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: str | int | float | bool | None) -> str:
    """A text is written plainly where nothing else could be meant, else in double quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return '"' + "".join(map(_quoted, value)) + '"'


def _quoted(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char == " " or (char.isprintable() and char != "\ufeff"):
        return char
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
