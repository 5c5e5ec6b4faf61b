"""What a translation could not carry as it was.

An encoder writes an entry for everything that the target's format or model
cannot take. Entries that change what the caller may notice are *reported*: they
go into the ``x-aigw-warnings`` header, and strict mode refuses the request
instead. The others are bookkeeping and only go into the ledger itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct

from aigw_core.errors import InvalidRequest

MAX_ENTRIES = 64
"""Entries kept of those that are reported, and of the others; more say nothing new
and would make the header too long."""


class Action(StrEnum):
    DROPPED = "dropped"
    APPROXIMATED = "approximated"
    DEFAULTED = "defaulted"
    CARRIED = "carried"


class LedgerEntry(Struct, frozen=True, gc=False):
    action: Action
    code: str
    """A word for what happened, ``[a-z0-9_]+``, as ``seed_unsupported``."""
    pointer: str
    """JSON pointer into the client's request, or into the upstream's answer."""
    detail: str = ""
    """For people; never content of the conversation."""
    reported: bool = True


class Ledger:
    """Collects entries for one translation.

    ``pointers`` maps canonical field names (``sampling.seed``) to where the
    client's format has them (``/seed``); turns, tools and extras carry their
    own pointers.
    """

    def __init__(self, pointers: Mapping[str, str] | None = None) -> None:
        self._pointers = pointers or {}
        self._seen: set[tuple[str, str]] = set()
        self._kept = {True: 0, False: 0}  # what is reported is never crowded out
        self.entries: list[LedgerEntry] = []
        self.omitted = 0
        """Entries beyond ``MAX_ENTRIES``."""

    def pointer(self, field: str) -> str:
        """Where the client's format has the canonical ``field``."""
        return self._pointers.get(field, "/" + field.replace(".", "/"))

    def record(
        self,
        action: Action,
        code: str,
        pointer: str,
        *,
        detail: str = "",
        reported: bool = True,
    ) -> None:
        """Add an entry; one that stands already, by code and pointer, is not doubled."""
        if (code, pointer) in self._seen:
            return
        if self._kept[reported] >= MAX_ENTRIES:
            self.omitted += 1
            return
        self._kept[reported] += 1
        self._seen.add((code, pointer))
        self.entries.append(LedgerEntry(action, code, pointer, detail, reported))

    def dropped(self, code: str, pointer: str, *, detail: str = "", reported: bool = True) -> None:
        self.record(Action.DROPPED, code, pointer, detail=detail, reported=reported)

    def approximated(
        self, code: str, pointer: str, *, detail: str = "", reported: bool = True
    ) -> None:
        self.record(Action.APPROXIMATED, code, pointer, detail=detail, reported=reported)

    def defaulted(
        self, code: str, pointer: str, *, detail: str = "", reported: bool = False
    ) -> None:
        self.record(Action.DEFAULTED, code, pointer, detail=detail, reported=reported)

    def carried(self, code: str, pointer: str, *, detail: str = "", reported: bool = False) -> None:
        self.record(Action.CARRIED, code, pointer, detail=detail, reported=reported)

    def refuse_reported(self) -> None:
        """Strict mode: refuse what would only have been warned of.

        Raises:
            InvalidRequest: an entry is reported; names the first, counts all.
        """
        reported = [entry for entry in self.entries if entry.reported]
        if reported:
            first = reported[0]
            more = f" and {len(reported) - 1} more" if len(reported) > 1 else ""
            raise InvalidRequest(
                f"strict mapping: {first.code} ({first.action}){more}",
                pointer=first.pointer,
                code="strict_mapping",
            )


def warnings_header(entries: Iterable[LedgerEntry], limit: int = 1024) -> str:
    """The value of ``x-aigw-warnings``: ``code;/json/pointer, ...``.

    At most ``limit`` characters, of whole entries: where there is no room for all, the
    last one is ``more;N`` and says how many of ``entries`` are missing.
    """
    told = [f"{entry.code};{entry.pointer}" for entry in entries if entry.reported]
    whole = ", ".join(told)
    if len(whole) <= limit:
        return whole
    room = limit - len(f"more;{len(told)}")
    fitting = 0
    while room >= len(told[fitting]) + 2:
        room -= len(told[fitting]) + 2
        fitting += 1
    return ", ".join([*told[:fitting], f"more;{len(told) - fitting}"])
