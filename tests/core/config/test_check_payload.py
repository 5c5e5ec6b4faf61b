"""Payload rules that could never do anything are refused, each at its place."""

from __future__ import annotations

from typing import Any

import pytest

from aigw_asgi.config_store import load
from aigw_core.errors import InvalidConfig
from tests.core.config.reading import problems, read, remarks

CLOSED = {
    "claude-api-key": [{"api-key": "k", "models": [{"id": "claude-x-1", "alias": "best"}]}],
    "openai-api-key": [
        {"api-key": "k", "prefix": "t/", "models": [{"id": "gpt-*"}], "wire-api": "responses"}
    ],
    "echo": "off",
}


def payload(phase: str = "override", params: Any = None, **match: Any) -> dict[str, Any]:
    entry = {"name": "*", **{name.replace("_", "-"): value for name, value in match.items()}}
    return {"payload": {phase: [{"models": [entry], "params": params or {"a": 1}}]}}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (payload(params={"model": "x"}), "payload.override[0].params.model: the model is not"),
        (payload(params={"model.x": 1}), 'payload.override[0].params["model.x"]: the model is not'),
        (payload(params={"stream": True}), "payload.override[0].params.stream: whether an answer"),
        (payload("filter", ["stream"]), "payload.filter[0].params[0]: whether an answer"),
        (payload(params={"tools.-1": 1}), 'payload.override[0].params["tools.-1"]: -1 is no pos'),
        (payload(params={"tools[0]": 1}), 'payload.override[0].params["tools[0]"]: tools[0] is no'),
        (payload(params={"tools.01": 1}), 'payload.override[0].params["tools.01"]: 01 is no pos'),
        (payload(params={"t.*.a": 1}), 'payload.override[0].params["t.*.a"]: a path has no wild'),
        (payload(exist=["a..b"]), "payload.override[0].models[0].exist[0]: a path needs"),
        (payload(match={"": 1}), 'payload.override[0].models[0].match[""]: a path needs'),
        (payload(from_protocol="soap"), "payload.override[0].models[0].from-protocol: must be"),
        (payload(headers={"a b": "*"}), 'payload.override[0].models[0].headers["a b"]: is not a'),
        (payload("override-raw", {"a": "{"}), "payload.override-raw[0].params.a: is not JSON"),
        (payload("default-raw", {"a": "1 2"}), "payload.default-raw[0].params.a: is not JSON"),
        (payload("default-raw", {"a": 1}), "payload.default-raw[0].params.a: must be a text"),
        (payload(params={"a": [float("nan")]}), "payload.override[0].params.a: holds a number"),
        (
            payload(match={"a": 1}, not_match={"a": 1.0}),
            "payload.override[0].models[0].not-match.a: is what match asks for",
        ),
        (
            payload(exist=["a.b"], not_exist=["a"]),
            "payload.override[0].models[0].not-exist[0]: but exist[0] wants a.b",
        ),
        (
            payload(match={"a.b": None}, not_exist=["a"]),
            "payload.override[0].models[0].not-exist[0]: but match wants a.b",
        ),
        (
            payload(match={"a": 1}, not_exist=["a"]),
            "payload.override[0].models[0].not-exist[0]: but match wants a",
        ),
        (
            payload(match={"a": "x"}, exist=["a.b"]),
            "payload.override[0].models[0].exist[0]: is nothing with what match wants",
        ),
        (
            payload(match={"a": None}, exist=["a"]),
            "payload.override[0].models[0].exist[0]: is nothing with what match wants",
        ),
        ({**CLOSED, **payload(name="gemini-*")}, "payload.override[0].models[0].name: matches no"),
        (
            {**CLOSED, **payload(name="gpt-5", protocol="claude")},
            "payload.override[0].models[0].name: matches no model of any credential of claude",
        ),
        (
            {**CLOSED, **payload(name="gpt-5", protocol="messages")},
            "payload.override[0].models[0].name: matches no model of any credential of messages",
        ),
    ],
)
def test_what_can_never_be_is_refused(data: dict[str, Any], problem: str) -> None:
    [found] = problems(data)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "data",
    [
        payload(match={"a": 1}, not_match={"a": True}),
        payload(match={"a": None}, not_exist=["a"]),
        payload(match={"a": {"b": [{"c": 1}]}}, exist=["a.b.0.c"]),
        payload(exist=["a"], not_exist=["a.b"]),
        payload(params={"models": 1}),
        payload(params={r"a.\-1": 1, "stream_options.x": 1}),
        {**CLOSED, **payload(name="best")},
        {**CLOSED, **payload(name="claude-*", protocol="claude")},
        {**CLOSED, **payload(name="gpt-5")},
        {**CLOSED, **payload(name="t/gpt-?", protocol="responses")},
        {**CLOSED, "echo": "on", **payload(name="echo-tools")},
        {**CLOSED, "model-rewrites": [{"from": "x-*", "to": "best"}], **payload(name="x-1")},
        {**CLOSED, "fallbacks": [{"model": "y", "to": ["best"]}], **payload(name="y")},
        {**CLOSED, "gemini-api-key": [{"api-key": "k"}], **payload(name="anything")},
    ],
)
def test_what_may_be_is_taken(data: dict[str, Any]) -> None:
    assert remarks(data) == []
    assert read(data).config.payload.override


def test_a_protocol_that_nobody_speaks_is_remarked_on() -> None:
    data = {**CLOSED, **payload(name="gemini-*", protocol="gemini")}
    assert remarks(data) == [
        "payload.override[0].models[0].protocol: there is no credential of gemini"
    ]


def test_a_refusal_has_file_line_and_column(tmp_path: Any) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "host: 127.0.0.1\npayload:\n  filter:\n    - models: [{name: '*'}]\n      params:\n"
        "        - user\n        - stream\n"
    )
    with pytest.raises(InvalidConfig) as caught:
        load(str(file), {})
    [problem] = caught.value.problems
    assert str(problem).startswith(f"{file}:7:11: ")


def test_a_sensitive_word_has_two_characters() -> None:
    cloak = {"mode": "always", "system-prompt": "p", "sensitive-words": ["ab", "w"]}
    [problem] = problems({"claude-api-key": [{"api-key": "k", "cloak": cloak}]})
    assert problem.startswith("claude-api-key[0].cloak.sensitive-words[1]: is too short")
