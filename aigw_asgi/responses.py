"""Clients that leave earlier turns to the server: answers are kept and found again.

A request that goes on from a stored answer becomes the whole conversation before it
is routed, so that any target can serve it. Answers are stored as their clients get
them, while they pass, and before the end of them is out: a quick client may come
back at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aigw_asgi.accounts import Account
from aigw_asgi.driver import (
    ReceiveMessage,
    SendMessage,
    WriteNow,
    loop_of,
    watch_of,
    write_now_of,
)
from aigw_asgi.inference import find_targets, new_call, run_exchange, serve_inference
from aigw_asgi.sharing import Sharing
from aigw_asgi.state import GatewayState
from aigw_core.access import Caller
from aigw_core.chat import Format, ServerState
from aigw_core.codec import Inbound
from aigw_core.codecs import CODECS, COMPACTING
from aigw_core.config.snapshot import CapturePolicy
from aigw_core.errors import ErrorKind, Failure, GatewayError, InvalidRequest
from aigw_core.response_store import StoredResponse
from aigw_core.routing.target import ECHO

if TYPE_CHECKING:  # at run time with the first request of this format
    from aigw_core.codecs.responses.memory import AnswerReader, Question

MAX_ANSWER = 8 << 20
"""Bytes of an answer beyond which it is not stored."""


def owner_of(caller: Caller) -> str:
    """Whose answers a client sees: those of its key."""
    return caller.key.id if caller.key is not None else "anonymous"


async def recall(state: GatewayState, inbound: Inbound, caller: Caller) -> tuple[Inbound, Question]:
    """The request with its whole conversation, and what it says about memory. The
    items of the question are all of the conversation, too.

    Raises:
        GatewayError: it goes on from an answer that this client has not stored, or that
            cannot be looked up now.
    """
    from aigw_core.codecs.responses.memory import Question, expand, read_question

    question = read_question(inbound)
    previous = question.previous_id
    if previous is None:
        return inbound, question
    earlier = await state.sharing.response(owner_of(caller), previous)
    if earlier is None:
        raise InvalidRequest(
            f"no answer with the id {previous!r} is stored here (any more);"
            " send the whole conversation",
            pointer="previous_response_id",
            code="previous_response_not_found",
        )
    items = earlier.items + question.items
    return expand(inbound, items), Question(previous, question.store, items)


async def serve_response(
    state: GatewayState,
    inbound: Inbound,
    caller: Caller,
    request_id: str,
    receive: ReceiveMessage,
    send: SendMessage,
    *,
    capture: CapturePolicy | None = None,
) -> None:
    """Answer a request, and store the answer if the client does not mind. ``capture`` is as
    in :func:`.serve_inference`."""
    inbound, question = await recall(state, inbound, caller)
    if question.store:
        send = _Recorder(send, state.sharing, owner_of(caller), question.items)
    memory = ServerState(previous_id=question.previous_id, store=question.store)
    codec = CODECS[Format.RESPONSES]
    await serve_inference(
        state, codec, inbound, caller, request_id, receive, send, memory=memory, capture=capture
    )


async def serve_compact(
    state: GatewayState,
    inbound: Inbound,
    caller: Caller,
    request_id: str,
    receive: ReceiveMessage,
    send: SendMessage,
) -> None:
    """Pass a conversation on to be shortened.

    Raises:
        InvalidRequest: no target of the model can do that.
    """
    inbound, _ = await recall(state, inbound, caller)
    call = new_call(state, COMPACTING[Format.RESPONSES], inbound, request_id, caller)
    router = state.router
    async with Account(state, call, caller) as account:
        route = find_targets(state, call, caller, router)
        able = [
            target
            for target in route.targets
            if target.credential.format in COMPACTING and target.credential.provider != ECHO
        ]
        if not able:
            raise InvalidRequest(
                f"the model {call.peek.model!r} is served by targets that cannot shorten a"
                " conversation; choose one behind an upstream of this format",
                pointer="model",
                code="compact_unsupported",
            )
        asked = route.only(able)
        await run_exchange(state, call, asked, COMPACTING, router, account, receive, send)


async def stored_response(state: GatewayState, id: str, caller: Caller) -> bytes:
    """An answer as its client got it.

    Raises:
        GatewayError: 404, or 503 where it cannot be looked up now.
    """
    stored = await state.sharing.response(owner_of(caller), id)
    if stored is None:
        raise _unknown(id)
    return stored.body


async def forget_response(state: GatewayState, id: str, caller: Caller) -> dict[str, Any]:
    """Raises ``GatewayError``: 404, or 503 where it cannot be said now."""
    if not await state.sharing.remove_response(owner_of(caller), id):
        raise _unknown(id)
    return {"id": id, "object": "response", "deleted": True}


def _unknown(id: str) -> GatewayError:
    message = f"no answer with the id {id!r} is stored here (any more)"
    return GatewayError(Failure(ErrorKind.NOT_FOUND, message, code="not_found", param="id"))


class _Recorder:
    """``send``, storing the answer that goes through it."""

    def __init__(
        self, send: SendMessage, sharing: Sharing, owner: str, items: tuple[bytes, ...]
    ) -> None:
        self._send = send
        self._sharing = sharing
        self._owner = owner
        self._items = items
        self._reader: AnswerReader | None = None
        self._left = -1  # bytes of a body whose length is known
        self._read_already = False  # what is sent next
        self._complete: StoredResponse | None = None
        self._write_now = write_now_of(send)
        self.watch = watch_of(send)
        self.loop = loop_of(send)

    @property
    def write_now(self) -> WriteNow | None:
        return self._write_and_read if self._write_now else None

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._start(message)
        elif self._reader is not None and not self._read_already:
            self._read(self._reader, message)
        self._read_already = False
        complete, self._complete = self._complete, None
        if complete is not None:
            # Before the end of the answer is out: a quick client comes back at once.
            await self._sharing.put_response(self._owner, complete)
        await self._send(message)

    def _write_and_read(self, body: bytes) -> bool:
        assert self._write_now is not None
        if self._reader is not None:
            self._read(self._reader, {"body": body, "more_body": True})
        if self._complete is None and self._write_now(body):
            return True
        self._read_already = True  # it comes again, by the long way
        return False

    def _start(self, message: dict[str, Any]) -> None:
        from aigw_core.codecs.responses.memory import AnswerReader

        headers = dict(message["headers"])
        if message["status"] == 200:
            stream = headers[b"content-type"].startswith(b"text/event-stream")
            self._reader = AnswerReader(stream=stream, limit=MAX_ANSWER)
            self._left = int(headers.get(b"content-length", -1))

    def _read(self, reader: AnswerReader, message: dict[str, Any]) -> None:
        data = message.get("body", b"")
        self._left -= len(data)
        reader.feed(data)
        if self._left == 0 or not message.get("more_body", False):
            reader.eof()
        if reader.answer is not None:
            answer = reader.answer
            self._reader = None
            self._complete = StoredResponse(answer.id, answer.body, self._items + answer.items)
