"""What gateways of this process are entrusted with, and what they say.

Entrusted is the value of every :class:`~aigw_core.config.secret.Secret` that is made and
the passwords that are signed in with; what clients present to be let in; and the texts of
prompts. Said is every record of the log from ``debug`` on (whatever the level is,
and before secrets are hidden in it: what programs that embed the gateway get), every
answer and frame to clients, and in processes that tests start all that is printed or
written to the end of a file.

The gateway does what it does: two of its methods, by which secrets are made and requests
come in, tell of it first, as do the log, the streams and the writes of the standard
library. Only that is imported here, since this is the first thing that a process does.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

TESTS = str(Path(__file__).parent.parent)

MOST = 1 << 20
"""Bytes looked at of one body."""

Note = Callable[[str, str, str], None]
"""Takes a kind (``secret``, ``presented``, ``prompt``; ``log``, ``answer``, ``print``), a
text, and what request it is about, if one."""

GATEWAY_LOGGERS = ("aigw", "asyncio", "anyio", "uvicorn", "httpcore2", "hpack", "coredis", "py.w")
"""Where the names of loggers begin that are the gateway's or of its libraries. Tests have
clients in the same process, whose loggers are their own."""

_CREDENTIALS = {
    *(b"authorization", b"x-api-key", b"x-goog-api-key", b"proxy-authorization", b"cookie"),
    *(b"x-csrf-token", b"sec-websocket-protocol"),
}
_IN_QUERIES = {"key", "token", "ticket"}
_IN_BODIES = {"password": "secret", "token": "presented"}
_PROMPTS = {"content", "text", "input", "system", "instructions", "arguments", "output"}
_USUAL = set(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime"}


def watch_process(folder: str) -> None:
    """Note everything in this process, and those that it forks, in a file in ``folder``."""
    place = os.path.join(folder, f"{os.getpid()}.jsonl")
    write = os.write

    def note(kind: str, text: str, about: str) -> None:
        line = json.dumps([kind, text, about]).encode() + b"\n"
        # Anew each time: some processes close what they do not know. Where there are no
        # descriptors left, or files must stay small, that is what is being tested.
        with contextlib.suppress(OSError):
            file = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                write(file, line)
            finally:
                os.close(file)

    note("process", " ".join(sys.orig_argv), "")
    watch(note)
    _watch_writes(note)
    for stream in (sys.stdout, sys.stderr):
        _watch_stream(stream, note)


def watch(note: Note) -> None:
    """Note everything in this process from here on."""
    _watch_log(note)
    acts: dict[str, Callable[[ModuleType], None]] = {
        "aigw_core.config.secret": lambda module: _watch_secrets(module, note),
        "aigw_asgi.asgi": lambda module: _watch_app(module, note),
    }
    for name, act in acts.items():
        if name in sys.modules:
            act(sys.modules[name])
    sys.meta_path.insert(0, _Later({n: act for n, act in acts.items() if n not in sys.modules}))


class _Later(PathFinder):
    """Has something done to modules when they are first imported."""

    def __init__(self, acts: dict[str, Callable[[ModuleType], None]]) -> None:
        self._acts = acts

    def find_spec(  # type: ignore[override]  # of the instance here, of the class there
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        act = self._acts.get(name)
        spec = PathFinder.find_spec(name, path, target) if act is not None else None
        if spec is None or act is None or spec.origin is None:
            return None
        spec.loader = _Loader(name, spec.origin, act)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, act: Callable[[ModuleType], None]) -> None:
        super().__init__(name, path)
        self._act = act

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        self._act(module)


# --- the log ---


def _watch_log(note: Note) -> None:
    """See each record, whatever the level of its logger is, and pass on what that lets pass."""
    pass_on = logging.Logger.callHandlers

    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        if self.name.startswith(GATEWAY_LOGGERS) and not record.pathname.startswith(TESTS):
            note("log", text_of(record), "")
        if record.levelno > self.manager.disable and record.levelno >= self.getEffectiveLevel():
            pass_on(self, record)

    def is_enabled_for(self: logging.Logger, level: int) -> bool:
        return not self.disabled

    logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]
    logging.Logger.isEnabledFor = is_enabled_for  # type: ignore[method-assign]


def text_of(record: logging.LogRecord) -> str:
    """All that a record says, in any form that a log may have."""
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - a wrong call, which logs must survive as well
        message = f"{record.msg!r} {record.args!r}"
    parts = [record.name, message, str(getattr(record.msg, "fields", ""))]
    parts += [f"{name}={value!r}" for name, value in vars(record).items() if name not in _USUAL]
    if record.exc_info:
        parts += traceback.format_exception(*record.exc_info)
    if record.exc_text:
        parts.append(record.exc_text)
    return "\n".join(parts)


def _watch_writes(note: Note) -> None:
    """Where the log goes, and what processes append to: not the configuration."""
    write = os.write

    def written(file: int, data: Any, /) -> int:
        if file in (1, 2) or fcntl.fcntl(file, fcntl.F_GETFL) & os.O_APPEND:
            note("print", bytes(data).decode("utf-8", "replace"), "")
        return write(file, data)

    os.write = written


def _watch_stream(stream: Any, note: Note) -> None:
    write = stream.write

    def written(text: str) -> Any:
        note("print", text, "")
        return write(text)

    stream.write = written


# --- what it is entrusted with ---


def _watch_secrets(module: ModuleType, note: Note) -> None:
    made = module.Secret.__init__

    def init(self: Any, value: str) -> None:
        made(self, value)
        note("secret", value, "")

    module.Secret.__init__ = init


def presented(scope: Any) -> Iterator[str]:
    """What a client shows to be let in."""
    for name, value in scope["headers"]:
        if name.lower() in _CREDENTIALS:
            text = value.decode("latin-1")
            for part in re.split(r"[;,]\s*", text):
                if name == b"cookie":
                    yield part.partition("=")[2]
                elif name != b"sec-websocket-protocol":
                    yield part.partition(" ")[2] or part
                elif part.startswith("aigw.jwt."):
                    yield part.removeprefix("aigw.jwt.")
    for name, value in parse_qsl(scope.get("query_string", b"").decode("latin-1")):
        if name in _IN_QUERIES:
            yield value


def _body(path: str, raw: bytes, note: Note) -> None:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return
    asked = path.startswith("/v1")
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(name, each) for each in value]
        elif isinstance(value, str):
            if asked and name in _PROMPTS:
                note("prompt", value, "")
            elif not asked and name in _IN_BODIES:
                note(_IN_BODIES[name], value, "")


# --- what it answers ---


def _watch_app(module: ModuleType, note: Note) -> None:
    serve: Callable[..., Awaitable[None]] = module.App.__call__

    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await serve(self, scope, receive, send)
            return
        for value in presented(scope):
            note("presented", value, "")
        about = f"{scope.get('method', 'WS')} {scope['path']}"
        said = _Said(send, lambda text: note("answer", text, about))
        extensions = scope.get("extensions") or {}
        if "aigw.frames" in extensions:
            framed, write = extensions["aigw.frames"]
            frames = framed, said.frames(write)
            scope = {**scope, "extensions": {**extensions, "aigw.frames": frames}}
        try:
            await serve(self, scope, _heard(scope["path"], receive, note), said)
        finally:
            said.finish()

    module.App.__call__ = call


def _heard(path: str, receive: Any, note: Note) -> Any:
    pieces: list[bytes] = []

    async def hear() -> Any:
        message = await receive()
        if message["type"] == "http.request" and sum(map(len, pieces)) < MOST:
            pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                _body(path, b"".join(pieces), note)
        return message

    return hear


class _Said:
    """A ``send`` that notes what it sends, with the short way that it may have."""

    def __init__(self, send: Any, note: Callable[[str], None]) -> None:
        self._send = send
        self._note = note
        self._pieces: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._send, name)
        if name == "begin_now" and found is not None:

            def begin_now(status: int, headers: Any, body: bytes, *, more: bool) -> bool:
                begun = bool(found(status, headers, body, more=more))
                if begun:
                    self._keep(repr(headers).encode() + b"\n" + body)
                return begun

            return begin_now
        if name != "write_now":
            return found

        def write_now(body: bytes) -> bool:
            self._keep(body)
            return bool(found(body))

        return write_now

    async def __call__(self, message: Any) -> None:
        if message["type"].startswith("websocket."):
            # The subprotocol that was asked for is said again, as RFC 6455 has it.
            said = {name: value for name, value in message.items() if name != "subprotocol"}
            self._note(str(message.get("text") or said))
        elif message["type"] == "http.response.start":
            self._keep(repr(message["headers"]).encode() + b"\n")
        else:
            self._keep(message.get("body", b""))
        await self._send(message)

    def frames(self, write: Any) -> Any:
        def written(frames: bytes) -> bool:
            # Their heads between the texts are no UTF-8.
            self._note(frames.decode("utf-8", "replace"))
            return bool(write(frames))

        return written

    def _keep(self, data: bytes) -> None:
        if self._size < MOST:
            self._pieces.append(data)
            self._size += len(data)

    def finish(self) -> None:
        if self._pieces:
            self._note(b"".join(self._pieces).decode("utf-8", "replace"))
