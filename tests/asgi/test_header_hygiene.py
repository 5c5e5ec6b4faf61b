"""Headers are built on either side, never copied: random ones of clients and upstreams, each
with a canary in it, do not come through."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from random import Random

import pytest
from msgspec.structs import replace

from aigw_asgi import Gateway
from aigw_asgi.testing.faults import good_answer
from aigw_asgi.transports.memory import Script, ScriptTransport
from aigw_core.chat import Format
from aigw_core.codec import Headers
from aigw_core.codecs import CODECS
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Snapshot
from aigw_core.errors import ErrorKind
from aigw_core.wire_request import WireRequest
from tests.asgi.clients import asking
from tests.simulate import credential

pytestmark = pytest.mark.anyio

OWN = "canary-in-a-header-of-the-client"
THEIRS = "canary-in-a-header-of-the-upstream"
KEY = "the-key-of-the-upstream"

TRIED = [
    *("authorization", "x-api-key", "x-goog-api-key", "api-key", "x-openai-api-key", "cookie"),
    *("set-cookie", "www-authenticate", "proxy-authorization", "proxy-authenticate", "server"),
    *("location", "via", "host", "content-length", "transfer-encoding", "connection", "te"),
    *("upgrade", "trailer", "keep-alive", "expect", "accept-encoding", "content-encoding"),
    *("x-forwarded-for", "forwarded", "x-real-ip", "alt-svc", "strict-transport-security"),
    *("access-control-allow-origin", "x-powered-by", "cf-ray", "origin", "referer", "x-hop"),
    *("openai-organization", "openai-project", "anthropic-organization-id", "x-stainless-os"),
    *("x-ratelimit-remaining-requests", "x-request-id", "request-id", "x-goog-user-project"),
    *("anthropic-version", "openai-beta", "content-type", "date", "etag", "link", "range"),
    *("x-aigw-provider", "x-aigw-origin", "x-aigw-warnings", "cache-control", "user-agent"),
]
READ = {
    *("authorization", "x-api-key", "x-goog-api-key"),  # who the client is
    *("content-encoding", "content-length", "content-type"),  # how its body is to be read
}
FRAMING = {"content-type", "content-length", "content-encoding", "transfer-encoding"}

TO_UPSTREAMS = {"user-agent", "content-type", "accept", "x-request-id", "x-api-key"}
TO_CLIENTS = {
    *("content-type", "content-length", "cache-control", "x-accel-buffering", "x-request-id"),
    *("request-id", "x-aigw-provider", "x-aigw-model", "x-aigw-attempts", "x-aigw-origin"),
    "x-aigw-warnings",
}


def random_headers(dice: Random, canary: str, without: set[str]) -> dict[str, str]:
    made: dict[str, str] = {}
    taken = set(without)
    for _ in range(dice.randrange(12)):
        name = dice.choice(TRIED)
        if dice.random() < 0.3:
            name = "x-" + "".join(dice.choices(string.ascii_lowercase + "-", k=8)) + "y"
        if name not in taken:
            taken.add(name)
            name = dice.choice([name, name.title(), name.upper()])
            made[name] = f"{canary}-{dice.randrange(99)}"
    return made


def answers(upstream: Format) -> Iterator[tuple[int, bool, Headers, bytes]]:
    """Status, whether it is for a stream, headers and body."""
    whole = good_answer(upstream, stream=False)
    json_type, sse_type = "application/json", "text/event-stream"
    yield 200, False, (("content-type", json_type),), whole.document
    streamed = b"".join(good_answer(upstream, stream=True).events)
    yield 200, True, (("content-type", sse_type),), streamed
    yield 400, False, (("content-type", json_type),), whole.error(ErrorKind.INVALID_REQUEST)


@pytest.mark.parametrize("upstream", Format)
@pytest.mark.parametrize("client", Format)
async def test_nothing_of_a_header_comes_through(client: Format, upstream: Format) -> None:
    dice = Random(f"{client} {upstream}")
    profile = CODECS[upstream].upstream
    forwarded = set(profile.forwarded) if client is upstream else set()
    allowed = TO_UPSTREAMS | forwarded | {name for name, _ in profile.headers}
    target = replace(credential(0, upstream), api_key=Secret(KEY), auth_style="x-api-key")
    snapshot = Snapshot("t", credentials=(target,), from_file=True, allow_anonymous=True)
    given = Script()
    transport = ScriptTransport(lambda request: given)
    async with Gateway(snapshot, transport=transport) as gateway:
        for _ in range(10):
            for status, stream, how, document in answers(upstream):
                theirs = random_headers(dice, THEIRS, FRAMING)
                fields = (*((name.lower(), text) for name, text in theirs.items()), ("x-k", KEY))
                given = Script(status, (*how, *fields), (document,))
                path, body = asking(client, "m", "hello", stream=stream)
                own = random_headers(dice, OWN, {*READ, "x-request-id"})
                own["X-Request-Id"] = f"{OWN}-and-no-secret"
                response = await gateway.request("POST", path, own, json.dumps(body).encode())
                text = (await response.read()).decode()
                assert response.status == status, text

                sent: WireRequest = transport.requests[-1]
                names = [name for name, _ in sent.headers]
                assert set(names) <= allowed, own
                assert len(set(names)) == len(names)
                assert dict(sent.headers)["x-api-key"] == KEY
                passed = {name for name, value in sent.headers if OWN in value}
                assert {"x-request-id"} <= passed <= forwarded | {"x-request-id"}, own

                seen = response.headers
                assert set(seen) <= TO_CLIENTS, theirs
                assert THEIRS not in text + repr(seen)
                # Which request it was is the client's own word for it.
                assert OWN not in (text + repr(seen)).replace(own["X-Request-Id"], "")
                assert KEY not in text + repr(seen)
