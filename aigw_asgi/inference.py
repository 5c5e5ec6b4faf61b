"""One inference request: from its bytes to an exchange, and its record afterwards."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import lru_cache

from aigw_asgi.accounts import Account
from aigw_asgi.driver import Driver, ReceiveMessage, SendMessage
from aigw_asgi.state import GatewayState
from aigw_core.access import Caller
from aigw_core.attempt import Call
from aigw_core.capture import CapturedExchange, is_captured
from aigw_core.chat import Format, ServerState
from aigw_core.cloak.pseudonyms import Pseudonyms
from aigw_core.codec import AnswerContext, Codec, Inbound
from aigw_core.codecs import CODECS
from aigw_core.config.snapshot import CapturePolicy
from aigw_core.errors import GatewayError
from aigw_core.exchange import Exchange
from aigw_core.ids import sane_id, uuid7
from aigw_core.record import Breach, ExchangeRecord
from aigw_core.routing.affinity import sticky_value
from aigw_core.routing.alternatives import take_alternatives
from aigw_core.routing.plan import Asked, RoutePlan, Router
from aigw_core.routing.route import Route
from aigw_core.seals import Sealer, SealKeys
from aigw_core.token_count import estimate

_LOG = logging.getLogger("aigw")

MAX_LEARNED = 1 << 20
"""Bytes of a request beyond which nothing is learned from its token count."""

MAX_TENANTS = 1024
"""Client keys of which it is remembered what belongs to each."""


def new_request_id(state: GatewayState, headers: Mapping[str, str]) -> str:
    """The client's own identifier when it is sane, else a new one."""
    return sane_id(headers.get("x-request-id")) or uuid7(time.time(), state.rng.randbytes(10))


def new_call(
    state: GatewayState,
    codec: Codec,
    inbound: Inbound,
    request_id: str,
    caller: Caller,
    memory: ServerState | None = None,
) -> Call:
    """What a client asks for. ``memory`` is what the gateway remembers for it.

    Raises:
        InvalidRequest: the request is malformed.
    """
    read_at = time.monotonic()
    inbound, alternatives = take_alternatives(inbound)
    peek = codec.peek(inbound)
    context = AnswerContext(
        model=peek.model,
        id=uuid7(time.time(), state.rng.randbytes(10)),
        created=int(time.time()),
        stream_usage=peek.stream_usage,
        request_id=request_id,
        server_state=memory,
    )
    strict = inbound.headers.get("x-aigw-strict") in ("1", "true")
    strict = strict or state.snapshot.strict_mapping
    sealer, pseudonyms = _of_tenant(
        state.seal_keys, None if caller.key is None else caller.key.digest
    )
    return Call(
        codec,
        inbound,
        peek,
        context,
        strict,
        sealer,
        alternatives,
        read_at,
        pseudonyms,
    )


@lru_cache(maxsize=MAX_TENANTS)
def _of_tenant(keys: SealKeys, digest: bytes | None) -> tuple[Sealer, Pseudonyms]:
    """What is the same for all requests of one client key: with the digest of that, or for
    clients that have none."""
    tenant = "" if digest is None else digest.hex()
    return Sealer(keys, tenant), Pseudonyms(keys.current, tenant)


def find_targets(state: GatewayState, call: Call, caller: Caller, router: Router) -> RoutePlan:
    """Where ``call`` may go.

    Raises:
        GatewayError: nowhere.
    """
    asked = Asked(
        models=(call.peek.model, *call.alternatives),
        format=call.codec.format,
        caller=caller,
        sticky=sticky_value(router.snapshot.strategy, call.inbound, caller),
        roll=state.rng.random(),
    )
    return router.plan(asked, time.monotonic())


