"""An ``httpx2`` transport that answers from memory."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2


class Bytes(httpx2.SyncByteStream):
    def __init__(self, reads: list[bytes]) -> None:
        self._reads = reads

    def __iter__(self) -> Iterator[bytes]:
        yield from self._reads


class MemoryTransport(httpx2.BaseTransport):
    """Answers every request with what :meth:`answer_with` set last."""

    def __init__(self) -> None:
        self._status = 200
        self._content_type = ""
        self._reads: list[bytes] = []

    def answer_with(self, status: int, content_type: str, *reads: bytes) -> None:
        self._status = status
        self._content_type = content_type
        self._reads = list(reads)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(
            self._status,
            headers={"content-type": self._content_type},
            stream=Bytes(self._reads),
            request=request,
        )


EVENT_STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"
