"""Comparing an answer with its translation, as users of two SDKs see them (P4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from aigw_core.chat import Format
from tests.oracles.record import Record, SeenCall


class Tolerance(msgspec.Struct, frozen=True):
    """What one client format cannot show, so that it is not compared."""

    refusal_is_text: bool = False
    """Refusals stand in the text."""
    pause_is: str | None = None
    """What a paused answer looks like."""
    ids: str = ".*"
    """The identifiers of calls that the format allows; others are replaced."""
    bad_arguments: bool = False
    """Arguments that are no JSON object cannot be carried as they are."""


TOLERANCES: dict[Format, Tolerance] = {
    Format.CHAT: Tolerance(pause_is="max_tokens"),
    Format.RESPONSES: Tolerance(pause_is="max_tokens"),
    Format.MESSAGES: Tolerance(refusal_is_text=True, ids=r"[A-Za-z0-9_-]+", bad_arguments=True),
    Format.GEMINI: Tolerance(refusal_is_text=True, pause_is="other", bad_arguments=True),
}

FIELDS = ("text", "reasoning", "refusal", "calls", "stop", "usage", "error")


def same_answer(
    source: Record, client: Record, format_of_client: Format, skip: Iterable[str] = ()
) -> list[str]:
    """What differs between an answer and its translation, as sentences.

    ``source`` is what the upstream's own SDK read, ``client`` what the client's
    SDK read. ``skip`` names fields of :data:`FIELDS` that are not compared.
    """
    can = TOLERANCES[format_of_client]
    skip = set(skip)
    faults: list[str] = []

    def compare(field: str, expected: object, got: object) -> None:
        if field not in skip and expected != got:
            faults.append(f"{field}: {expected!r} became {got!r}")

    compare("error", source.error is not None, client.error is not None)
    text, refusal = source.text, source.refusal
    if can.refusal_is_text:
        text, refusal = text + refusal, ""
    compare("text", text, client.text)
    compare("refusal", refusal, client.refusal)
    # Formats differ in how they set pieces of reasoning apart.
    compare("reasoning", _no_gaps(source.reasoning), _no_gaps(client.reasoning))
    if "calls" not in skip:
        faults += _same_calls(source.calls, client.calls, can)
    if source.error is None and client.error is None:
        compare("stop", _stop_class(source, can), _stop_class(client, can))
    if "usage" not in skip:
        for name in ("input", "output", "cached", "reasoning"):
            expected = getattr(source.usage, name)
            # A count that the source left out may be 0 where it must be a number.
            if expected is not None and (getattr(client.usage, name) or 0) != expected:
                faults.append(f"usage.{name}: {expected} became {getattr(client.usage, name)}")
    return faults


def _no_gaps(text: str) -> str:
    return text.replace("\n", "").strip()


_CLASSES = ("end", "tool_use", "max_tokens", "refusal", "pause")


def _stop_class(record: Record, can: Tolerance) -> str | None:
    """The reason after the repairs that every decoder makes: a call decides, and
    a reason that no format shares is a plain end."""
    stop = record.stop
    if stop == "pause" and can.pause_is is not None:
        stop = can.pause_is
    if stop in _CLASSES and stop not in ("end", "tool_use"):
        return stop
    return "tool_use" if record.calls else "end"


def _same_calls(
    source: tuple[SeenCall, ...], client: tuple[SeenCall, ...], can: Tolerance
) -> list[str]:
    if len(source) != len(client):
        return [f"{len(source)} tool calls became {len(client)}"]
    faults = []
    if len({call.id for call in client}) < len({call.id for call in source}):
        faults.append("two calls have the same id now")
    for number, (before, after) in enumerate(zip(source, client, strict=True)):
        if before.name != after.name:
            faults.append(f"call {number}: name {before.name!r} became {after.name!r}")
        legal = re.fullmatch(can.ids, before.id, re.DOTALL)
        if before.id and after.id and before.id != after.id and legal:
            faults.append(f"call {number}: id {before.id!r} became {after.id!r}")
        if not before.same_arguments(after) and not (
            can.bad_arguments and not _is_object(before.arguments)
        ):
            faults.append(
                f"call {number}: arguments {before.arguments!r} became {after.arguments!r}"
            )
    return faults


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except msgspec.DecodeError:
        return False
