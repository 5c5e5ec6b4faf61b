"""The official OpenAI SDK, talking to a gateway in the same process."""

from __future__ import annotations

import asyncio

import httpx2
from openai import AsyncOpenAI

from aigw_asgi import Gateway
from aigw_asgi.sdk import GatewayTransport


async def main() -> str:
    text = ""
    async with Gateway() as gateway:
        http = httpx2.AsyncClient(transport=GatewayTransport(gateway))
        async with AsyncOpenAI(
            base_url="http://gateway/v1", api_key="none", http_client=http
        ) as sdk:
            stream = await sdk.chat.completions.create(
                model="echo",
                messages=[{"role": "user", "content": "Hello from the SDK"}],
                stream=True,
            )
            async for chunk in stream:
                piece = chunk.choices[0].delta.content if chunk.choices else None
                text += piece or ""
                print(piece or "", end="", flush=True)
    print()
    return text


if __name__ == "__main__":
    asyncio.run(main())
