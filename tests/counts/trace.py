"""Counts the calls of a running process to the kernel, by ``strace``."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_READS = ("read", "readv", "recvfrom", "recvmsg")
_WRITES = ("write", "writev", "sendto", "sendmsg")
_WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2")
_CALLS = (*_READS, *_WRITES, *_WAITS, "epoll_ctl")
_CALL = re.compile(r"^\d+ +(\w+)\((\d+<socket:|\d+<TCP:)?", re.MULTILINE)
"""``-y`` says what a descriptor is. Lines that resume a call do not begin with its name."""


@contextmanager
def traced(pid: int, folder: Path) -> Iterator[Counter[str]]:
    """``recv`` and ``send`` on sockets, ``epoll_ctl`` and ``wait``, of all threads, counted when
    the block is left. Skips the test where nothing may be traced."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("there is no strace")
    output = folder / "strace.txt"
    command = [strace, "-f", "-y", "-s", "0", "-o", str(output), "-e", f"trace={','.join(_CALLS)}"]
    counts: Counter[str] = Counter()
    with subprocess.Popen([*command, "-p", str(pid)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        if "attached" not in said:
            pytest.skip(f"strace may not look at it: {said.strip()}")
        try:
            yield counts
        finally:
            process.send_signal(signal.SIGINT)
            process.stderr.read()
    for name, on_socket in _CALL.findall(output.read_text()):
        if name in _WAITS:
            counts["wait"] += 1
        elif name == "epoll_ctl":
            counts["epoll_ctl"] += 1
        elif on_socket:
            counts["recv" if name in _READS else "send"] += 1
