"""What is wrong with a request to the dashboard's API: a value, and the exception with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import UNSET, Struct, UnsetType

from aigw_core.errors import ConfigError


class Field(Struct, frozen=True):
    """One thing that is wrong, and where."""

    path: str
    """A JSON pointer into the body or the query; of a configuration, its dotted path."""
    message: str
    line: int | UnsetType = UNSET
    """Of a configuration text, from 1; as is the next."""
    column: int | UnsetType = UNSET


class Problem(Struct, frozen=True, kw_only=True):
    """Every answer that is no success."""

    error: str
    """A word for programs."""
    message: str
    """What happened, why, and what to do, for people."""
    request_id: str = ""
    fields: tuple[Field, ...] | UnsetType = UNSET
    """Of 422."""
    version: str | UnsetType = UNSET
    """Of 409: that of the configuration as it is now."""
    diff: str | UnsetType = UNSET
    """Of 409 where the file cannot be written: what would have been changed."""
    retry_after: int | UnsetType = UNSET
    """Seconds. Of 429 and 503."""
    password_set: bool | UnsetType = UNSET
    """Of 401 where nobody is signed in: whether a password would do."""


class ApiError(Exception):
    """A request that cannot be answered as it should be."""

    def __init__(
        self,
        status: int,
        error: str,
        message: str,
        *,
        fields: Iterable[Field] = (),
        version: str | None = None,
        diff: str | None = None,
        retry_after: float | None = None,
        password_set: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = dict(headers or {})
        found = tuple(fields)
        wait = UNSET if retry_after is None else max(1, round(retry_after))
        if wait is not UNSET:
            self.headers["retry-after"] = str(wait)
        self.problem = Problem(
            error=error,
            message=message,
            fields=found or UNSET,
            version=UNSET if version is None else version,
            diff=UNSET if diff is None else diff,
            retry_after=wait,
            password_set=UNSET if password_set is None else password_set,
        )


def not_found(what: str, name: str) -> ApiError:
    """There is no ``what`` of that name."""
    return ApiError(404, "not_found", f"there is no {what} {name!r}")


def invalid(path: str, message: str) -> ApiError:
    """One field of a request that cannot be meant; ``path`` is a JSON pointer."""
    return ApiError(422, "validation_failed", message, fields=[Field(path, message)])


def misfit(exc: msgspec.ValidationError) -> ApiError:
    """What msgspec has to say about a body or a query, with the place as a JSON pointer."""
    text = str(exc)
    message, _, place = text.partition(" - at `")
    path = pointer(place.rstrip("`"))
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL):
        path, message = f"{path}/{unknown[1]}", "there is no such field"
    elif missing := re.fullmatch(r"Object missing required field `(.*)`", message, re.DOTALL):
        path, message = f"{path}/{missing[1]}", "this is required"
    return invalid(path, message)


def unusable(problems: Iterable[ConfigError]) -> ApiError:
    """A configuration, or a change of it, that could not be used."""
    fields = [
        Field(
            each.path,
            each.problem,
            UNSET if each.line is None else each.line,
            UNSET if each.column is None else each.column,
        )
        for each in problems
    ]
    first = fields[0].message if fields else "it cannot be used"
    more = f", and {len(fields) - 1} more" if len(fields) > 1 else ""
    return ApiError(422, "validation_failed", first + more, fields=fields)


_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def pointer(place: str) -> str:
    """``$.models[0].id`` as ``/models/0/id``."""
    return "".join(
        "/" + (name or at).replace("~", "~0").replace("/", "~1")
        for name, at in _STEP.findall(place)
    )
