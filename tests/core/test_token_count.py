"""Estimates grow with the prompt, do not depend on the client's format, and learn."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from aigw_core.chat import Format
from aigw_core.codec import Inbound
from aigw_core.codecs import CODECS, COUNTING
from aigw_core.errors import ErrorKind
from aigw_core.token_count import BOUNDS, MAX_MODELS, Calibrator, estimate

SCHEMA = {"type": "object", "properties": {"word": {"type": "string"}}}


def request(format: Format, text: str, *, tool: bool = False) -> int:
    """The estimate for one user text in ``format``, with a tool or without."""
    body: dict[str, Any] = {"model": "m"}
    named = {"name": "look_up", "description": "Look it up"}
    if format is Format.CHAT:
        body["messages"] = [{"role": "user", "content": text}]
        tools: list[Any] = [{"type": "function", "function": {**named, "parameters": SCHEMA}}]
    elif format is Format.MESSAGES:
        body |= {"max_tokens": 9, "messages": [{"role": "user", "content": text}]}
        tools = [{**named, "input_schema": SCHEMA}]
    elif format is Format.RESPONSES:
        body["input"] = text
        tools = [{"type": "function", **named, "parameters": SCHEMA}]
    else:
        body = {"contents": [{"parts": [{"text": text}]}]}
        tools = [{"functionDeclarations": [{**named, "parametersJsonSchema": SCHEMA}]}]
    if tool:
        body["tools"] = tools
    inbound = Inbound(json.dumps(body).encode(), model="m")
    return estimate(CODECS[format].decode_request(inbound))


@pytest.mark.parametrize("tool", [False, True])
@pytest.mark.parametrize("text", ["Hi", "All work and no play", "日本語のテキスト", "Привет, мир"])
def test_the_format_makes_little_difference(text: str, tool: bool) -> None:
    counts = [request(format, text, tool=tool) for format in Format]
    assert max(counts) - min(counts) <= 4, counts


@pytest.mark.parametrize("format", Format)
@given(st.text(max_size=200), st.text(min_size=8, max_size=200))
@settings(derandomize=True, max_examples=30)
def test_more_text_is_never_fewer_tokens(format: Format, text: str, more: str) -> None:
    text = "".join(char for char in text if not "\ud800" <= char <= "\udfff")
    more = "".join(char for char in more if not "\ud800" <= char <= "\udfff")
    assert 1 <= request(format, text) <= request(format, text + more)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 20, 150, 300),
        ("敏捷的棕色狐狸跳过了懒狗。" * 20, 150, 400),
        ("Съешь же ещё этих мягких французских булок. " * 20, 150, 600),
    ],
)
def test_an_estimate_is_in_the_right_region(text: str, least: int, most: int) -> None:
    # What the tokenizers of two vendors made of these, with room on both sides.
    assert least <= request(Format.CHAT, text) <= most


@given(st.lists(st.tuples(st.integers(1, 10**7), st.integers(1, 10**7)), max_size=100))
@settings(derandomize=True)
def test_a_correction_stays_within_bounds(seen: list[tuple[int, int]]) -> None:
    calibrator = Calibrator()
    for estimated, actual in seen:
        calibrator.due("m")
        calibrator.observe("m", estimated, actual)
    assert BOUNDS[0] <= calibrator.ratio("m") <= BOUNDS[1]
    assert calibrator.corrected("m", 1) >= 1


@pytest.mark.parametrize("truth", [0.5, 0.8, 1.0, 1.3, 2.5])
def test_a_steady_model_is_learned(truth: float) -> None:
    calibrator = Calibrator()
    for number in range(40):
        calibrator.due("m")
        estimated = 200 + 997 * number % 3000
        calibrator.observe("m", estimated, round(estimated * truth))
    assert calibrator.ratio("m") == pytest.approx(truth, rel=0.05)
    assert calibrator.ratio("another") == 1.0


def test_one_answer_changes_little_and_an_old_one_fades() -> None:
    calibrator = Calibrator()
    calibrator.due("m")
    calibrator.observe("m", 50, 200)
    assert 1.0 < calibrator.ratio("m") < 1.5
    for _ in range(200):
        calibrator.observe("m", 1000, 1000)
    assert calibrator.ratio("m") == pytest.approx(1.0, abs=0.01)


def test_nonsense_is_not_learned() -> None:
    calibrator = Calibrator()
    calibrator.due("m")
    for estimated, actual in [(0, 5), (5, 0), (-1, 5), (5, -1)]:
        calibrator.observe("m", estimated, actual)
    assert calibrator.ratio("m") == 1.0


def test_the_first_answers_are_all_due_and_later_ones_now_and_then() -> None:
    calibrator = Calibrator()
    due = [calibrator.due("m") for _ in range(1000)]
    assert all(due[:16])
    assert 50 < sum(due) < 100


def test_only_so_many_models_are_kept() -> None:
    calibrator = Calibrator()
    for number in range(MAX_MODELS + 10):
        calibrator.due(f"m{number}")
        calibrator.observe(f"m{number}", 10_000, 30_000)
    assert calibrator.ratio("m0") == 1.0
    assert calibrator.ratio(f"m{MAX_MODELS + 9}") > 2


# --- the counting variants of the codecs --------------------------------------


def test_counting_takes_a_request_without_an_answer() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'
    decoded = COUNTING[Format.MESSAGES].decode_request(Inbound(body))
    assert decoded.max_output is None
    assert not decoded.stream


@pytest.mark.parametrize("client", list(COUNTING))
@pytest.mark.parametrize("upstream", list(COUNTING))
def test_an_upstream_is_asked_for_a_count_only(client: Format, upstream: Format) -> None:
    bodies: dict[Format, dict[str, Any]] = {
        Format.MESSAGES: {
            "model": "m",
            "system": "Be brief",
            "messages": [{"role": "user", "content": "Hi"}],
            "metadata": {"user_id": "u"},
            "temperature": 0.5,
        },
        Format.RESPONSES: {
            "model": "m",
            "instructions": "Be brief",
            "input": "Hi",
            "temperature": 0.5,
            "max_output_tokens": 9,
            "store": True,
        },
        Format.GEMINI: {
            "generateContentRequest": {
                "model": "models/m",
                "systemInstruction": {"parts": [{"text": "Be brief"}]},
                "contents": [{"parts": [{"text": "Hi"}]}],
                "generationConfig": {"temperature": 0.5},
            }
        },
    }
    from aigw_core.codec import Caps
    from aigw_core.ledger import Ledger

    inbound = Inbound(json.dumps(bodies[client]).encode(), model="m")
    decoded = COUNTING[client].decode_request(inbound)
    encoded = COUNTING[upstream].encode_request(decoded, "up", Caps(), Ledger())
    sent = json.loads(encoded.body)
    if upstream is Format.MESSAGES:
        assert encoded.path == "/v1/messages/count_tokens"
        assert set(sent) == {"model", "system", "messages"}
    elif upstream is Format.RESPONSES:
        assert encoded.path == "/v1/responses/input_tokens"
        assert set(sent) == {"model", "instructions", "input"}
    else:
        assert encoded.path == "/v1beta/models/up:countTokens"
        inner = sent["generateContentRequest"]
        assert inner["model"] == "models/up"
        assert set(inner) >= {"model", "systemInstruction", "contents"}


@pytest.mark.parametrize("format", list(COUNTING))
def test_a_missing_endpoint_says_nothing_about_the_model(format: Format) -> None:
    decode = COUNTING[format].decode_error
    assert decode(404, {}, b'{"detail":"Not Found"}').kind is ErrorKind.UNSUPPORTED
    assert decode(405, {}, b"").kind is ErrorKind.UNSUPPORTED
    assert decode(501, {}, b"").kind is ErrorKind.UNSUPPORTED
    assert decode(404, {}, b'{"error":{"message":"no such model"}}').kind is ErrorKind.NOT_FOUND
    assert decode(429, {}, b"").kind is ErrorKind.RATE_LIMIT
