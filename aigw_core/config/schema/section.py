"""What every part of the configuration has in common."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Section(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A map of the configuration file: kebab-case keys, none that is unknown."""

    shorthand: ClassVar[str | None] = None
    """The key that a plain text in place of the map stands for."""
