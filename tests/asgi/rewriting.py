"""A gateway with a configuration, in front of an upstream that says what it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from aigw_asgi import Gateway
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.codec import Headers
from aigw_core.wire_request import WireRequest

SSE = (("content-type", "text/event-stream"),)
JSON = (("content-type", "application/json"),)


class Upstream:
    """Answers all requests with the same reads; keeps what it was sent."""

    def __init__(self, reads: Sequence[bytes] = (), headers: Headers = JSON) -> None:
        self.answer: Callable[[WireRequest], Script] = lambda _: Script(
            headers=headers, reads=tuple(reads)
        )
        self.transport = ScriptTransport(lambda request: self.answer(request))

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.transport.requests]

    @property
    def sent(self) -> Any:
        """The last body."""
        return json.loads(self.bodies[-1])

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.transport.requests[-1].headers)


def configured(folder: Path, config: dict[str, Any], upstream: Upstream) -> Gateway:
    """A gateway that reads ``config`` from a file, as ``aigw run`` does."""
    file = folder / "config.yaml"
    # JSON is YAML.
    file.write_bytes(msgspec.json.encode({"host": "127.0.0.1", "api-keys": ["k-1"], **config}))
    return Gateway(str(file), transport=upstream.transport)


KEY = {"authorization": "Bearer k-1"}
