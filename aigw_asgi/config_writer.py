"""Writing a configuration file: one writer at a time, all of it or nothing.

The new text is checked as a whole before it replaces the old one, by a rename, so that a
reader sees either. What a person or another program wrote in the meantime is not
overwritten: a change is made again to what stands there now, unless it was thought out
for another version; then the writer is told, and can look again.

An editor that writes in place is half done at times, and half a file may well be a
configuration. So a file that somebody has open for writing is waited for, where the
system tells that, and one that has just changed is left to stand still for a moment,
unless the writer before wrote it, who leaves its version in the lock file.

Everything here blocks.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import signal
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aigw_asgi.config_store import compile_bytes, read_bytes, version_of
from aigw_asgi.yaml_document import YamlDocument, read_document
from aigw_core.errors import InvalidConfig

if TYPE_CHECKING:
    from aigw_core.config.layers import Overrides

try:
    import fcntl
except ImportError:  # Windows has no such locks; the check before the rename remains
    fcntl = None  # type: ignore[assignment]  # tested before each use

LOCK_LIMIT = 10.0
"""Seconds to wait for another writer."""

STILL = 0.05
"""Seconds without a change before a file counts as whole."""

STILL_LIMIT = 5.0
"""Seconds to wait for that."""

ATTEMPTS = 10
"""How often a change is made anew since the file has changed meanwhile."""

_LOOK = 0.01

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)
# The last is said of a file that is a mount of its own.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class WriteRefused(Exception):
    """The file was not written; it says why."""


class ReadOnly(WriteRefused):
    """The file, its folder or its file system takes no changes."""


class DiskFull(WriteRefused):
    """There is no room for it, on the disk or in a quota."""


class VersionConflict(WriteRefused):
    """The file is not, or no longer, the one that the change was meant for."""

    def __init__(self, file: str, version: str) -> None:
        super().__init__(f"{file} has been changed by somebody else; it is {version} now")
        self.version = version


def change_file(
    file: str,
    change: Callable[[YamlDocument], str],
    env: Mapping[str, str],
    *,
    version: str | None = None,
    overrides: Overrides | None = None,
    instead: YamlDocument | None = None,
) -> str:
    """Replace the text of ``file`` by what ``change`` makes of it; gives the new version.

    ``version``, when given, is the one that the change was thought out for; without it
    ``change`` may be asked several times. ``overrides`` of a command line count when the new
    text is checked. A file that is no YAML is an error, unless there is a document to be
    changed ``instead``. The file keeps its mode, and never gets a wider
    one; a symbolic link keeps leading to it.

    Raises:
        VersionConflict: it has another version, or kept changing while this ran.
        InvalidConfig: the new text is no usable configuration (or the old one was not).
        ReadOnly: it is not to be written.
        DiskFull: there is no room; the old text stands.
        WriteRefused: it cannot be written, or the lock cannot be had.
        EditRefused: by ``change``.
    """
    real = Path(os.path.realpath(file))
    with _locked(real) as lock:
        for left in reversed(range(ATTEMPTS)):
            raw = _read_whole(file, lock)
            known = version_of(raw)
            if version is not None and version != known:
                raise VersionConflict(file, known)
            new = change(_document(raw, file, instead)).encode()
            compile_bytes(new, file, env, overrides)
            try:
                _replace(real, raw, new, file)
            except VersionConflict:
                if version is not None or not left:
                    raise
                continue
            except OSError as exc:
                raise _unwritable(f"{file} cannot be written", exc) from exc
            with contextlib.suppress(OSError):  # no room; the next one looks longer
                os.pwrite(lock, version_of(new).encode(), 0)
            return version_of(new)
    raise AssertionError("the last attempt returns or raises")


def _document(raw: bytes, file: str, instead: YamlDocument | None) -> YamlDocument:
    try:
        return read_document(raw, file)
    except InvalidConfig:
        if instead is None:
            raise
        return instead


def _unwritable(what: str, exc: OSError) -> WriteRefused:
    number = exc.errno
    kind = ReadOnly if number in _READ_ONLY else DiskFull if number in _FULL else WriteRefused
    return kind(f"{what}: {exc.strerror}")


def _read_whole(file: str, lock: int) -> bytes:
    """What the file holds once it stands still.

    Raises:
        InvalidConfig: it cannot be read.
        WriteRefused: it never stands still.
    """
    deadline = time.monotonic() + STILL_LIMIT
    while True:
        raw = read_bytes(file)
        # Asked after the read: whoever was half done then either still has it open, or has
        # changed it since, which is seen before the rename.
        busy = _open_for_writing(file)
        if not busy and os.pread(lock, 64, 0) == version_of(raw).encode():
            return raw
        try:
            age = time.time() - os.stat(file).st_mtime
        except OSError:
            age = 0.0  # gone for a moment, or for good, as the next read will say
        fresh = 0 <= age < STILL  # a time to come says nothing
        if not busy and not fresh:
            return raw
        if time.monotonic() > deadline:
            raise WriteRefused(f"{file} is being changed all the time")
        time.sleep(STILL - age if fresh else _LOOK)


def _open_for_writing(file: str) -> bool:
    """Whether a process has it open for writing, as far as that can be known: on Linux, of
    files of one's own, and not on every file system.

    Linux grants a read lease only when nobody has; it is given back at once (fcntl(2)).
    """
    if fcntl is None or not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        number = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Who opens the file meanwhile breaks the lease, which is told by a signal: one that
        # nobody hears, as the usual SIGIO would end the process.
        fcntl.fcntl(number, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(number)
    return False


def _replace(real: Path, raw: bytes, new: bytes, file: str) -> None:
    about = real.stat()
    draft = real.with_name(f".{real.name}.{secrets.token_hex(8)}")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(number, "wb") as stream:
            stream.write(new)
            stream.flush()
            os.fchmod(number, _kept_mode(number, about))
            os.fsync(number)
        if _open_for_writing(file) or read_bytes(file) != raw:
            raise VersionConflict(file, version_of(read_bytes(file)))
        os.rename(draft, real)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    folder = os.open(real.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _kept_mode(number: int, about: os.stat_result) -> int:
    """The mode for a file that replaces one with ``about``, owner and group with it."""
    mode = stat.S_IMODE(about.st_mode) & 0o777
    try:
        os.fchown(number, about.st_uid, about.st_gid)
    except PermissionError:
        # What its group could do, ours must not: it is another group.
        if os.fstat(number).st_gid != about.st_gid:
            mode &= 0o707
    return mode


@contextlib.contextmanager
def _locked(real: Path) -> Iterator[int]:
    """Hold the lock of a file, a hidden file beside it, and give its descriptor; it stays,
    as taking it away would let two writers hold one each."""
    lock = real.with_name(f".{real.name}.lock")
    try:
        number = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        raise _unwritable(f"{lock} cannot be had", exc) from exc
    try:
        deadline = time.monotonic() + LOCK_LIMIT
        while fcntl is not None:
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise WriteRefused(f"somebody else keeps {lock} locked") from None
                time.sleep(_LOOK)
        yield number
    finally:
        os.close(number)
