"""The audit trail: who changed what, and who came in. It is only ever added to.

In the state folder it is a file of JSON lines, ``audit.jsonl``, common to all workers: each
line is one write at the end of the file, under a lock, numbered one above the line before.
A file that has grown becomes ``audit.jsonl.1``, in place of the one that was called so. A
gateway without a state folder keeps the newest records in memory.

Records hold what was before and after as operators are shown it: no secret is in them.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from msgspec import Struct, structs

try:
    import fcntl
except ImportError:  # Windows has no such locks, and no second worker either
    fcntl = None  # type: ignore[assignment]  # tested before each use

_LOG = logging.getLogger("aigw")

FILE = "audit.jsonl"
OLD_FILE = "audit.jsonl.1"

MAX_FILE = 4 << 20
"""Bytes after which a new file is begun."""

MAX_RECORD = 64 << 10
"""Bytes; what was before and after is left out of a larger one."""

MAX_HELD = 1000
"""Records in memory."""

_TAIL = 2 * MAX_RECORD


class Record(Struct, frozen=True, kw_only=True):
    """Something that an operator did, or tried."""

    seq: int = 0
    """Counted up from 1."""
    timestamp: int = 0
    """Unix milliseconds."""
    who: str
    """The operator's name; empty: nobody was signed in."""
    address: str
    """The client's."""
    action: str
    """As ``provider.update``, ``config.apply``, ``session.begin``, ``session.refused``."""
    target: str = ""
    """What it was done to, by name."""
    before: Any = None
    after: Any = None
    """As operators are shown it: without secrets."""
    effects: tuple[str, ...] = ()
    """In words."""
    version_before: str | None = None
    version_after: str | None = None
    """Of the configuration."""
    request_id: str = ""


_decode = msgspec.json.Decoder(Record).decode


class Audit:
    """The trail. ``folder`` is that of the state; ``None``: it is kept in memory."""

    def __init__(self, folder: Path | None, *, max_file: int = MAX_FILE) -> None:
        self._folder = folder
        self._max_file = max_file
        self._held: deque[Record] = deque(maxlen=MAX_HELD)
        self._lost = 0

    def __repr__(self) -> str:
        return f"<Audit in {'memory' if self._folder is None else 'a file'}>"

    async def tell(
        self,
        action: str,
        *,
        who: str = "",
        address: str = "",
        target: str = "",
        before: Any = None,
        after: Any = None,
        effects: Sequence[str] = (),
        version_before: str | None = None,
        version_after: str | None = None,
        request_id: str = "",
    ) -> None:
        """Add a record. Never raises: what cannot be written is logged as an error."""
        record = Record(
            timestamp=round(time.time() * 1000),
            who=who,
            address=address,
            action=action,
            target=target,
            before=before,
            after=after,
            effects=tuple(effects),
            version_before=version_before,
            version_after=version_after,
            request_id=request_id,
        )
        if self._folder is None:
            seq = self._held[-1].seq + 1 if self._held else 1
            self._held.append(structs.replace(record, seq=seq))
            return
        try:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._append, record)
        except OSError as exc:
            _LOG.error(
                "the audit trail cannot be written: %s; %s of %r by %r is not in it",
                exc.strerror,
                action,
                target,
                who,
            )

    async def page(self, *, before: int | None = None, limit: int = 100) -> tuple[Record, ...]:
        """Records, the newest first: those below the number ``before``.

        Raises:
            OSError: they cannot be read.
        """
        if self._folder is None:
            newest = reversed(self._held)
            return _some(newest, before, limit)
        return await anyio.to_thread.run_sync(self._read, before, limit)

    def _append(self, record: Record) -> None:
        """Blocks."""
        assert self._folder is not None
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._folder / f".{FILE}.lock", _LOCK_FLAGS, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            self._append_locked(record)
        finally:
            os.close(lock)

    def _append_locked(self, record: Record) -> None:
        assert self._folder is not None
        file = self._folder / FILE
        tail = _tail_of(file)
        last = _last_seq(tail)
        if last is None:
            last = _last_seq(_tail_of(self._folder / OLD_FILE)) or 0
        data = _encoded(structs.replace(record, seq=last + 1))
        if tail and not tail.endswith(b"\n"):
            data = b"\n" + data  # behind half a line: its writer was killed, or the disk full
        if tail and file.stat().st_size + len(data) > self._max_file:
            os.replace(file, self._folder / OLD_FILE)
        number = os.open(file, _APPEND_FLAGS, 0o600)
        try:
            os.write(number, data)
        finally:
            os.close(number)

    def _read(self, before: int | None, limit: int) -> tuple[Record, ...]:
        """Blocks."""
        assert self._folder is not None
        return _some(self._newest(self._folder), before, limit)

    @staticmethod
    def _newest(folder: Path) -> Iterator[Record]:
        seen: int | None = None
        for name in (FILE, OLD_FILE):
            try:
                raw = (folder / name).read_bytes()
            except FileNotFoundError:
                continue
            for line in reversed(raw.splitlines()):
                record = _record(line)
                # A file that was renamed between the two reads is read twice.
                if record is not None and (seen is None or record.seq < seen):
                    seen = record.seq
                    yield record


# Windows has neither.
_CAREFULLY = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | _CAREFULLY
_APPEND_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _CAREFULLY


def _encoded(record: Record) -> bytes:
    line = msgspec.json.encode(record) + b"\n"
    if len(line) <= MAX_RECORD:
        return line
    effects = (*record.effects[:20], "what was before and after is too large to be kept")
    short = structs.replace(record, before=None, after=None, effects=effects)
    return msgspec.json.encode(short) + b"\n"


def _tail_of(file: Path) -> bytes:
    """The last lines."""
    try:
        with open(file, "rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL))
            return stream.read()
    except FileNotFoundError:
        return b""


def _last_seq(tail: bytes) -> int | None:
    for line in reversed(tail.splitlines()):
        record = _record(line)
        if record is not None:
            return record.seq
    return None


def _record(line: bytes) -> Record | None:
    """``None`` for half a line."""
    try:
        return _decode(line)
    except msgspec.MsgspecError:
        return None


def _some(newest: Iterator[Record], before: int | None, limit: int) -> tuple[Record, ...]:
    found: list[Record] = []
    for record in newest:
        if before is not None and record.seq >= before:
            continue
        if len(found) == limit:
            break
        found.append(record)
    return tuple(found)
