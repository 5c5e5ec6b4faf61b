"""Requests as they end, made up."""

from __future__ import annotations

from decimal import Decimal

from aigw_core.attempt import AttemptRecord
from aigw_core.chat import Format, StopReason, Usage
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential
from aigw_core.errors import ErrorKind, Failure
from aigw_core.record import ExchangeRecord
from aigw_core.routing.plan import RoutePlan
from aigw_core.routing.target import Match, Target


def credential(name: str, format: Format, provider: str = "made-up") -> Credential:
    return Credential(
        id=name,
        provider=provider,
        name=name,
        format=format,
        base_url="http://127.0.0.1:1",
        api_key=Secret("upstream"),
        auth_style="bearer",
        position=0,
    )


def record(
    request_id: str = "request-1",
    *,
    model: str = "gpt-4o-mini",
    served: str = "gpt-4o-mini-2024-07-18",
    at: str = "up-1",
    provider: str = "made-up",
    format: Format = Format.CHAT,
    upstream: Format = Format.MESSAGES,
    stream: bool = True,
    status: int = 200,
    seconds: float = 1.5,
    first: float | None = 0.25,
    usage: Usage | None = None,
    failure: Failure | None = None,
    client_left: bool = False,
    key: str = "ci",
    cost: Decimal | None = Decimal("0.0001125"),
) -> ExchangeRecord:
    there = Target(credential(at, upstream, provider), served, Match.EXACT, model)
    tried = AttemptRecord(provider, at, served, status, failure, seconds - 0.001)
    return ExchangeRecord(
        request_id=request_id,
        format=format,
        model=model,
        stream=stream,
        status=status,
        seconds=seconds,
        first_content=first,
        attempts=(tried,),
        usage=Usage(input=100, cache_read=20, output=40, reasoning=10) if usage is None else usage,
        stop=StopReason.END if failure is None else None,
        failure=failure,
        client_left=client_left,
        ledger=(),
        relayed=False,
        config="0123456789ab/1",
        plan=RoutePlan((there,)),
        bytes_out=2048,
        pieces=40,
        flowing=1.2,
        key=key,
        overhead=0.0004,
        cost=cost,
    )


def failed(
    request_id: str, kind: ErrorKind = ErrorKind.RATE_LIMIT, status: int = 429
) -> ExchangeRecord:
    words = "the upstream repeats: WHAT THE PROMPT WAS"
    failure = Failure(kind, words, status, code="too_fast", retry_after=3.0)
    return record(request_id, status=status, failure=failure, first=None, cost=None)
