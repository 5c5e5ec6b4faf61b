"""What the C library does with memory that is free for the moment.

glibc gives what is free at the top of its heap back to the system, from 128 KiB on, and
asks for it again a moment later, page by page. A request of 200 KB has its bytes in half
a dozen places for an instant each: that made 300 page faults of it, half of its cost.
"""

from __future__ import annotations

import sys

KEPT = 4 << 20
"""Bytes at the top of the heap that stay with the process from now on."""


def keep_heap() -> None:
    """Have glibc keep :data:`KEPT` bytes. Elsewhere this does nothing.

    A block that had its own mapping raises, as it is freed, the size from which blocks
    have one to its own, and what is kept to twice that (mallopt(3), M_MMAP_THRESHOLD:
    "dynamic"). The block is never touched, so it takes no memory.
    """
    bytes(KEPT // 2)


def give_back() -> None:
    """Have glibc give all that is free back to the system, also what :func:`keep_heap` keeps
    (malloc_trim(3)). Elsewhere this does nothing. It takes milliseconds: for when memory is
    short."""
    import ctypes  # only then

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
