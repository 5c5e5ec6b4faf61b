"""From a name to a connection: look up, check, race the addresses.

The address that was checked is the one that is connected to; nothing looks the name
up again. Several addresses are tried a quarter of a second apart, as RFC 8305
recommends, so that a family of addresses that leads nowhere costs little.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import TypeVar

import anyio

from aigw_asgi.transports.base import UpstreamFailed
from aigw_core.egress import check_address
from aigw_core.wire_request import FailureKind

T = TypeVar("T")

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""From host and port to addresses, best first. Raises ``OSError`` when there are none."""

_HEAD_START = 0.25
"""Seconds before the next address is tried beside the last."""

_MAX_ADDRESSES = 8
"""Tried for one connection."""

_OUR_SIDE = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
)


async def system_resolver(host: str, port: int) -> list[str]:
    """The addresses that the system gives, in its order (RFC 6724)."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for _, _, _, _, sockaddr in found]


async def find_addresses(resolve: Resolver, host: str, port: int) -> list[str]:
    """The addresses of ``host`` that may be connected to, families taking turns.

    Raises:
        UpstreamFailed: the name has no address (``DNS``), or none that may be
            connected to (``REFUSED_ADDRESS``).
    """
    if _is_address(host):
        found = [host]
    else:
        try:
            found = list(dict.fromkeys(await resolve(host, port)))
        except (OSError, UnicodeError) as exc:
            raise UpstreamFailed(
                FailureKind.DNS, f"the name {host} cannot be resolved", sent=False
            ) from exc
    if not found:
        raise UpstreamFailed(FailureKind.DNS, f"the name {host} has no address", sent=False)
    allowed = [address for address in found if check_address(address)]
    if not allowed:
        raise UpstreamFailed(
            FailureKind.REFUSED_ADDRESS,
            f"{host} leads to a link-local, metadata or other special address",
            sent=False,
        )
    leading = ":" in allowed[0]
    first = [address for address in allowed if (":" in address) is leading]
    second = [address for address in allowed if (":" in address) is not leading]
    turns = chain.from_iterable(zip_longest(first, second))
    return [address for address in turns if address is not None][:_MAX_ADDRESSES]


async def race(
    addresses: list[str], connect: Callable[[str], Awaitable[T]], discard: Callable[[T], None]
) -> T:
    """The first connection that stands. ``connect`` raises ``OSError``; a connection
    that comes too late goes to ``discard``.

    Raises:
        OSError: none stands; the problem of the address that was tried first.
    """
    if len(addresses) == 1:
        return await connect(addresses[0])
    winners: list[T] = []
    problems: dict[int, OSError] = {}

    async def attempt(number: int, ended: anyio.Event) -> None:
        try:
            connection = await connect(addresses[number])
        except OSError as exc:
            problems[number] = exc
        else:
            winners.append(connection)
            group.cancel_scope.cancel()
        finally:
            ended.set()

    try:
        async with anyio.create_task_group() as group:
            for number in range(len(addresses)):
                ended = anyio.Event()
                group.start_soon(attempt, number, ended)
                with anyio.move_on_after(_HEAD_START):
                    await ended.wait()
    except BaseException:
        for connection in winners:
            discard(connection)
        raise
    for connection in winners[1:]:
        discard(connection)
    if winners:
        return winners[0]
    raise problems[min(problems)]


def connect_failed(exc: OSError, host: str) -> UpstreamFailed:
    """What a failed TCP connection to ``host`` means."""
    if isinstance(exc.__cause__, OSError):
        exc = exc.__cause__  # anyio says in its own words that all attempts failed
    if exc.errno in _OUR_SIDE:
        problem = f"the gateway cannot open a connection: {_words(exc)}"
        return UpstreamFailed(FailureKind.POOL, problem, sent=False)
    return UpstreamFailed(FailureKind.CONNECT, f"{host}: {_words(exc)}", sent=False)


def tls_failed(exc: Exception, host: str) -> UpstreamFailed:
    """What it means that there is no TLS with ``host``."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        problem = f"the certificate was refused: {exc.verify_message}"
    elif isinstance(exc, ssl.SSLError):
        problem = (exc.reason or "the handshake failed").replace("_", " ").lower()
    elif isinstance(exc, OSError) and not isinstance(exc, ConnectionError):
        problem = f"the trusted certificates cannot be read: {_words(exc)}"
    else:
        problem = "the connection ended inside the handshake"
    return UpstreamFailed(FailureKind.TLS, f"{host}: {problem}", sent=False)


def timed_out(host: str, seconds: float) -> UpstreamFailed:
    return UpstreamFailed(
        FailureKind.TIMEOUT, f"{host}: no connection within {seconds:g} s", sent=False
    )


def _words(exc: OSError) -> str:
    # The text of the exception itself may hold the address, or come from a library.
    return os.strerror(exc.errno).lower() if exc.errno else "the connection failed"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
