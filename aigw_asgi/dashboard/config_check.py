"""The text of a configuration, looked at before it is the file's."""

from __future__ import annotations

import os

from msgspec import Struct

from aigw_asgi.config_store import Loaded, compile_bytes, read_bytes, version_of
from aigw_asgi.dashboard.changes import redacted_diff, redactor_of
from aigw_asgi.dashboard.effects import effects
from aigw_asgi.dashboard.operation import Shape
from aigw_asgi.dashboard.placeholders import restored
from aigw_asgi.dashboard.problem import ApiError
from aigw_asgi.dashboard.views import Place
from aigw_asgi.reloading import Reloader
from aigw_asgi.yaml_document import YamlDocument, read_document
from aigw_core.errors import ConfigError, InvalidConfig

NO_NAME = "config.yaml"
"""What a text is called that is no file yet."""


class ConfigCheck(Shape, frozen=True, kw_only=True):
    """Whether a configuration can be used."""

    valid: bool
    message: str
    errors: tuple[Place, ...]
    warnings: tuple[Place, ...]
    effects: tuple[str, ...]
    """What it would come to, against what is in the file; in words."""
    restart: tuple[str, ...]
    diff: str | None
    """Against the file; without secrets. ``null``: there is no file, or it is not valid."""


class FileNow:
    """The file as it is, and what is in force. Making one blocks.

    Raises:
        ApiError: the file is gone.
    """

    def __init__(self, reloader: Reloader) -> None:
        self.loaded = reloader.loaded
        self.overrides = reloader.loaded.overrides
        self.started = reloader.started_with
        assert self.loaded.document is not None
        self.document: YamlDocument = self.loaded.document
        """The file's; where it is no YAML, that which is in force."""
        self.problems: tuple[ConfigError, ...] = ()
        self.usable: Loaded | None = None
        file = self.document.file
        try:
            raw = read_bytes(file)
        except InvalidConfig as exc:
            message = f"{os.path.basename(file)} {exc.problem}"
            raise ApiError(503, "file_unreadable", message, retry_after=1) from exc
        self.version = version_of(raw)
        try:
            self.document = read_document(raw, file)
            self.usable = compile_bytes(raw, file, os.environ, self.overrides)
        except InvalidConfig as exc:
            self.problems = exc.problems


def places(problems: tuple[ConfigError, ...]) -> tuple[Place, ...]:
    return tuple(
        Place(path=each.path, message=each.problem, line=each.line, column=each.column)
        for each in problems
    )


class _Checked(Struct, frozen=True):
    loaded: Loaded
    effects: tuple[str, ...]
    restart: tuple[str, ...]
    diff: str | None


def check_text(reloader: Reloader | None, text: str, *, lines: bool) -> ConfigCheck:
    """Blocks. ``lines``: those of the text mean something."""
    try:
        found = _check(reloader, text)
    except InvalidConfig as exc:
        errors = places(exc.problems)
        if not lines:
            errors = tuple(Place(path=each.path, message=each.message) for each in errors)
        count = "1 problem" if len(errors) == 1 else f"{len(errors)} problems"
        return ConfigCheck(
            valid=False,
            message=f"{count}: {errors[0].message}",
            errors=errors,
            warnings=(),
            effects=(),
            restart=(),
            diff=None,
        )
    warnings = tuple(
        Place(
            path=each.path,
            message=each.message,
            line=each.line if lines else None,
            column=each.column if lines else None,
        )
        for each in found.loaded.warnings
    )
    return ConfigCheck(
        valid=True,
        message="the configuration can be used",
        errors=(),
        warnings=warnings,
        effects=found.effects,
        restart=found.restart,
        diff=found.diff,
    )


def _check(reloader: Reloader | None, text: str) -> _Checked:
    """Raises ``InvalidConfig``."""
    if reloader is None or reloader.loaded.document is None:
        overrides = None if reloader is None else reloader.loaded.overrides
        raw = text.encode("utf-8", "surrogatepass")
        return _Checked(compile_bytes(raw, NO_NAME, os.environ, overrides), (), (), None)
    known = FileNow(reloader)
    document = restored(text, known.document, redactor_of(known.loaded, known.usable))
    loaded = compile_bytes(document.text.encode(), document.file, os.environ, known.overrides)
    said, restart = effects(known.usable, loaded, known.started)
    diff = redacted_diff(
        known.document,
        document,
        redactor_of(known.loaded, known.usable, loaded),
        os.path.basename(document.file),
    )
    return _Checked(loaded, said, restart, diff)
