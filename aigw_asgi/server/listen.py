"""Listening addresses: bound early, so that a taken port is known before anything starts."""

from __future__ import annotations

import errno
import socket
import sys

Address = tuple[str, int]


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address of ``host``, bound and not yet listening.

    ``port`` 0 takes a free port, the same for all. The caller closes them.

    Raises:
        OSError: the name is unknown, or an address is taken or not ours.
    """
    infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, kind, protocol, _, address in dict.fromkeys(infos):
            if bound and port == 0:
                address = (address[0], bound[0].getsockname()[1], *address[2:])
            try:
                bound.append(_bind_one(family, kind, protocol, address))
            except OSError as exc:
                # "localhost" names ::1 also where the kernel has no IPv6.
                if exc.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = exc
        if missing is not None and not bound:
            raise missing
    except OSError:
        for sock in bound:
            sock.close()
        raise
    return bound


def _bind_one(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":  # there it would share the port with a stranger
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def addresses(sockets: list[socket.socket]) -> list[Address]:
    """Host and port of each."""
    return [sock.getsockname()[:2] for sock in sockets]
