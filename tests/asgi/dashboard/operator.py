"""A gateway with its stores in this process, and somebody who is signed in to its dashboard."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import anyio
from msgspec import Struct

from aigw_asgi.asgi import App
from aigw_asgi.config_store import Loaded, load
from aigw_asgi.gateway import state_of
from aigw_asgi.node import this_node
from aigw_asgi.state import GatewayState

CONFIG = """\
host: 127.0.0.1
dashboard: {enabled: true}
api-keys: [{name: app, key: sk-app-key-of-the-tests}]
"""


class Reply(Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Operator:
    """Enter it; then ask. ``folder`` gets the configuration and the state."""

    def __init__(self, folder: Path, config: str | None = CONFIG) -> None:
        self.folder = folder
        self.file = folder / "config.yaml"
        if config is not None:
            self.file.write_text(config)
        self._named = None if config is None else str(self.file)
        self.app = App(self._open)
        self.token = ""

    async def _open(self) -> GatewayState:
        env = {**os.environ, "AIGW_STATE_DIR": str(self.folder / "state")}
        before = os.environ["AIGW_STATE_DIR"]
        os.environ["AIGW_STATE_DIR"] = env["AIGW_STATE_DIR"]
        try:
            (self.folder / "state").mkdir(mode=0o700, exist_ok=True)

            def read() -> Loaded:
                return load(self._named, env)

            return state_of(read(), read, node=this_node())
        finally:
            os.environ["AIGW_STATE_DIR"] = before

    async def __aenter__(self) -> Operator:
        self.state = await self.app.open()
        self._tasks = await anyio.create_task_group().__aenter__()
        await self._tasks.start(self.state.run)
        self.dashboard = self.app.dashboard()
        link = self.dashboard.sessions.new_link()
        reply = await self.ask("POST", "/api/dashboard/auth/link", {"token": link})
        assert reply.status == 200, reply.body
        self.token = reply.json["token"]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(kind, exc, trace)
        await self.app.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        signed_in: bool = True,
        peer: str = "127.0.0.1",
        leave_after: int | None = None,
    ) -> Reply:
        """A request; ``body`` is bytes, or becomes JSON. The client leaves when it has got
        ``leave_after`` pieces of the answer."""
        fields = {"host": "127.0.0.1:8317", **(headers or {})}
        raw = b""
        if isinstance(body, bytes):
            raw = body
        elif body is not None:
            raw = json.dumps(body).encode()
            fields.setdefault("content-type", "application/json")
        if signed_in and self.token:
            fields.setdefault("authorization", f"Bearer {self.token}")
        place, _, query = path.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": place,
            "raw_path": place.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), text.encode()) for name, text in fields.items()],
            "client": (peer, 5000),
            "server": ("127.0.0.1", 8317),
        }
        waiting = [{"type": "http.request", "body": raw, "more_body": False}]
        sent: list[dict[str, Any]] = []
        enough = anyio.Event()

        async def receive() -> dict[str, Any]:
            if not waiting:
                await enough.wait()
                return {"type": "http.disconnect"}
            return waiting.pop()

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)
            if len(sent) - 1 == leave_after:
                enough.set()

        await self.app(scope, receive, send)
        return Reply(
            sent[0]["status"],
            {name.decode(): text.decode() for name, text in sent[0]["headers"]},
            b"".join(each.get("body", b"") for each in sent[1:]),
        )
