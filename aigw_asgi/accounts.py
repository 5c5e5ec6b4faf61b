"""Each request's account: what its key may use is held, what it used is booked."""

from __future__ import annotations

from types import TracebackType

from msgspec.structs import replace

from aigw_asgi.access_log import log_exchange
from aigw_asgi.state import GatewayState
from aigw_asgi.stores.shared_state import Grant
from aigw_core.access import Caller
from aigw_core.accounting import cost_of, prompt_tokens, tokens_at_most, tokens_used, with_all_usage
from aigw_core.attempt import Call
from aigw_core.chat import Usage
from aigw_core.errors import GatewayError
from aigw_core.limits import Lease, Refusal
from aigw_core.record import ExchangeRecord


class Account:
    """Of one request. Entering it asks for room, leaving it gives back what was not used,
    however the request ended."""

    def __init__(self, state: GatewayState, call: Call, caller: Caller) -> None:
        self._state = state
        self._call = call
        self._caller = caller
        self._counts = call.codec.endpoint == "count"
        self._lease: Lease | Grant | None = None
        self._booked: ExchangeRecord | None = None
        self._closed = False

    async def __aenter__(self) -> Account:
        """Raises ``GatewayError``: the key is at a limit."""
        key = self._caller.key
        if key is None or not key.limited:
            return self
        # Counting tokens uses none.
        needs = key.tokens_per_minute is not None and not self._counts
        tokens = tokens_at_most(self._call) if needs else 0
        found = await self._state.sharing.reserve(key, tokens)
        if isinstance(found, Refusal):
            self._state.metrics.limited(found.limit, key.name)
            raise self._named(GatewayError(found.failure(key.name)))
        self._lease = found
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._settle(0)  # nothing came of it, or it is settled
        self.close()
        if isinstance(exc, GatewayError):
            self._named(exc)

    def book(self, record: ExchangeRecord, sent_at: float | None) -> ExchangeRecord:
        """The record of the request with what it used and cost: counted, and settled with
        its key. Once for each request, but that a count may fail at its targets and be
        estimated then, which is one request with all the attempts.

        ``sent_at`` is when its first attempt was on its way.
        """
        before, call = self._booked, self._call
        if self._counts:
            attempts = record.attempts if before is None else before.attempts + record.attempts
            # What was counted was not used.
            record = replace(record, usage=Usage(), attempts=attempts)
        else:
            record = with_all_usage(record, self._prompt_tokens)
        read_at = call.read_at
        overhead = None if sent_at is None or read_at is None else max(0.0, sent_at - read_at)
        record = self._booked = replace(
            record,
            key=self._caller.name if self._caller.key is not None else "",
            endpoint=call.codec.endpoint,
            overhead=overhead,
            cost=None if self._counts else cost_of(record, self._state.prices),
        )
        if not self._counts:
            self.close()
        self._settle(tokens_used(record.usage))
        return record

    def close(self) -> None:
        """Nothing more will be booked: before the last of the answer is sent, since its
        client may ask at once what was counted."""
        if self._booked is not None and not self._closed:
            self._closed = True
            self._state.metrics.observe(self._booked)
            path = self._call.inbound.path
            log_exchange(self._booked, path=path)
            if self._state.log is not None:
                self._state.log.append(self._booked, path)

    def _named(self, exc: GatewayError) -> GatewayError:
        exc.model = self._call.peek.model
        exc.key = self._caller.name if self._caller.key is not None else ""
        return exc

    def _settle(self, used: int) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            self._state.sharing.settle(lease, used)

    def _prompt_tokens(self) -> int:
        return prompt_tokens(self._call)
