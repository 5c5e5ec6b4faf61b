"""What the gateway changed in an upstream's request because configuration says so."""

from __future__ import annotations

from msgspec import Struct


class Mutation(Struct, frozen=True, gc=False):
    """A change without its content, for records."""

    cause: str
    """What asked for it, as ``payload.override[0]`` or ``cloak.sensitive-words``."""
    pointer: str
    """JSON pointer into the upstream's request."""


class Change(Struct, frozen=True, gc=False):
    """A change with its content, for dry runs."""

    cause: str
    pointer: str
    before: bytes | None
    """JSON; ``None``: there was nothing."""
    after: bytes | None
    """JSON; ``None``: it was taken out."""

    def __str__(self) -> str:
        return f"{self.cause} {self.pointer}: {_shown(self.before)} -> {_shown(self.after)}"

    @property
    def mutation(self) -> Mutation:
        return Mutation(self.cause, self.pointer)


def _shown(value: bytes | None) -> str:
    return "nothing" if value is None else value.decode("utf-8", "replace")
