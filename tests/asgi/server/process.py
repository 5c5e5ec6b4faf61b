"""A served process, for tests to send signals to: ``python process.py LOOP HTTP TIMEOUT``.

It prints what happens to it, a line each. Its streams differ in what ends them:
``/polite`` the drain, ``/late`` the end of the drain's time, with a last word;
``/deaf`` nothing; ``/blocking`` holds the whole loop.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from aigw_asgi.server import Hooks, HttpChoice, LoopChoice, ServerSettings, run


def say(what: str) -> None:
    print(what, flush=True)  # noqa: T201


class Process:
    def __init__(self) -> None:
        self.draining = asyncio.Event()
        self.overdue = asyncio.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            say("starting")
            await asyncio.sleep(0.2)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            say("shutdown")
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        if scope["path"] == "/polite":
            await self.draining.wait()
        elif scope["path"] == "/late":
            await self.overdue.wait()
            await asyncio.sleep(0.1)
        elif scope["path"] == "/blocking":
            time.sleep(60)  # noqa: ASYNC251
        else:
            await asyncio.Event().wait()
        await send({"type": "http.response.body", "body": b"last word"})

    def drain(self) -> None:
        say("drain")
        self.draining.set()

    def end(self) -> None:
        say("overdue")
        self.overdue.set()


def main() -> int:
    loop, http, timeout = sys.argv[1:]
    process = Process()
    hooks = Hooks(
        ready=lambda addresses: say(f"ready {addresses[0][1]}"),
        drain=process.drain,
        overdue=process.end,
        reload=lambda: say("reload"),
    )
    settings = ServerSettings(
        port=0, loop=LoopChoice(loop), http=HttpChoice(http), shutdown_timeout=float(timeout)
    )
    return run(process, settings, hooks=hooks)


if __name__ == "__main__":
    sys.exit(main())
