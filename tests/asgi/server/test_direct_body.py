"""``write_now``: a piece of a body, from any callback of the loop, without a task; and
``begin_now``: a head and the first of its body."""

from __future__ import annotations

import asyncio
import re
from typing import Any, NamedTuple

import pytest

from aigw_asgi.server import HttpChoice, LoopChoice
from tests.asgi.server.harness import App, Message, Receive, Send, Served, get

Stack = tuple[LoopChoice, HttpChoice]

PIECE = b"x" * (64 << 10)


class Writer(App):
    """``/now`` writes three pieces out of a callback; ``/slow`` writes as long as it may,
    then sends one more; others try once and say what came of it by an event."""

    async def __call__(self, scope: Message, receive: Receive, send: Any) -> None:
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        headers = [(b"content-length", b"5")] if scope["path"] == "/length" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["path"] == "/now":
            await self._from_a_callback(send)
        elif scope["path"] == "/slow":
            await self._until_full(send)
        elif scope["path"] == "/gone":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.events.put(f"written {send.write_now(b'piece')}")
        else:
            written = send.write_now(b"piece")
            self.events.put(f"written {written}")
            await send({"type": "http.response.body", "body": b"" if written else b"piece"})

    async def _from_a_callback(self, send: Any) -> None:
        done = asyncio.Event()

        def write() -> None:
            assert asyncio.current_task() is None
            assert all(send.write_now(piece) for piece in (b"one ", b"two ", b"three"))
            done.set()

        asyncio.get_running_loop().call_soon(write)
        await done.wait()
        await send({"type": "http.response.body", "body": b"."})

    async def _until_full(self, send: Any) -> None:
        count = 0
        while send.write_now(PIECE):
            count += 1
            assert count < 1000, "a client that does not read is written to for ever"
        self.events.put("full")
        await send({"type": "http.response.body", "body": b"y", "more_body": True})
        await send({"type": "http.response.body", "body": b"%d" % count})


def dechunked(answer: bytes) -> bytes:
    body = b""
    rest = answer.partition(b"\r\n\r\n")[2]
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            assert rest == b"\r\n"
            return body
        body += rest[:length]
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]


CLOSE = b"Connection: close\r\n\r\n"


def test_pieces_go_out_of_a_callback(stack: Stack) -> None:
    with Served(*stack, app=Writer()) as served:
        answer = served.exchange(get("/now")[:-2] + CLOSE)
        assert dechunked(answer) == b"one two three."


def test_a_connection_serves_on_after_it(stack: Stack) -> None:
    with Served(*stack, app=Writer()) as served, served.connect() as client:
        client.send(get("/now"))
        client.read_until(b"0\r\n\r\n")
        client.send(get("/now"))
        client.read_until(b"0\r\n\r\n")


def test_a_slow_client_is_not_written_to(stack: Stack) -> None:
    app = Writer()
    with Served(*stack, app=app) as served, served.connect() as client:
        client.send(get("/slow")[:-2] + CLOSE)
        app.expect("full")
        head, _, body = dechunked(client.read_all()).partition(b"y")
        assert head == PIECE * int(body)


@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param(get("/length")[:-2] + CLOSE, id="a body with a length"),
        pytest.param(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n", id="HTTP/1.0 has no chunks"),
        pytest.param(b"HEAD / HTTP/1.1\r\nHost: x\r\n" + CLOSE, id="HEAD has no body"),
    ],
)
def test_what_is_not_framed_in_chunks_is_left_to_send(stack: Stack, request_head: bytes) -> None:
    app = Writer()
    with Served(*stack, app=app) as served:
        answer = served.exchange(request_head)
        app.expect("written False")
        assert answer.endswith(b"\r\n\r\n" if b"HEAD" in request_head else b"piece") or (
            b"HTTP/1.0" in request_head and b"piece" in answer
        )


def test_a_client_that_has_left_is_not_written_to(stack: Stack) -> None:
    app = Writer()
    with Served(*stack, app=app) as served:
        with served.connect() as client:
            client.send(get("/gone"))
            client.read_until(b"\r\n\r\n")
        app.expect("written False")


