"""What a user of an SDK sees of an answer, whatever the format."""

from __future__ import annotations

import functools
import json
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, cast

import msgspec
from msgspec import Struct


class CannotRead(Exception):
    """The SDK broke down on the bytes: neither an answer nor an error."""


P = ParamSpec("P")

BREAKDOWNS = (AssertionError, LookupError, ValueError, TypeError, AttributeError, RuntimeError)
"""What the SDKs raise on bytes that they did not expect; an error answer raises
their own exceptions."""


def reads(read: Callable[P, Record]) -> Callable[P, Record]:
    """A reader whose breakdowns are :class:`CannotRead`.

    The SDKs also warn where a vendor strays from their types. Straying is what
    is looked at here, so that is no news.

    What was read lately is remembered: many cuts of a stream come to the same bytes.
    """

    @functools.wraps(read)
    def reader(*args: P.args, **kwargs: P.kwargs) -> Record:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                return read(*args, **kwargs)
            except BREAKDOWNS as exc:
                raise CannotRead(f"{type(exc).__name__}: {exc}") from exc

    return cast(Callable[P, Record], functools.lru_cache(maxsize=4096)(reader))


class SeenCall(Struct, frozen=True):
    id: str
    """Empty where the format has none."""
    name: str
    arguments: str
    exact: bool = True
    """``arguments`` is the text as it was on the wire; otherwise the SDK gave an
    object, and this is its JSON."""
    freeform: bool = False

    def same_arguments(self, other: SeenCall) -> bool:
        """Byte for byte where both are exact; no arguments at all are ``{}``."""
        if self.exact and other.exact and self.arguments and other.arguments:
            return self.arguments == other.arguments
        return bool(normal_json(self.arguments) == normal_json(other.arguments))


class SeenUsage(Struct, frozen=True):
    """Token totals; ``None`` where the answer did not say."""

    input: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None


class SeenError(Struct, frozen=True):
    message: str
    status: int | None = None
    type: str | None = None


class Record(Struct, frozen=True):
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: tuple[SeenCall, ...] = ()
    stop: str | None = None
    """``end``, ``tool_use``, ``max_tokens``, ``refusal``, ``pause``, or the
    vendor's word where it has no class; ``None`` when the answer has none."""
    usage: SeenUsage = SeenUsage()
    error: SeenError | None = None
    choices: int = 1
    """How many there were; the fields above are those of the first."""
    signatures: tuple[str, ...] = ()
    server_calls: int = 0
    """Calls of tools that the vendor ran; not in ``calls``."""
    media: int = 0
    """Parts that are neither text nor calls."""


def normal_json(text: str) -> Any:
    """The value of JSON text; the text itself when it is none."""
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return text


def compact(value: object) -> str:
    return msgspec.json.encode(value).decode()
