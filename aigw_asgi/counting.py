"""Token counts for every target: its own count where there is one, else an estimate."""

from __future__ import annotations

import time
from typing import Any

from aigw_asgi.accounts import Account
from aigw_asgi.driver import ReceiveMessage, SendMessage
from aigw_asgi.http import send_json
from aigw_asgi.inference import find_targets, new_call, run_exchange
from aigw_asgi.state import GatewayState
from aigw_core.access import Caller
from aigw_core.attempt import Call
from aigw_core.chat import Format, Usage
from aigw_core.client_reply import header_text
from aigw_core.codec import Inbound
from aigw_core.codecs import COUNTING
from aigw_core.errors import ErrorKind, Failure
from aigw_core.record import ExchangeRecord
from aigw_core.routing.plan import RoutePlan
from aigw_core.routing.retry import classify
from aigw_core.routing.target import Target
from aigw_core.token_count import HEADER, counted, estimate


async def serve_count(
    state: GatewayState,
    format: Format,
    inbound: Inbound,
    caller: Caller,
    request_id: str,
    receive: ReceiveMessage,
    send: SendMessage,
) -> None:
    """Answer how many tokens the prompt of a request has, in ``format``.

    The targets are tried in their order, by the rules for all requests. The first one
    whose format has no counting endpoint, or that turns out to have none, is
    estimated: that cannot fail.

    Raises:
        GatewayError: before anything was sent: the request is malformed, or no
            target can be had for it.
    """
    call = new_call(state, COUNTING[format], inbound, request_id, caller)
    async with Account(state, call, caller) as account:
        await _count(state, call, caller, account, receive, send)


async def _count(
    state: GatewayState,
    call: Call,
    caller: Caller,
    account: Account,
    receive: ReceiveMessage,
    send: SendMessage,
) -> None:
    router = state.counting_router
    route = find_targets(state, call, caller, router)
    native: list[Target] = []
    guessed: Target | None = None
    for target in route.targets:
        if target.credential.format not in COUNTING:
            guessed = target
            break
        native.append(target)
    if native:
        held = _Held()
        record = await run_exchange(
            state, call, route.only(native), COUNTING, router, account, receive, held
        )
        if record.client_left:
            return
        stand_in = None
        if record.failure is not None:
            stand_in = _stand_in(state, record.failure, native, guessed)
        if stand_in is None:
            account.close()
            await held.release(send)
            return
        guessed = stand_in
    assert guessed is not None, "a route has targets"
    await _send_estimate(state, call, route, guessed, account, send)


def _stand_in(
    state: GatewayState, failure: Failure, native: list[Target], guessed: Target | None
) -> Target | None:
    """The target to make an estimate for, after the native counts failed."""
    if failure.kind is ErrorKind.UNSUPPORTED:
        return native[0]
    # Where a request would go on to another target, so does its count.
    return guessed if classify(failure, state.snapshot.retry).retry else None


async def _send_estimate(
    state: GatewayState,
    call: Call,
    plan: RoutePlan,
    target: Target,
    account: Account,
    send: SendMessage,
) -> None:
    began = time.monotonic()
    codec, context = call.codec, call.context
    tokens = estimate(call.request)
    answer = counted(state.calibrator.corrected(target.model, tokens))
    headers = [
        HEADER,
        ("x-request-id", context.request_id),
        *((name, context.request_id) for name in codec.request_id_headers),
        ("x-aigw-provider", target.credential.name),
        ("x-aigw-model", header_text(target.model)),
    ]
    body = codec.encode_response(answer, context)
    account.book(
        ExchangeRecord(
            request_id=context.request_id,
            format=codec.format,
            model=call.peek.model,
            stream=False,
            status=200,
            seconds=time.monotonic() - began,
            first_content=None,
            attempts=(),
            usage=Usage(),
            stop=None,
            failure=None,
            client_left=False,
            ledger=(),
            relayed=False,
            config=state.snapshot.label,
            plan=plan,
            bytes_out=len(body),
        ),
        None,
    )
    account.close()
    await send_json(send, 200, body, tuple(headers))


class _Held:
    """Keeps what an exchange says, which is little, until it is known to count."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []

    async def __call__(self, message: dict[str, Any]) -> None:
        self._messages.append(message)

    async def release(self, send: SendMessage) -> None:
        for message in self._messages:
            await send(message)
