"""What policy costs on top of translation: a whole exchange, driven by hand."""

from __future__ import annotations

from aigw_core.access import Caller
from aigw_core.attempt import Call
from aigw_core.chat import Format
from aigw_core.codec import AnswerContext
from aigw_core.codecs import CODECS
from aigw_core.commands import ResponseData, ResponseHead
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, Snapshot
from aigw_core.exchange import Exchange
from aigw_core.health import Health
from aigw_core.routing.balance import Balance
from aigw_core.routing.budget import RetryBudget
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.plan import Asked, Router
from aigw_core.routing.route import Route
from bench.bench_codecs import machine
from bench.table import best, head, table
from bench.wire import WIRES, inbound

EVENTS = 400


def ready(upstream: Format, client: Format, snapshot: Snapshot, health: Health) -> Exchange:
    """An exchange up to its upstream's head."""
    codec = CODECS[client]
    asked = inbound(str(client), "bench", stream=True)
    peek = codec.peek(asked)
    context = AnswerContext(model=peek.model, id="0" * 32, created=1, request_id="bench")
    router = Router(Catalogue(snapshot), health, Balance())
    plan = router.plan(Asked(("bench",), client, Caller()), 0.0)
    route = Route(plan, router, RetryBudget())
    call = Call(codec, asked, peek, context)
    exchange = Exchange(call, route, snapshot, CODECS, lambda: 0.5)
    exchange.start(0.0)
    exchange.receive(ResponseHead(1, 200, {"content-type": "text/event-stream"}), 0.0)
    return exchange


def snapshot_for(upstream: Format) -> Snapshot:
    credential = Credential(
        id="bench",
        provider="bench",
        name="bench",
        format=upstream,
        base_url="http://127.0.0.1:1",
        api_key=Secret("bench"),
        auth_style="bearer",
        position=0,
    )
    return Snapshot("bench", credentials=(credential,))


def main() -> None:
    head("bench_exchange: request set-up, and policy per delta")
    rows: list[list[object]] = []
    for upstream in CODECS:
        for client in CODECS:
            snapshot, health = snapshot_for(upstream), Health()
            wire = WIRES[upstream]
            opening = wire.open().encode()
            texts = [wire.delta(f" w{number}").encode() for number in range(EVENTS)]

            def setup(
                u: Format = upstream, c: Format = client, s: Snapshot = snapshot, h: Health = health
            ) -> Exchange:
                return ready(u, c, s, h)

            def drive(
                exchange: Exchange, reads: list[bytes] = texts, first: bytes = opening
            ) -> None:
                exchange.receive(ResponseData(1, first), 0.0)
                for read in reads:
                    exchange.receive(ResponseData(1, read), 0.0)

            def translate(
                u: Format = upstream,
                c: Format = client,
                reads: list[bytes] = texts,
                first: bytes = opening,
            ) -> None:
                subject = machine(u, c, relay=u is c)
                subject.feed(first)
                for read in reads:
                    subject.feed(read)

            set_up = best(setup, number=50)
            driven = best(lambda s=setup, d=drive: d(s()), number=3, repeat=15)  # type: ignore[misc]  # bound now
            alone = best(translate, number=3, repeat=15)
            rows.append(
                [
                    f"{upstream} -> {client}",
                    set_up * 1e6,
                    (driven - set_up) / EVENTS * 1e6,
                    (driven - set_up - alone) / EVENTS * 1e6,
                ]
            )
    table(["pair", "us_set_up", "us_per_delta", "of_which_policy"], rows)


if __name__ == "__main__":
    main()
