"""What is booked for answers that do not say what they used."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.accounting import cost_of, prompt_tokens, tokens_at_most, tokens_used, with_all_usage
from aigw_core.attempt import AttemptRecord, Call
from aigw_core.chat import Format, Usage
from aigw_core.codec import AnswerContext, Inbound, Peek
from aigw_core.codecs import CODECS
from aigw_core.config.snapshot import Price
from aigw_core.errors import ErrorKind, Failure
from aigw_core.prices import PriceBook, PriceTable
from aigw_core.record import ExchangeRecord
from aigw_core.routing.plan import RoutePlan
from tests.simulate import request_body

BROKEN = Failure(ErrorKind.UPSTREAM_TRUNCATED, "broke off")
WORKED = AttemptRecord("openai", "openai-1", "model-a", 200, None, 1.0)
FAILED = AttemptRecord("openai", "openai-1", "model-a", 500, BROKEN, 1.0)
PROMPT = 40


def record(**given: Any) -> ExchangeRecord:
    usual: dict[str, Any] = {
        "request_id": "1",
        "format": Format.CHAT,
        "model": "model-a",
        "stream": True,
        "status": 200,
        "seconds": 1.0,
        "first_content": 0.5,
        "attempts": (WORKED,),
        "usage": Usage(),
        "stop": None,
        "failure": None,
        "client_left": False,
        "ledger": (),
        "relayed": False,
        "config": "v1/1",
        "plan": RoutePlan(()),
        "bytes_out": 1000,
        "pieces": 12,
    }
    return ExchangeRecord(**{**usual, **given})


def booked(**given: Any) -> ExchangeRecord:
    return with_all_usage(record(**given), lambda: PROMPT)


def test_what_an_answer_says_is_taken_as_it_is() -> None:
    def never() -> int:
        raise AssertionError("nothing is missing")

    whole = record(usage=Usage(input=7, output=3))
    assert with_all_usage(whole, never) is whole


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # the client left: what it has seen was used, a token for each piece at least
        ({"client_left": True}, Usage(input=PROMPT, output=12)),
        ({"client_left": True, "usage": Usage(input=9)}, Usage(input=9, output=12)),
        ({"client_left": True, "usage": Usage(input=9, output=1)}, Usage(input=9, output=12)),
        ({"client_left": True, "usage": Usage(input=9, output=50)}, None),
        (
            {"client_left": True, "usage": Usage(cache_read=9, output=1, reasoning=5)},
            Usage(cache_read=9, output=7, reasoning=5),
        ),
        # it left before anything came: the prompt was at work
        ({"client_left": True, "first_content": None}, Usage(input=PROMPT, output=0)),
        # the upstream broke off
        ({"failure": BROKEN}, Usage(input=PROMPT, output=12)),
        # an upstream that reports nothing
        ({}, Usage(input=PROMPT, output=12)),
        ({"stream": False, "pieces": 1}, Usage(input=PROMPT, output=250)),
        ({"usage": Usage(output=3)}, Usage(input=PROMPT, output=3)),
    ],
)
def test_what_is_missing_is_estimated(given: dict[str, Any], expected: Usage | None) -> None:
    found = booked(**given)
    assert found.usage == (expected or given["usage"])
    assert found.usage_estimated is (expected is not None)


@pytest.mark.parametrize(
    "given",
    [
        {"first_content": None, "failure": BROKEN, "attempts": (FAILED,)},
        {"first_content": None, "client_left": True, "attempts": (FAILED,)},
        {"first_content": None, "client_left": True, "attempts": ()},
    ],
)
def test_where_nothing_was_used_nothing_is_booked(given: dict[str, Any]) -> None:
    found = booked(**given)
    assert found.usage == Usage()
    assert tokens_used(found.usage) == 0
    assert not found.usage_estimated


def test_the_last_target_is_charged() -> None:
    one = Decimal(1)
    book = PriceBook({"model-b": Price(one, one, one, one)}, PriceTable("", {}))
    last = AttemptRecord("openai", "openai-2", "model-b", 200, None, 1.0)
    used = Usage(input=10, output=10)
    assert cost_of(record(usage=used, attempts=(FAILED, last)), book) == Decimal("0.00002")
    assert cost_of(record(usage=used, attempts=(last, FAILED)), book) is None
    assert cost_of(record(usage=used, attempts=()), book) is None


def test_a_prompt_is_guessed_also_when_it_cannot_be_read() -> None:
    codec = CODECS[Format.CHAT]
    fine = b'{"model":"m","messages":[{"role":"user","content":"%b"}]}' % (b"word " * 400)

    def guess(body: bytes) -> int:
        return prompt_tokens(
            Call(codec, Inbound(body), Peek("m", False), AnswerContext("m", "1", 0))
        )

    assert 450 < guess(fine) < 550
    assert guess(b"x" * 400) == 100
    assert guess(b"") == 1


TURNS = st.lists(st.text(max_size=40), min_size=1, max_size=6)


def _plain(format: Format, texts: list[str]) -> bytes:
    """The tightest body there is for turns of nothing but texts."""
    document: dict[str, Any]
    if format is Format.GEMINI:
        turns = [{"role": "user", "parts": [{"text": text}]} for text in texts]
        document = {"contents": turns}
    elif format is Format.RESPONSES:
        document = {"model": "m", "input": [{"role": "user", "content": each} for each in texts]}
    else:
        turns = [{"role": "user", "content": text} for text in texts]
        document = {"model": "m", "messages": turns}
        if format is Format.MESSAGES:
            document["max_tokens"] = 1
    return msgspec.json.encode(document)


@pytest.mark.parametrize("format", Format)
@given(texts=TURNS)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_a_bound_on_the_tokens_is_one(format: Format, texts: list[str]) -> None:
    call = _call(format, _plain(format, texts))
    assert tokens_at_most(call) >= prompt_tokens(call)


@pytest.mark.parametrize("format", Format)
def test_the_bound_of_a_small_text_is_close_and_decodes_nothing(format: Format) -> None:
    call = _call(format, _plain(format, ["Hello there, " * 600]))
    most = tokens_at_most(call)
    assert "request" not in call.__dict__
    assert prompt_tokens(call) <= most <= prompt_tokens(call) * 1.01


@pytest.mark.parametrize("format", Format)
def test_media_and_tools_are_counted_one_by_one(format: Format) -> None:
    call = _call(format, request_body(format, stream=False))
    assert tokens_at_most(call) >= prompt_tokens(call) - 1


def test_a_picture_is_no_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}
    messages = [{"role": "user", "content": [picture]}]
    call = _call(Format.CHAT, msgspec.json.encode({"model": "m", "messages": messages}))
    assert tokens_at_most(call) == prompt_tokens(call) < 2000


LARGE = "All of it is text, " * 500
TIGHT = (",", ":")
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


@pytest.mark.parametrize("spaced", [False, True])
def test_a_large_text_is_not_decoded_for_its_bound(spaced: bool) -> None:
    texts = [
        LARGE,
        'one [1], or "two" [2], list: [3], [[4]]',
        "[5]",
        '{"messages": ["6"]}',
        "[7]" * 99,
    ]
    document = {"model": "m", "messages": [{"role": "user", "content": text} for text in texts]}
    call = _call(Format.CHAT, json.dumps(document, separators=None if spaced else TIGHT).encode())
    most = tokens_at_most(call)
    assert "request" not in call.__dict__
    assert prompt_tokens(call) <= most <= prompt_tokens(call) * 1.02


@pytest.mark.parametrize(
    "more",
    [
        {"messages": [{"role": "user", "content": [PICTURE] * 20}]},
        {"messages": [{"role": "user", "content": "\\"}, {"role": "user", "content": [PICTURE]}]},
        {"tools": [{"type": "function", "function": {"name": "f"}}] * 40},
        {"stop": ["x"]},
        {"own": {"messages": [PICTURE]}},
        {"own\\": [PICTURE]},
        {"messages": [{"role": "user", "content": "[" * 300}]},
    ],
)
@pytest.mark.parametrize("space", ["", " ", " " * 40])
def test_a_large_body_with_lists_is_decoded(more: dict[str, Any], space: str) -> None:
    first = [{"role": "user", "content": LARGE}]
    document = {"model": "m", **more, "messages": first + more.get("messages", [])}
    body = json.dumps(document, separators=("," + space, space + ":" + space)).encode()
    call = _call(Format.CHAT, body)
    assert tokens_at_most(call) == prompt_tokens(call)


@given(
    texts=st.lists(st.text(alphabet='[]{}:," \\messages', max_size=30), min_size=1, max_size=4),
    pictures=st.integers(0, 3),
    space=st.sampled_from(["", " ", "\n\t", " " * 33]),
)
@settings(max_examples=300, derandomize=True, deadline=None)
def test_a_bound_on_the_tokens_of_a_large_body_is_one(
    texts: list[str], pictures: int, space: str
) -> None:
    turns: list[Any] = [{"role": "user", "content": text} for text in [*texts, LARGE]]
    if pictures:
        turns.append({"role": "user", "content": [PICTURE] * pictures})
    document = {"model": "m", "messages": turns}
    body = json.dumps(document, separators=("," + space, space + ":" + space)).encode()
    call = _call(Format.CHAT, body)
    assert tokens_at_most(call) >= prompt_tokens(call)
    assert tokens_at_most(call) == prompt_tokens(call) or not pictures


def _call(format: Format, body: bytes) -> Call:
    inbound = Inbound(body, model="m", stream=False)
    context = AnswerContext(model="m", id="0" * 32, created=1)
    return Call(CODECS[format], inbound, Peek("m", False), context)
