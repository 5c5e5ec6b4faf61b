"""One inference request: from its bytes to an exchange, and its record afterwards."""

from __future__ import annotations

import time
from collections.abc import Mapping

from aigw_asgi.driver import Driver, ReceiveMessage, SendMessage
from aigw_asgi.state import GatewayState
from aigw_core.access import Caller
from aigw_core.attempt import Call
from aigw_core.codec import AnswerContext, Codec, Inbound
from aigw_core.codecs import CODECS
from aigw_core.exchange import Exchange
from aigw_core.ids import sane_id, uuid7
from aigw_core.routing.plan import plan
from aigw_core.seals import Sealer


def new_request_id(state: GatewayState, headers: Mapping[str, str]) -> str:
    """The client's own identifier when it is sane, else a new one."""
    return sane_id(headers.get("x-request-id")) or uuid7(time.time(), state.rng.randbytes(10))


async def serve_inference(
    state: GatewayState,
    codec: Codec,
    inbound: Inbound,
    caller: Caller,
    request_id: str,
    receive: ReceiveMessage,
    send: SendMessage,
) -> None:
    """Answer one request of ``codec``'s format.

    Raises:
        GatewayError: before anything was sent: the request is malformed, or no
            target can be had for it.
        ClientAborted: the client's connection must be broken.
    """
    snapshot = state.snapshot
    peek = codec.peek(inbound)
    headers = inbound.headers
    context = AnswerContext(
        model=peek.model,
        id=uuid7(time.time(), state.rng.randbytes(10)),
        created=int(time.time()),
        stream_usage=peek.stream_usage,
        request_id=request_id,
    )
    strict = snapshot.strict_mapping or headers.get("x-aigw-strict") in ("1", "true")
    tenant = "" if caller.key is None else caller.key.digest.hex()
    sealer = Sealer(state.seal_keys(snapshot), tenant)
    call = Call(codec, inbound, peek, context, strict, sealer)
    route = plan(
        peek.model,
        codec.format,
        caller,
        snapshot,
        state.health,
        turn=state.next_turn(),
        now=time.monotonic(),
    )
    exchange = Exchange(call, route, snapshot, CODECS, state.health, state.rng.random)
    driver = Driver(exchange, state.transport, receive, send, snapshot.write_timeout)
    state.running.add(driver)
    state.metrics.in_flight += 1
    try:
        await driver.run()
    finally:
        driver.abandon()
        state.running.discard(driver)
        state.metrics.in_flight -= 1
        state.metrics.observe(exchange.record)
