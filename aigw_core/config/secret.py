"""A secret that does not show itself."""

from __future__ import annotations

HIDDEN = "***"
"""Stands wherever a secret would."""


_SHOWN = 4
"""Characters at either end of a masked secret."""


class Secret:
    """A text that appears as ``***`` wherever it is printed, formatted or encoded."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself; only for the builder of request headers."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


def masked(secret: Secret) -> str:
    """Enough of a key to know it again: ``sk-p****wxyz``. Nothing of a short one."""
    text = secret.reveal()
    if len(text) < 4 * _SHOWN:
        return "****" if text else ""
    return f"{text[:_SHOWN]}****{text[-_SHOWN:]}"