def test_middleware_with_a_send_of_its_own_is_not_passed_by(stack: Stack) -> None:
    class Wrapped(App):
        async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
            async def counted(message: Message) -> None:
                await send(message)

            if scope["type"] == "http":
                self.events.put(f"direct {hasattr(counted, 'write_now')}")
            await super().__call__(scope, receive, counted)

    app = Wrapped()
    with Served(*stack, app=app) as served:
        served.exchange(get("/early")[:-2] + CLOSE)
        app.expect("direct False")


class Beginning(NamedTuple):
    headers: list[tuple[str, str]]
    bodies: list[bytes]
    status: int = 200
    joined: bool = True
    """Whether its head and its first body can be one write, where that is done at all."""


TEXT = ("content-type", "text/plain")
BEGINNINGS = {
    "whole": Beginning([TEXT, ("content-length", "5")], [b"whole"]),
    "empty": Beginning([TEXT, ("content-length", "0")], [b""]),
    "refused": Beginning([("content-length", "2"), ("retry-after", "1")], [b"no"], 429),
    "pieces": Beginning([TEXT], [b"one ", b"two ", b"three"]),
    "one-piece": Beginning([TEXT], [b"one"]),
    "no-piece": Beginning([TEXT], [b""]),
    "first-nothing": Beginning([TEXT], [b"", b"two"]),
    "length-in-pieces": Beginning([("content-length", "6")], [b"one", b"two"], joined=False),
    "length-and-nothing-more": Beginning([("content-length", "3")], [b"one", b""]),
    "letters": Beginning([("x-name", "na\u00efve"), ("content-length", "1")], [b"x"]),
    "large": Beginning([("content-length", str(len(PIECE)))], [PIECE], joined=False),
    "tab": Beginning([("x-name", "a\tb"), ("content-length", "1")], [b"x"], joined=False),
    "no-body": Beginning([("content-length", "0")], [b""], 304, joined=False),
    "length-of-more": Beginning([("content-length", "6")], [b"whole"], joined=False),
    "length-of-less": Beginning([("content-length", "4")], [b"whole"], joined=False),
    "closing": Beginning([("connection", "close")], [b"x"], joined=False),
    "unheard-of": Beginning([("content-length", "1")], [b"x"], 299, joined=False),
}


class Beginner(App):
    """``/begin/NAME`` answers at once where it can, ``/send/NAME`` by messages."""

    async def __call__(self, scope: Message, receive: Receive, send: Any) -> None:
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
            return
        _, way, name = scope["path"].split("/")
        asked = BEGINNINGS[name]
        first, *others = asked.bodies
        begun = way == "begin" and send.begin_now(
            asked.status, asked.headers, first, more=bool(others)
        )
        self.events.put(f"begun {begun}")
        if not begun:
            headers = [
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in asked.headers
            ]
            await send({"type": "http.response.start", "status": asked.status, "headers": headers})
            await send({"type": "http.response.body", "body": first, "more_body": bool(others)})
        for at, body in enumerate(others, 1 - len(others)):
            await send({"type": "http.response.body", "body": body, "more_body": at < 0})


ASKED = {
    "GET": b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
    "closing": b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "HEAD": b"HEAD %s HTTP/1.1\r\nHost: x\r\n\r\n",
    "1.0": b"GET %s HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
}
LAST = b"GET /send/whole HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ENDS = {("GET", "length-of-more"), ("GET", "length-of-less")}
"""What is not as long as it said ends its connection."""
DATE = re.compile(rb"date: [^\r]*\r\n", re.IGNORECASE)


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", BEGINNINGS)
def test_it_is_the_same_answer_as_by_messages(stack: Stack, name: str, asked: str) -> None:
    app = Beginner()
    answers = {}
    with Served(*stack, app=app) as served:
        for way in ("begin", "send"):
            with served.connect() as client:
                client.send(ASKED[asked] % f"/{way}/{name}".encode())
                joins = stack[1] is HttpChoice.HTTPTOOLS and asked == "GET"
                expected = joins and way == "begin" and BEGINNINGS[name].joined
                app.expect(f"begun {expected}")
                if "closing" in (name, asked) or asked == "1.0" or (asked, name) in ENDS:
                    answers[way] = DATE.sub(b"", client.read_all())
                    continue
                # The connection serves on.
                client.send(LAST)
                app.expect("begun False")
                answers[way] = DATE.sub(b"", client.read_all())
    assert answers["begin"] == answers["send"]
    assert answers["begin"].startswith(b"HTTP/1.")


