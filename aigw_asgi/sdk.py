"""Transports for the official SDKs, so that they talk to a gateway in the same process.

The SDKs of OpenAI, Anthropic and Google run on ``httpx2`` (older ones on ``httpx``),
which both take a transport. The module is not imported by the gateway itself: it
needs the library that the SDK brings.

::

    client = AsyncOpenAI(
        base_url="http://gateway/v1",
        api_key="none",
        http_client=httpx2.AsyncClient(transport=GatewayTransport(gateway)),
    )
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from aigw_asgi.gateway import Gateway, Response


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._response:
            yield data

    async def aclose(self) -> None:
        await self._response.aclose()


class GatewayTransport(httpx2.AsyncBaseTransport):
    """Hands the requests of an ``httpx2.AsyncClient`` to a gateway in this process."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in ("host", "content-length", "transfer-encoding")
        }
        path = request.url.raw_path.decode("ascii")
        body = await request.aread()
        response = await self._gateway.request(request.method, path, headers, body)
        return httpx2.Response(
            response.status, headers=list(response.headers.items()), stream=_Body(response)
        )
