"""Upstream connections: the protocol, three ways to fulfil it, and the choice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio

from aigw_asgi.transports.base import (
    KEEPALIVE_EXPIRY,
    Transport,
    UpstreamFailed,
    UpstreamStream,
)
from aigw_core.wire_request import FailureKind, WireRequest

if TYPE_CHECKING:
    from aigw_asgi.transports.httpcore import HttpcoreTransport

__all__ = ["Transport", "UpstreamFailed", "UpstreamStream", "choose"]


def choose(name: str = "auto", *, keepalive_expiry: float = KEEPALIVE_EXPIRY) -> Transport:
    """The transport for the running event loop.

    ``auto`` and ``direct``: on asyncio requests go directly, those with a proxy through
    httpcore2, which is first imported then; on trio httpcore2 does it all, as it does
    everywhere for ``httpcore``.
    """
    if name == "httpcore" or anyio.get_cancelled_exc_class() is not asyncio.CancelledError:
        from aigw_asgi.transports.httpcore import HttpcoreTransport

        return HttpcoreTransport(keepalive_expiry=keepalive_expiry)
    return _ByProxy(keepalive_expiry)


class _ByProxy:
    """Direct without a proxy, httpcore2 with one."""

    def __init__(self, keepalive_expiry: float) -> None:
        from aigw_asgi.transports.direct import DirectTransport

        self._keepalive_expiry = keepalive_expiry
        self._direct = DirectTransport(keepalive_expiry=keepalive_expiry)
        self._proxied: HttpcoreTransport | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<{self._direct!r} {self._proxied!r}>"

    async def open(self, request: WireRequest) -> UpstreamStream:
        if request.proxy_url is None:
            return await self._direct.open(request)
        if self._closed:
            raise UpstreamFailed(FailureKind.POOL, "the gateway is shutting down", sent=False)
        if self._proxied is None:
            from aigw_asgi.transports.httpcore import HttpcoreTransport

            self._proxied = HttpcoreTransport(keepalive_expiry=self._keepalive_expiry)
        return await self._proxied.open(request)

    async def aclose(self) -> None:
        self._closed = True
        await self._direct.aclose()
        if self._proxied is not None:
            await self._proxied.aclose()
