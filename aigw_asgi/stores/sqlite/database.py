"""Opens a file of SQLite in a way that several processes can live with.

A file is private (mode 0600), in WAL mode, and of a known schema: the number of steps
that it has been through is its ``user_version``. Steps only lead forward; a file that
has been through more of them than we know is left as it is.

Everything here blocks, for as long as ``busy`` says at worst: call it from a thread.
What goes wrong comes as ``sqlite3.Error``, as ``OSError``, or as :class:`Unusable`.

Facts about SQLite are from its own documents: "Write-Ahead Logging", "How To Corrupt An
SQLite Database File", "Pragma statements".
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

MODE = 0o600
FOLDER_MODE = 0o700

BUSY = 5.0
"""Seconds to wait for another process that writes."""

MAX_WAL = 64 << 20
"""Bytes that the write-ahead log is cut back to when it has been written to the file."""

_COMPANIONS = ("-wal", "-shm")
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TAKEN = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Unusable(Exception):
    """The file is sound, and not for us: of a newer version, or of another program."""


class Database:
    """One connection that may write. Only one thread at a time may use it.

    ::

        database = Database(folder / "x.db", application=0x61, steps=("CREATE TABLE ...",))
        with database.transaction():
            database.connection.execute("INSERT ...")
    """

    def __init__(
        self,
        file: Path,
        *,
        application: int,
        steps: Sequence[str],
        busy: float = BUSY,
        patient: bool = True,
    ) -> None:
        """Open ``file``, which is made when it is not there, and bring it up to date.

        ``application`` marks files of this purpose. Each of ``steps`` is a script of SQL
        that leads from its own number to the next. ``busy`` is in seconds; who is not
        ``patient`` does not wait longer for a process that is just opening it, either.

        Raises:
            Unusable: see there.
            OSError, sqlite3.Error: it cannot be had.
        """
        self.file = file
        file.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        with _alone(file.parent, None if patient else busy):
            self._identity = _make(file)
            self.connection = _connect(file, busy)
        try:
            _use_wal(self.connection, busy)
            self._migrate(application, steps)
        except BaseException:
            self.connection.close()
            raise

    def __repr__(self) -> str:
        return f"<Database {self.file}>"

    def in_place(self) -> bool:
        """Whether this file is still the one of that name: what is written to one that was
        removed is lost without a word."""
        return identity(self.file) == self._identity

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and nobody else writes meanwhile."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # some failures have rolled back already
                self.connection.execute("ROLLBACK")
            raise

    def set_aside(self, wall: float) -> Path | None:
        """Close it, and give a file that cannot be read another name, so that a new one can
        be begun. ``None``: another process was first. ``wall`` is in Unix seconds."""
        self.connection.close()
        return set_aside(self.file, self._identity, wall)

    def close(self) -> None:
        self.connection.close()

    def _migrate(self, application: int, steps: Sequence[str]) -> None:
        if self._version(application, len(steps)) == len(steps):
            return
        with self.transaction() as connection:
            # Again: another process may have been at it.
            for number in range(self._version(application, len(steps)), len(steps)):
                for statement in _statements(steps[number]):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {application}")
            connection.execute(f"PRAGMA user_version = {len(steps)}")

    def _version(self, application: int, known: int) -> int:
        """Raises ``Unusable``."""
        version = int(self.connection.execute("PRAGMA user_version").fetchone()[0])
        owner = int(self.connection.execute("PRAGMA application_id").fetchone()[0])
        if owner != application and (owner or version or _has_tables(self.connection)):
            raise Unusable(f"{self.file} is the database of another program; it is left alone")
        if version > known:
            raise Unusable(
                f"{self.file} was written by a newer aigw (version {version} of its tables, this"
                f" one knows {known}); it is left alone"
            )
        return version


def open_reader(file: Path, *, busy: float = BUSY) -> sqlite3.Connection:
    """A connection that only reads, for one thread at a time.

    Raises:
        OSError, sqlite3.Error: there is no such file, or it cannot be read.
    """
    os.stat(file)  # which connecting would make
    connection = _connect(file, busy)
    connection.execute("PRAGMA query_only = ON")
    return connection


def set_aside(
    file: Path, which: tuple[int, int] | None, wall: float, limit: float | None = None
) -> Path | None:
    """See ``Database.set_aside``; ``which`` is meant, as by ``identity``. ``limit`` is how
    many seconds to wait for others, if there is one.

    Raises:
        OSError: it cannot be renamed.
    """
    with _alone(file.parent, limit):
        found = identity(file)
        if found is None or found != which:
            return None
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(wall))
        name = f"{file.name}.corrupt-{stamp}"
        to, again = file.with_name(name), 0
        while to.exists():
            again += 1
            to = file.with_name(f"{name}.{again}")
        # Its log first: a new file must not find one that is not its own.
        for end in _COMPANIONS:
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{file}{end}", f"{to}{end}")
        os.rename(file, to)
        return to


def identity(file: Path) -> tuple[int, int] | None:
    """Which file has this name now; ``None``: none."""
    try:
        about = os.lstat(file)
    except OSError:
        return None
    return about.st_dev, about.st_ino


def is_damaged(exc: sqlite3.Error) -> bool:
    """The file is no database, or not a whole one."""
    return _primary(exc) in _DAMAGED


def is_taken(exc: sqlite3.Error) -> bool:
    """Another process writes, and has for too long."""
    return _primary(exc) in _TAKEN


def _primary(exc: sqlite3.Error) -> int | None:
    code: int | None = getattr(exc, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _make(file: Path) -> tuple[int, int]:
    """Have the file be there, empty perhaps; gives which one it is.

    One that is there is not opened: closing it would take away the locks that other
    connections of this process have on it (POSIX locks belong to process and file).
    """
    try:
        # Whatever the umask; and its log and index get the mode of the file.
        number = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    except FileExistsError:
        about = os.lstat(file)
        # A link could lead to a file that somebody else chose.
        if not stat.S_ISREG(about.st_mode):
            raise Unusable(f"{file} is no file") from None
        return about.st_dev, about.st_ino
    try:
        os.fchmod(number, MODE)
        about = os.fstat(number)
    finally:
        os.close(number)
    # What an older file of that name left would be taken for this one's.
    for end in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{file}{end}")
    return about.st_dev, about.st_ino


def _connect(file: Path, busy: float) -> sqlite3.Connection:
    # Transactions are begun by hand; and a pool may move a connection between threads.
    connection = sqlite3.connect(file, timeout=busy, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "trusted_schema = OFF",
            # Whole after a loss of power, but for the last commits; no fsync for each.
            "synchronous = NORMAL",
            f"journal_size_limit = {MAX_WAL}",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection, busy: float) -> None:
    """The change of the mode needs the file for itself, and does not wait for that."""
    deadline = time.monotonic() + busy
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as exc:
            if not is_taken(exc) or time.monotonic() >= deadline:
                raise
        else:
            if mode != "wal":
                raise Unusable("its file system cannot share memory: no write-ahead log there")
            return
        time.sleep(0.01)


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None


def _statements(script: str) -> Iterator[str]:
    """Those of a script, each by itself: ``executescript`` would end the transaction."""
    statement = ""
    for piece in script.split(";"):
        statement += f"{piece};"
        if sqlite3.complete_statement(statement):
            if statement.strip("; \n"):
                yield statement
            statement = ""


@contextlib.contextmanager
def _alone(folder: Path, limit: float | None) -> Iterator[None]:
    """One process at a time opens, makes or moves the files of ``folder``. Raises
    ``BlockingIOError`` where others do so for longer than ``limit``."""
    number = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if limit is None:
            fcntl.flock(number, fcntl.LOCK_EX)
        else:
            deadline = time.monotonic() + limit
            while not _locked(number):
                if time.monotonic() >= deadline:
                    raise BlockingIOError(errno.EAGAIN, "others are opening files beside it")
                time.sleep(0.01)
        yield
    finally:
        os.close(number)


def _locked(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
