"""The folder where a gateway keeps what must outlive it, and the keys in it.

They are for gateways whose configuration names none: that of seals
(:mod:`aigw_core.seals`), and that of the dashboard's sessions. Each is made once, and the
same for all processes that share the folder.
Everything here blocks, for a moment, at start.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import stat
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_LOG = logging.getLogger("aigw")

KEY_FILE = "seal.key"
SESSION_KEY_FILE = "session.key"
KEY_SIZE = 32
"""Bytes."""


def state_folder(env: Mapping[str, str], configured: str | None = None) -> Path:
    """Where state is kept: what ``AIGW_STATE_DIR`` names, else the configuration, else
    the user's own folder for such things. It need not exist."""
    named = env.get("AIGW_STATE_DIR") or configured
    if named:
        return Path(named)
    users = env.get("XDG_STATE_HOME", "")
    # A relative one is to be ignored, says the XDG base directory specification.
    base = Path(users) if users.startswith("/") else Path.home() / ".local" / "state"
    return base / "aigw"


def seal_key(folder: Path) -> bytes:
    """The key in ``folder``, made when there is none.

    Where the folder cannot be used, the key lives as long as the process, and a
    warning says so.
    """
    return _key(
        folder / KEY_FILE,
        "the key for seals of reasoning is lost at exit: %s: %s. Conversations that go on "
        "after a restart lose what models thought; AIGW_STATE_DIR names another folder",
    )


@cache
def session_key(folder: Path) -> bytes:
    """The key of the dashboard's sessions in ``folder``, made when there is none; as above
    where it cannot be used. Asked for before a fork, it is the same after it."""
    return _key(
        folder / SESSION_KEY_FILE,
        "the key of the dashboard's sessions is lost at exit: %s: %s. Whoever is signed in has "
        "to do so again after a restart; AIGW_STATE_DIR names another folder",
    )


def _key(file: Path, loss: str) -> bytes:
    """``loss`` is what a warning says, of the file and the reason."""
    try:
        return _read(file) or _make(file)
    except (OSError, ValueError) as exc:
        _LOG.warning(loss, file, exc.strerror if isinstance(exc, OSError) else str(exc))
        return secrets.token_bytes(KEY_SIZE)


def _read(file: Path) -> bytes | None:
    """The key in ``file``; ``None`` without a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no key, or others can read it.
    """
    try:
        # A link could lead to a file that somebody else chose.
        number = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(number, "rb") as stream:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("it is no file")
        if about.st_mode & 0o077:
            raise ValueError("others than its owner have access to it; its mode must be 0600")
        key = stream.read(KEY_SIZE + 1)
    if len(key) != KEY_SIZE:
        raise ValueError(f"it does not hold {KEY_SIZE} bytes")
    return key


def _make(file: Path) -> bytes:
    """Write a new key; where another process was first, that one's key.

    Raises:
        OSError: the folder cannot be written.
        ValueError: what the other process wrote is no key.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_bytes(KEY_SIZE)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(number, "wb") as stream:
            os.fchmod(number, 0o600)  # whatever the umask
            stream.write(key)
            stream.flush()
            os.fsync(number)
        # A link appears whole, and never in place of another.
        os.link(draft, file)
    except FileExistsError:
        known = _read(file)
        if known is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(file)) from None
        return known
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    return key
