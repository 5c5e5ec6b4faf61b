"""The one way in which the dashboard changes the configuration.

A change is made to the text of the file, comments and all, under the lock of its writers;
the new text is checked as a whole before it replaces the old one. It is in force when the
answer goes out, here, and other processes are told to read the file. Should the new text be
refused after all when it is to be put in force, the old one is put back. Every change is
in the audit trail.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Callable
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from msgspec import Struct

from aigw_asgi.config_store import Loaded, compile_bytes, read_bytes, version_of
from aigw_asgi.config_writer import (
    DiskFull,
    ReadOnly,
    VersionConflict,
    WriteRefused,
    change_file,
)
from aigw_asgi.dashboard.effects import effects
from aigw_asgi.dashboard.operation import Answer, Body, Call, Shape
from aigw_asgi.dashboard.placeholders import hidden_text
from aigw_asgi.dashboard.problem import ApiError, unusable
from aigw_asgi.redaction import Redactor
from aigw_asgi.reloading import Reloader
from aigw_asgi.yaml_document import YamlDocument, read_document
from aigw_asgi.yaml_edit import EditRefused
from aigw_core.config.path import Path, parse_path
from aigw_core.errors import ConfigError, InvalidConfig

_NO_FILE = (
    "there is no configuration file to change: aigw init writes one; start the gateway with -c"
)


_OFF = (
    "this would turn the dashboard off, and it could not be turned on from here again; to do so,"
    " change dashboard.enabled in the file itself"
)


class ChangeQuery(Body, frozen=True, kw_only=True):
    dry_run: bool = False
    """Change nothing, and say what would be changed."""


class Preview(Shape, frozen=True, kw_only=True):
    """What a change would come to."""

    dry_run: bool
    """Always true."""
    diff: str
    """Of the file, unified; without secrets. Empty: there is nothing to change."""
    effects: tuple[str, ...]
    """In words."""
    restart: tuple[str, ...]
    """Keys whose new values would count from the next start on."""
    version: str
    """Of the configuration as it is."""


class Changed(Shape, frozen=True, kw_only=True):
    """A change was made, and is in force."""

    message: str
    version: str
    """Of the configuration as it is now."""
    effects: tuple[str, ...]
    """In words."""
    restart: tuple[str, ...]
    """Keys whose new values count from the next start on."""


class Draft:
    """The file as it is, before the change. Positions in it hold under the lock only."""

    def __init__(self, document: YamlDocument, compiled: Callable[[bytes], Loaded]) -> None:
        self.document = document
        self._compiled = compiled

    @cached_property
    def version(self) -> str:
        return version_of(self.document.text.encode())

    @cached_property
    def loaded(self) -> Loaded:
        """Raises ``InvalidConfig``: it cannot be used as it is."""
        return self._compiled(self.document.text.encode())

    @property
    def usable(self) -> Loaded | None:
        try:
            return self.loaded
        except InvalidConfig:
            return None

    def compiled(self, text: str) -> Loaded:
        """What ``text`` would be in the place of this one. Raises ``InvalidConfig``."""
        return self._compiled(text.encode())


class Edit(Struct, frozen=True):
    """What a change makes of the file."""

    text: str
    target: str = ""
    """What it is done to, by name."""
    before: Any = None
    after: Any = None
    """What was there and what is, for the audit trail: without secrets."""
    data: Any = None
    """For who made it."""


class Done(Struct, frozen=True):
    """What came of a change."""

    version: str
    effects: tuple[str, ...]
    restart: tuple[str, ...]
    diff: str
    edit: Edit
    dry: bool
    """It was not made."""

    def preview(self) -> Answer:
        body = Preview(
            dry_run=True,
            diff=self.diff,
            effects=self.effects,
            restart=self.restart,
            version=self.version,
        )
        return Answer(body, tagged(self.version), status=200)

    def changed(self, message: str) -> Answer:
        body = Changed(
            message=message, version=self.version, effects=self.effects, restart=self.restart
        )
        return Answer(body, tagged(self.version))


Make = Callable[[Draft], Edit]
"""Blocks; may be asked more than once. Raises ``EditRefused``, ``InvalidConfig``, ``ApiError``."""

Pointer = Callable[[Path], str | None]
"""Where in the body of the request the value at a path of the configuration came from."""


def tagged(version: str) -> dict[str, str]:
    """The header that says what ``If-Match`` is to say."""
    return {"etag": f'"{version}"'}


def reloader_of(call: Call) -> Reloader:
    """Raises ``ApiError``: there is no file."""
    reloader = call.dashboard.state.reloader
    if reloader is None or reloader.loaded.document is None:
        raise ApiError(409, "no_config_file", _NO_FILE, version=version_now(call))
    return reloader


def document_of(call: Call) -> YamlDocument | None:
    """The text that is in force; ``None``: there is no file."""
    reloader = call.dashboard.state.reloader
    return None if reloader is None else reloader.loaded.document


def version_now(call: Call) -> str:
    """Of what is in force."""
    return call.dashboard.state.snapshot.version


def redactor_of(*loaded: Loaded | None) -> Redactor:
    """Knows the secrets of these."""
    made = Redactor()
    for each in loaded:
        if each is not None:
            made.know(each.snapshot, each.settings, each.reading.config)
    return made


def is_read_only(file: str) -> bool:
    """Whether the file says of itself that it is not to be changed, or its folder does."""
    try:
        mode = os.stat(file).st_mode
    except OSError:
        return False
    folder = FilePath(os.path.realpath(file)).parent
    no_one = not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    return no_one or not os.access(file, os.W_OK) or not os.access(folder, os.W_OK)


async def change(
    call: Call,
    action: str,
    make: Make,
    *,
    version: str | None = None,
    dry_run: bool = False,
    pointer: Pointer = lambda path: None,
    repair: bool = False,
) -> Done:
    """Change the file, and put it in force.

    ``version`` is that of the body, where it has one beside ``If-Match``. With ``repair`` a
    file that is no YAML is replaced: what is in force is changed then.

    Raises:
        ApiError: it was not changed; it is as it was.
    """
    reloader = reloader_of(call)
    instead = reloader.loaded.document if repair else None
    work = _Work(reloader, make, version or call.expected_version, pointer, instead)
    if dry_run:
        return await anyio.to_thread.run_sync(work.look)
    # Whether or not anybody waits for the answer.
    with anyio.CancelScope(shield=True):
        async with call.dashboard.changing:
            done = await anyio.to_thread.run_sync(work.write)
            if work.before is None:
                return done  # there was nothing to change
            done = await _put_in_force(call, reloader, work, done)
        replaced = version_of(work.before.text.encode())
        call.dashboard.remember(replaced, work.before.text)
        await call.dashboard.audit.tell(
            action,
            who=call.who,
            address=call.address,
            target=done.edit.target,
            before=done.edit.before,
            after=done.edit.after,
            effects=done.effects,
            version_before=replaced,
            version_after=done.version,
            request_id=call.request_id,
        )
    return done


async def _put_in_force(call: Call, reloader: Reloader, work: _Work, done: Done) -> Done:
    outcome = await reloader.reload()
    state = call.dashboard.state
    if outcome.problems:
        problems = outcome.problems
        undone = await anyio.to_thread.run_sync(work.undo, done.version)
        await reloader.reload()
        if not undone:
            first = problems[0].problem
            raise ApiError(
                503,
                "not_in_force",
                f"the file was changed, but cannot be put in force: {first}; somebody else has"
                " changed it since",
                retry_after=1,
            )
        raise unusable(work.pointed(problems))
    state.sharing.tell_reload()
    return msgspec.structs.replace(done, version=outcome.version)


class _Work:
    """What is done in a thread."""

    def __init__(
        self,
        reloader: Reloader,
        make: Make,
        version: str | None,
        pointer: Pointer,
        instead: YamlDocument | None,
    ) -> None:
        loaded = reloader.loaded
        assert loaded.document is not None
        self._file = loaded.document.file
        self._overrides = loaded.overrides
        self._started = reloader.started_with
        self._make = make
        self._version = version
        self._pointer = pointer
        self._instead = instead
        self.before: YamlDocument | None = None
        """What was replaced."""

    def look(self) -> Done:
        """What the change would come to."""
        try:
            raw = read_bytes(self._file)
            known = version_of(raw)
            if self._version not in (None, known):
                raise VersionConflict(self._file, known)
            document = self._read(raw)
            edit = self._edit(document)
            return self._done(document, edit, known, dry=True)
        except (InvalidConfig, EditRefused, WriteRefused) as exc:
            raise self._refusal(exc) from exc

    def write(self) -> Done:
        if is_read_only(self._file):
            raise self._read_only(f"{self._name} is read-only")
        made: list[tuple[YamlDocument, Edit]] = []

        def make(document: YamlDocument) -> str:
            made[:] = [(document, self._edit(document))]
            if made[0][1].text == document.text and document is not self._instead:
                raise _Unchanged
            return made[0][1].text

        try:
            version = change_file(
                self._file,
                make,
                os.environ,
                version=self._version,
                overrides=self._overrides,
                instead=self._instead,
            )
        except _Unchanged:
            document, edit = made[0]
            version = version_of(document.text.encode())
            return Done(version, (), (), "", edit, dry=False)
        except ReadOnly as exc:
            raise self._read_only(str(exc)) from exc
        except (InvalidConfig, EditRefused, WriteRefused) as exc:
            raise self._refusal(exc) from exc
        self.before, edit = made[0]
        return self._done(self.before, edit, version, dry=False)

    def undo(self, version: str) -> bool:
        """Put the old text back, if the new one still stands there."""
        assert self.before is not None
        before = self.before.text
        try:
            change_file(
                self._file,
                lambda _: before,
                os.environ,
                version=version,
                overrides=self._overrides,
            )
        except (InvalidConfig, WriteRefused):
            return False
        return True

    def pointed(self, problems: tuple[ConfigError, ...]) -> list[ConfigError]:
        """With places in the body of the request, where that is where they come from."""
        found = []
        for each in problems:
            place = self._pointer(parse_path(each.path))
            found.append(each if place is None else ConfigError(each.problem, path=place))
        return found

    @property
    def _name(self) -> str:
        return os.path.basename(self._file)

    def _read(self, raw: bytes) -> YamlDocument:
        try:
            return read_document(raw, self._file)
        except InvalidConfig:
            if self._instead is None:
                raise
            return self._instead

    def _edit(self, document: YamlDocument) -> Edit:
        edit = self._make(Draft(document, self._compiled))
        if self._compiled(edit.text.encode()).snapshot.dashboard is None:
            # Most likely a mistake, and one that could not be taken back from here.
            raise ApiError(409, "dashboard_off", _OFF, version=version_of(document.text.encode()))
        return edit

    def _compiled(self, raw: bytes) -> Loaded:
        return compile_bytes(raw, self._file, os.environ, self._overrides)

    def _done(self, document: YamlDocument, edit: Edit, version: str, *, dry: bool) -> Done:
        draft = Draft(document, self._compiled)
        after = draft.compiled(edit.text)
        said, restart = effects(draft.usable, after, self._started)
        assert after.document is not None
        diff = redacted_diff(document, after.document, redactor_of(draft.usable, after), self._name)
        return Done(version, said, restart, diff, edit, dry)

    def _read_only(self, message: str) -> ApiError:
        done = self.look()
        return ApiError(
            409,
            "read_only",
            f"{self._short(message)}; diff is what would have been changed",
            version=done.version,
            diff=done.diff,
        )

    def _refusal(self, exc: Exception) -> ApiError:
        if isinstance(exc, InvalidConfig):
            return unusable(self.pointed(exc.problems))
        if isinstance(exc, VersionConflict):
            message = "the configuration has been changed meanwhile; look at it again"
            return ApiError(409, "config_conflict", message, version=exc.version)
        if isinstance(exc, EditRefused):
            message = f"{exc}; change it in the text itself"
            return ApiError(409, "edit_refused", message)
        if isinstance(exc, DiskFull):
            message = f"{self._short(str(exc))}; it is as it was"
            return ApiError(507, "disk_full", message)
        return ApiError(503, "write_refused", self._short(str(exc)), retry_after=1)

    def _short(self, message: str) -> str:
        """Without folders, which are nobody's business."""
        folder = os.path.dirname(os.path.realpath(self._file))
        for each in {folder, os.path.dirname(self._file)} - {""}:
            message = message.replace(f"{each}/", "")
        return message


class _Unchanged(Exception):
    """There is nothing to write."""


def redacted_diff(old: YamlDocument, new: YamlDocument, redactor: Redactor, name: str) -> str:
    """Unified; without secrets."""
    lines = difflib.unified_diff(
        hidden_text(old, redactor).splitlines(keepends=True),
        hidden_text(new, redactor, old).splitlines(keepends=True),
        name,
        name,
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
