"""What is looked at after each fault: the client's answer, the router's memory, what is
left open, the record."""

from __future__ import annotations

from aigw_asgi.testing.faults import TEXT
from aigw_core.chat import Format
from aigw_core.errors import ErrorKind
from aigw_core.grammar import check_stream
from tests.asgi.clients import error_of, said
from tests.faults.rows import Of, Verdict, status_for
from tests.faults.world import Reply, World, now, rest_ends
from tests.laws import GRAMMARS
from tests.oracles import ORACLES

UPSTREAMS = ("chat", "messages")
"""The formats of the upstreams that each fault is tried with."""


def check_success(reply: Reply, format: Format, *, stream: bool) -> None:
    assert (reply.status, reply.complete) == (200, True)
    if stream:
        assert ORACLES[format].read_stream(reply.body).text == TEXT
        assert ends_well(reply.body, format) == 1
    else:
        assert said(format, reply.json) == TEXT


def check_refusal(reply: Reply, format: Format, verdict: Verdict) -> None:
    """The error of the format, as a document: also for who asked for a stream."""
    assert verdict.kind is not None
    assert (reply.status, reply.complete) == (status_for(verdict.kind, format), True)
    assert reply.headers["content-type"] == "application/json"
    assert error_of(format, reply.json)["message"]
    assert ORACLES[format].read_body(reply.status, reply.body).error is not None


def check_error_event(reply: Reply, format: Format) -> None:
    """Some of the answer, and then the error event instead of its end."""
    assert (reply.status, reply.complete) == (200, True)
    seen = ORACLES[format].read_stream(reply.body)
    assert seen.error is not None
    assert TEXT.startswith(seen.text)
    assert ends_well(reply.body, format) == 0
    assert reply.body.count(b'"error":{') == 1


def ends_well(body: bytes, format: Format) -> int:
    """How often a stream says that it is complete."""
    if format is Format.CHAT:
        return body.count(b"data: [DONE]")
    if format is Format.MESSAGES:
        return body.count(b"event: message_stop")
    if format is Format.RESPONSES:
        return body.count(b"event: response.completed")
    return body.count(b'"finishReason":"')


async def check_rest(world: World, name: str, model: str, verdict: Verdict, began: float) -> None:
    """What is held against the credential called ``name``, and nobody else."""
    ended = now()
    ids = {each.id: each.name for each in world.state.snapshot.credentials}
    rests = [each for each in world.state.health.rests() if ids[each.credential] == name]
    shown = [each for each in await world.cooldowns() if each["credential"] == name]
    if verdict.rests is Of.NOTHING:
        assert (rests, shown) == ([], [])
        return
    ((rest,), (told,)) = rests, shown
    assert rest.cause is verdict.kind
    assert rest.model == (model if verdict.rests is Of.MODEL else "")
    assert rest_ends(began, ended, rest.until, verdict.seconds)
    assert rest.limited is verdict.limited
    assert (told["cause"], told["model"]) == (rest.cause, rest.model or None)


async def check_record(
    world: World, reply: Reply, verdict: Verdict, name: str, *, fell_over: bool
) -> None:
    """There is one entry of the log, the newest, and it says what happened."""
    entry = (await world.entries())[-1]
    assert entry.request_id == reply.headers["x-request-id"]
    assert (entry.status, entry.client_left) == (reply.status, False)
    if fell_over:
        assert (entry.attempts, entry.failed, entry.error) == (2, False, None)
    else:
        assert (entry.attempts, entry.credential) == (verdict.attempts, name)
        assert (entry.failed, entry.error) == (verdict.kind is not None, verdict.kind)
        if verdict.code is not None:
            assert entry.error_code == verdict.code
    assert reply.headers["x-aigw-attempts"] == str(entry.attempts) or entry.stream


async def alone(
    gateway: World,
    fault: str,
    verdict: Verdict,
    upstream: str,
    format: Format,
    *,
    stream: bool,
    reached: bool = True,
) -> None:
    """There is nobody else to ask. ``reached``: the upstream sees the attempts."""
    name, before, began = f"{upstream}-lone", len(gateway.upstream.requests), now()
    reply = await gateway.ask(format, f"{name}/{fault}", stream=stream)
    await gateway.settled()
    if verdict.kind is None:
        check_success(reply, format, stream=stream)
    elif verdict.midway:
        check_error_event(reply, format)
    else:
        check_refusal(reply, format, verdict)
        assert reply.headers["x-aigw-origin"] == "upstream"
    if stream and reply.status == 200 and format != upstream:
        grammar = GRAMMARS[format]()
        check_stream(grammar, reply.body)
        assert grammar.complete is (verdict.kind is None)
        assert grammar.failed is (verdict.kind is not None)
    if verdict.kind is not ErrorKind.TIMEOUT:  # by then it may not have read one of them
        assert len(gateway.upstream.requests) - before == (verdict.attempts if reached else 0)
    await check_rest(gateway, name, fault, verdict, began)
    await check_record(gateway, reply, verdict, name, fell_over=False)


async def with_another(
    gateway: World, fault: str, verdict: Verdict, upstream: str, format: Format, *, stream: bool
) -> None:
    """A second target could answer."""
    began = now()
    reply = await gateway.ask(format, f"{upstream}-pair/{fault}", stream=stream)
    await gateway.settled()
    if verdict.rotates:
        check_success(reply, format, stream=stream)
        assert reply.headers["x-aigw-provider"] == f"{upstream}-second"
    elif verdict.midway:
        check_error_event(reply, format)
    else:
        check_refusal(reply, format, verdict)
    name = f"{upstream}-first"
    await check_rest(gateway, name, fault, verdict, began)
    await check_record(gateway, reply, verdict, name, fell_over=verdict.rotates)


async def books_agree(gateway: World) -> None:
    """Each request is in the log once, and the counters say the same."""
    entries = await gateway.entries()
    report = gateway.state.metrics.report(1.0)
    assert report["total_requests"] == len(entries) == len({each.request_id for each in entries})
    assert report["total_attempts"] == sum(each.attempts for each in entries)
    assert report["total_errors"] == sum(each.failed for each in entries)
    assert report["total_cancelled"] == sum(each.client_left for each in entries)
