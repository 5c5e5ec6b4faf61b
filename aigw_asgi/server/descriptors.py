"""How many file descriptors the process may have open: one for each client, one for each
upstream, and some for files.

Most systems start a process with 1,024, for programs that still use ``select(2)``, and let
it raise that itself; nothing here uses it with a descriptor that could be larger.
"""

from __future__ import annotations

OWN = 200
"""Descriptors for what is no stream: the listener, the stores, logs, idle connections."""

PER_STREAM = 2

FEW = 1000
"""Streams at once that there should be room for where nothing says how many."""


def raise_limit() -> int | None:
    """Raise what is allowed as far as the system lets us; gives the number. ``None``: this
    system has no such limit, or does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    if hard == resource.RLIM_INFINITY or hard > soft:
        # macOS says "infinity" and takes no more than OPEN_MAX, 10,240.
        for wanted in (hard, 10_240):
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                break
            except (ValueError, OSError):
                continue
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def shortage(allowed: int | None, streams: int) -> str | None:
    """What to warn of where ``allowed`` descriptors do not do for ``streams`` at once; 0
    streams: as many as come."""
    wanted = streams or FEW
    needed = wanted * PER_STREAM + OWN
    if allowed is None or allowed >= needed:
        return None
    room = max(0, allowed - OWN) // PER_STREAM
    return (
        f"only {allowed} files may be open at once, room for some {room} streams;"
        f" {wanted} need {needed} (ulimit -n, or LimitNOFILE of systemd)"
    )
