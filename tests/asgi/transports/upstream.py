"""A server on loopback that does, byte by byte, what a script says.

Each accepted connection runs the next script in a thread of its own, with blocking
calls, so that the same scripts serve clients on any event loop.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType

import anyio.to_thread

PATIENCE = 20.0
"""Seconds after which a script gives up; nothing that passes comes near."""


class Peer:
    """One connection, as the script sees it."""

    def __init__(self, sock: socket.socket, upstream: Upstream) -> None:
        self._sock = sock
        self.seen = b""
        """Read and not consumed."""
        self.upstream = upstream

    def request(self) -> tuple[bytes, bytes]:
        """The next request: its head with the blank line, and its body."""
        while b"\r\n\r\n" not in self.seen:
            self.more()
        head, _, rest = self.seen.partition(b"\r\n\r\n")
        self.seen = rest
        size = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line.partition(b":")[2])
        return head + b"\r\n\r\n", self.receive(size)

    def receive(self, size: int) -> bytes:
        while len(self.seen) < size:
            self.more()
        data, self.seen = self.seen[:size], self.seen[size:]
        return data

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def push(self, data: bytes, patience: float) -> int:
        """How much of ``data`` is taken before the client lets it stand for
        ``patience`` seconds."""
        self._sock.settimeout(patience)
        taken = 0
        try:
            while taken < len(data):
                taken += self._sock.send(data[taken : taken + 65536])
        except TimeoutError:
            pass
        self._sock.settimeout(PATIENCE)
        return taken

    def gone(self) -> None:
        """Wait until the client has closed the connection."""
        try:
            while self._sock.recv(65536):
                pass
        except ConnectionError:
            pass

    def close(self) -> None:
        self._sock.close()

    def farewell(self) -> None:
        """End the TLS stream, as a server should before it closes."""
        assert isinstance(self._sock, ssl.SSLSocket)
        with contextlib.suppress(OSError):  # the client need not answer
            self._sock.unwrap()

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from here on."""
        self._sock = context.wrap_socket(self._sock, server_side=True)

    def wait(self) -> None:
        """Stand still until the test calls ``upstream.go_on()``."""
        if not self.upstream.gate.acquire(timeout=PATIENCE):
            raise TimeoutError("the test did not go on")

    def more(self) -> None:
        """Read once, into ``seen``."""
        data = self._sock.recv(65536)
        if not data:
            raise EOFError("the client closed the connection")
        self.seen += data


Act = Callable[[Peer], None]


class Upstream:
    """Accepts connections while it is open; the last script serves all further ones."""

    def __init__(self, *scripts: Act, tls: ssl.SSLContext | None = None) -> None:
        self._scripts = scripts
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._errors: list[BaseException] = []
        self.port: int = self._listener.getsockname()[1]
        self.gate = threading.Semaphore(0)
        self.news = threading.Semaphore(0)
        self.accepted = 0
        self.failed_handshakes = 0

    async def __aenter__(self) -> Upstream:
        self._acceptor.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if kind is not None:
            # The scripts wait for what will not come.
            for sock in self._sockets:
                sock.close()
            return
        self._acceptor.join(PATIENCE)
        await self.finished()

    def url(self, path: str = "/v1/x", *, host: str = "127.0.0.1") -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{host}:{self.port}{path}"

    def go_on(self) -> None:
        self.gate.release()

    async def told(self) -> None:
        """Wait for the next ``peer.upstream.news.release()``."""
        if not await anyio.to_thread.run_sync(self.news.acquire, True, PATIENCE):
            raise TimeoutError("the script has no news")

    async def finished(self) -> None:
        """Wait until all scripts that were started have ended."""
        for thread in self._threads:
            await anyio.to_thread.run_sync(thread.join, PATIENCE)
            assert not thread.is_alive()
        if self._errors:
            raise self._errors[0]

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            script = self._scripts[min(self.accepted, len(self._scripts) - 1)]
            self.accepted += 1
            self._sockets.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock, script), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, sock: socket.socket, script: Act) -> None:
        peer = Peer(sock, self)
        try:
            if self._tls is not None:
                try:
                    peer.secure(self._tls)
                except OSError:
                    self.failed_handshakes += 1
                    return
            script(peer)
        except BaseException as exc:  # noqa: BLE001 - shown when the server is left
            self._errors.append(exc)
        finally:
            peer.close()
            sock.close()


def answer(body: bytes = b"ok", *, status: int = 200, fields: bytes = b"") -> bytes:
    """A whole answer, framed by its length."""
    return b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n%s\r\n%s" % (status, len(body), fields, body)


def says(data: bytes, *, then: str = "gone") -> Act:
    """A script: read a request, send ``data``, then wait for the client to go
    (``gone``), ``close``, or ``reset``."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(data)
        getattr(peer, then)()

    return script


def serves(*answers: bytes) -> Act:
    """A script: answer one request after the other, until the client goes."""

    def script(peer: Peer) -> None:
        for data in answers:
            try:
                peer.request()
            except EOFError:
                return
            peer.send(data)
        peer.gone()

    return script
