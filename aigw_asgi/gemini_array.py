"""Streams for Gemini clients that did not ask for ``alt=sse``: one JSON array.

The answer is made as an event stream, whatever the upstream is, and framed anew on
its way out, so that relayed and translated answers are treated alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aigw_asgi.driver import SendMessage, watch_of
from aigw_core.errors import InvalidRequest

if TYPE_CHECKING:  # at run time with the first request that needs it
    from aigw_core.codecs.gemini.array import ArrayFraming


def wants_array(parameters: Mapping[str, str]) -> bool:
    """Whether a request to stream asks for an array.

    Raises:
        InvalidRequest: it asks for something else again.
    """
    alt = parameters.get("alt", parameters.get("$alt", "json"))
    if alt not in ("json", "sse"):
        raise InvalidRequest("only json and sse are possible", pointer="alt")
    return alt == "json"


class ArraySender:
    """``send``, turning a stream into an array. An error that comes instead of a
    stream is put into one, too."""

    def __init__(self, send: SendMessage) -> None:
        self.watch = watch_of(send)
        self._send = send
        self._framing: ArrayFraming | None = None
        self._before = b"["  # of an error

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            await self._send(self._start(message))
            return
        data, more = message.get("body", b""), message.get("more_body", False)
        framing = self._framing
        if framing is None:
            framed = self._before + data + (b"" if more else b"]")
            self._before = b""
        else:
            framed = framing.feed(data) if data else b""
            if not more:
                framed += framing.eof()
        if framed or not more:
            await self._send({**message, "body": framed})

    def _start(self, message: dict[str, Any]) -> dict[str, Any]:
        from aigw_core.codecs.gemini.array import CONTENT_TYPE, ArrayFraming

        headers = dict(message["headers"])
        if message["status"] == 200:
            self._framing = ArrayFraming()
            headers[b"content-type"] = CONTENT_TYPE.encode()
        else:
            headers[b"content-length"] = b"%d" % (int(headers[b"content-length"]) + 2)
        return {**message, "headers": list(headers.items())}
