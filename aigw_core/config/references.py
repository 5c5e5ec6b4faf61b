"""Values that stand elsewhere: in the environment or in a file.

``${VAR}`` and ``${VAR:-default}`` may stand anywhere in a text, ``$${`` is a
literal ``${``. A whole text may be ``env://VAR`` or ``file:///path``; what a
file holds is stripped of white space at both ends. What a reference gave is
not looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from msgspec import Struct

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IN_TEXT = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?:(:-)([^}]*))?\})?")


class Unresolved(Exception):
    """A reference leads nowhere. The text says why and holds no value."""


class Outside(Struct, frozen=True):
    """What the configuration may point to; the shell knows it, the core does not."""

    env: Mapping[str, str]
    read_file: Callable[[str], str]
    """Absolute path to the text of the file; raises ``OSError`` or
    ``UnicodeDecodeError``."""
    is_file: Callable[[str], bool]


class References:
    """Looks references up."""

    def __init__(self, outside: Outside) -> None:
        self._env = outside.env
        self._read_file = outside.read_file

    def resolve(self, text: str) -> str:
        """The text with its references replaced; itself when it has none.

        Raises:
            Unresolved: a variable is not set, a file cannot be read, or the
                reference is not well formed.
        """
        if text.startswith("env://"):
            return self._variable(text.removeprefix("env://"), "env://")
        if text.startswith("file://"):
            return self._file(text.removeprefix("file://"))
        if "${" not in text:
            return text
        return _IN_TEXT.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        name, has_default, default = match.groups()
        if name is None:
            raise Unresolved('"${" opens no well-formed ${VAR}; write "$${" for a literal one')
        if has_default:
            # As in a shell: the default also stands in for an empty value.
            return self._env.get(name) or default
        return self._variable(name, "${}")

    def _variable(self, name: str, form: str) -> str:
        if not _VARIABLE.fullmatch(name):
            raise Unresolved(f"{form} needs the name of an environment variable")
        value = self._env.get(name)
        if value is None:
            raise Unresolved(f"the environment variable {name} is not set")
        return value

    def _file(self, path: str) -> str:
        if not path.startswith("/"):
            raise Unresolved("a file:// reference needs an absolute path: file:///path")
        try:
            return self._read_file(path).strip()
        except OSError as exc:
            raise Unresolved(f"the file {path} cannot be read: {exc.strerror or exc}") from exc
        except UnicodeDecodeError as exc:
            raise Unresolved(f"the file {path} is not UTF-8 text") from exc