async def run_exchange(
    state: GatewayState,
    call: Call,
    plan: RoutePlan,
    codecs: Mapping[Format, Codec],
    router: Router,
    account: Account,
    receive: ReceiveMessage,
    send: SendMessage,
    *,
    caller: Caller | None = None,
    capture: CapturePolicy | None = None,
) -> ExchangeRecord:
    """Have ``call`` answered, and booked to ``account``. Without a ``caller`` it is never
    captured; with a policy of its own, ``capture``, always.

    Raises:
        ClientAborted: the client's connection must be broken.
    """
    snapshot = router.snapshot
    route = Route(plan, router, state.budget)
    exchange: Exchange
    policy = capture or snapshot.capture
    if caller is not None and policy is not None and is_captured(policy, caller, call.peek.model):
        exchange = CapturedExchange(
            call, route, snapshot, codecs, state.rng.random, caller, time.time(), policy.max_body
        )
    else:
        exchange = Exchange(call, route, snapshot, codecs, state.rng.random)
    booked: list[ExchangeRecord] = []

    # Not from the driver, which knows this: the whole request would be left to the collector.
    def answered(sent_at: float | None) -> None:
        record = account.book(exchange.record, sent_at)
        if record.breach is not None:
            _tell_breach(record, record.breach)
        booked.append(record)

    driver = Driver(exchange, state.transport, receive, send, snapshot.write_timeout, answered)
    state.running.add(driver)
    state.metrics.in_flight += 1
    try:
        await driver.run()
    finally:
        driver.abandon()
        state.running.discard(driver)
        state.metrics.in_flight -= 1
        if not booked:
            answered(driver.sent_at)  # nobody was there any more to be answered
        _learn(state, call, booked[0])
        if isinstance(exchange, CapturedExchange) and policy is not None:
            keep = state.captures.put if state.log is None else state.log.keep
            keep(exchange.capture, policy.retention)
    return booked[0]


def _learn(state: GatewayState, call: Call, record: ExchangeRecord) -> None:
    """Compare what the prompt was estimated at with what the answer says of it."""
    codec = call.codec
    actual = record.usage.input_total
    if record.usage_estimated or record.failure is not None or not record.attempts or not actual:
        return
    if codec.endpoint != "inference" or len(call.inbound.body) > MAX_LEARNED:
        return
    model = record.attempts[-1].model
    if state.calibrator.due(model):
        try:
            request = call.request
        except GatewayError:
            return  # relayed as it came: the upstream understood more than we do
        state.calibrator.observe(model, estimate(request), actual)


def _tell_breach(record: ExchangeRecord, breach: Breach) -> None:
    last = record.attempts[-1] if record.attempts else None
    _LOG.error(
        "request %s: the stream that a %s client got from %s (%s, model %r) is not legal"
        " at byte %d (event %d): %s; this is a bug in aigw",
        record.request_id,
        record.format,
        "no upstream" if breach.upstream is None else f"a {breach.upstream} upstream",
        "no provider" if last is None else last.credential,
        "" if last is None else last.model,
        breach.offset,
        breach.event,
        breach.reason,
        extra={"request_id": record.request_id},
    )


async def serve_inference(
    state: GatewayState,
    codec: Codec,
    inbound: Inbound,
    caller: Caller,
    request_id: str,
    receive: ReceiveMessage,
    send: SendMessage,
    *,
    memory: ServerState | None = None,
    capture: CapturePolicy | None = None,
) -> None:
    """Answer one request of ``codec``'s format. It is captured where the configuration says
    so, or by a policy of its own, ``capture``.

    Raises:
        GatewayError: before anything was sent: the request is malformed, or no
            target can be had for it.
        ClientAborted: the client's connection must be broken.
    """
    call = new_call(state, codec, inbound, request_id, caller, memory)
    router = state.router
    async with Account(state, call, caller) as account:
        plan = find_targets(state, call, caller, router)
        await run_exchange(
            state,
            call,
            plan,
            CODECS,
            router,
            account,
            receive,
            send,
            caller=caller,
            capture=capture,
        )