class Asked(App):
    """Answers every request in one way."""

    async def __call__(self, scope: Message, receive: Receive, send: Any) -> None:
        if scope["type"] == "http":
            await self.asked(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def asked(self, scope: Message, receive: Receive, send: Any) -> None:
        raise NotImplementedError


def test_a_client_that_has_left_is_not_begun_with(stack: Stack) -> None:
    class Late(Asked):
        async def asked(self, scope: Message, receive: Receive, send: Any) -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            self.events.put(f"begun {send.begin_now(200, [TEXT], b'piece', more=True)}")

    app = Late()
    with Served(*stack, app=app) as served:
        with served.connect() as client:
            client.send(get("/gone"))
        app.expect("begun False")


def test_what_is_said_before_an_answer_is_none(stack: Stack) -> None:
    class Early(Asked):
        async def asked(self, scope: Message, receive: Receive, send: Any) -> None:
            self.events.put(f"begun {send.begin_now(103, [TEXT], b'x', more=False)}")
            await self._answer(send, b"early")

    app = Early()
    with Served(*stack, app=app) as served, served.connect() as client:
        client.send(get("/early"))
        app.expect("begun False")
        assert client.read_answer() == (200, b"early")


def test_what_has_begun_does_not_begin_again(stack: Stack) -> None:
    class Twice(Asked):
        async def asked(self, scope: Message, receive: Receive, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            self.events.put(f"begun {send.begin_now(200, [TEXT], b'again', more=False)}")
            await send({"type": "http.response.body", "body": b"once"})

    app = Twice()
    with Served(*stack, app=app) as served, served.connect() as client:
        client.send(get("/"))
        app.expect("begun False")
        assert dechunked(client.read_until(b"0\r\n\r\n")) == b"once"


def test_a_client_that_does_not_read_is_not_begun_with(stack: Stack) -> None:
    class Second(Asked):
        async def asked(self, scope: Message, receive: Receive, send: Any) -> None:
            if scope["path"] == "/large":
                await self._answer(send, PIECE * 128)
                return
            begun = send.begin_now(200, [TEXT], b"second", more=False)
            self.events.put(f"begun {begun}")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"second"})

    app = Second()
    with Served(*stack, app=app) as served, served.connect() as client:
        client.send(get("/large"))
        client.read_until(b"\r\n\r\n")
        client.send(get("/second"))
        app.expect("begun False")
        assert client.read_until(b"0\r\n\r\n").endswith(b"\r\n\r\n6\r\nsecond\r\n0\r\n\r\n")


def test_pieces_follow_what_has_begun_out_of_a_callback(stack: Stack) -> None:
    class Pieces(Asked):
        async def asked(self, scope: Message, receive: Receive, send: Any) -> None:
            if not send.begin_now(200, [], b"one ", more=True):
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"one ", "more_body": True})
            self.events.put(f"written {send.write_now(b'two')}")
            await send({"type": "http.response.body", "body": b"."})

    app = Pieces()
    with Served(*stack, app=app) as served, served.connect() as client:
        client.send(get("/"))
        app.expect("written True")
        assert dechunked(client.read_until(b"0\r\n\r\n")) == b"one two."


def test_who_waits_for_the_client_hears_of_an_answer_that_began_and_ended(stack: Stack) -> None:
    class Waiting(Asked):
        async def asked(self, scope: Message, receive: Receive, send: Any) -> None:
            assert not (await receive())["more_body"]
            waiting = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            if not send.begin_now(200, [("content-length", "3")], b"all", more=False):
                await self._answer(send, b"all")
            self.events.put((await waiting)["type"])

    app = Waiting()
    with Served(*stack, app=app) as served, served.connect() as client:
        client.send(get("/"))
        assert client.read_answer() == (200, b"all")
        app.expect("http.disconnect")
