"""Plain data to Structs: types, unknown keys, and all problems at once."""

from __future__ import annotations

from typing import Any

import pytest

from aigw_core.errors import InvalidConfig, UnknownKey
from tests.core.config.reading import problems, read


def test_nothing_written_gives_the_defaults() -> None:
    config = read({}).config
    assert (config.port, config.request_timeout, config.retry.max_retries) == (8317, 600.0, 2)
    assert config.streaming.bootstrap_retries is None


def test_every_problem_is_found_in_one_reading() -> None:
    assert problems(
        {
            "prot": 1,
            "port": 70000,
            "tls": {"enabel": True},
            "api-keys": "sk-1",
            "claude-api-key": [
                {"weight": 1},
                {"api-key": "k", "weight": 0, "base-url": "ftp://x", "models": [{"alias": "a"}]},
            ],
        }
    ) == [
        'prot: unknown key "prot" (did you mean "port"?)',
        "port: must be a whole number from 0 to 65535",
        'tls.enabel: unknown key "enabel" (did you mean "enable"?)',
        "api-keys: must be a list, not a text",
        "claude-api-key[0].api-key: is required",
        "claude-api-key[1].base-url: a base URL starts with https:// or http://",
        "claude-api-key[1].models[0].id: is required",
        "claude-api-key[1].weight: must be a whole number from 1 to 1000",
    ]


def test_a_misspelt_required_key_is_reported_once() -> None:
    assert problems({"claude-api-key": [{"api_key": "k"}]}) == [
        'claude-api-key[0].api_key: unknown key "api_key" (did you mean "api-key"?)'
    ]


def test_an_unknown_key_that_resembles_none_gets_no_suggestion() -> None:
    with pytest.raises(InvalidConfig) as caught:
        read({"zzzzzzzz": 1})
    [problem] = caught.value.problems
    assert isinstance(problem, UnknownKey)
    assert str(problem) == 'zzzzzzzz: unknown key "zzzzzzzz"'


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"port": "8317"}, "port: must be a whole number from 0 to 65535, not a text"),
        ({"port": 1.5}, "port: must be a whole number from 0 to 65535"),
        ({"port": True}, "port: must be a whole number from 0 to 65535, not true or false"),
        ({"port": None}, "port: must be a whole number from 0 to 65535, not nothing"),
        ({"port": 10**30}, "port: must be a whole number from 0 to 65535"),
        ({"host": 127}, "host: must be a text, not a number (put it in quotes)"),
        ({"force-model-prefix": "yes"}, "force-model-prefix: must be true or false, not a text"),
        ({"force-model-prefix": 1}, "force-model-prefix: must be true or false, not a number"),
        ({"echo": True}, "echo: must be one of auto, on, off, not true or false"),
        ({"allow-anonymous": "no"}, "allow-anonymous: must be one of true, false, auto"),
        (
            {"routing": {"strategy": "RoundRobin"}},
            "routing.strategy: must be one of round-robin, weighted, fill-first, least-in-flight,"
            " lowest-latency, sticky-key, sticky-session, sticky-prefix"
            ' (did you mean "round-robin"?)',
        ),
        ({"idle-timeout": -1}, "idle-timeout: must be a number from 0 to 31536000"),
        ({"idle-timeout": float("nan")}, "idle-timeout: must be a number from 0 to 31536000"),
        ({"idle-timeout": float("inf")}, "idle-timeout: must be a number from 0 to 31536000"),
        ({"retry": []}, "retry: must be a map, not a list"),
        ({"claude-api-key": {}}, "claude-api-key: must be a list, not a map"),
        ({"claude-api-key": ["k"]}, "claude-api-key[0]: must be a map, not a text"),
        ({"claude-header-defaults": ["a"]}, "claude-header-defaults: must be a map, not a list"),
        (
            {"api-keys": [{"key": "k", "expires-at": "2027-01-01"}]},
            "api-keys[0].expires-at: must be a time with a zone, as 2027-01-01T00:00:00Z",
        ),
        (
            {"api-keys": [{"key": "k", "expires-at": "2027-01-01T00:00:00"}]},
            "api-keys[0].expires-at: must be a time with a zone, as 2027-01-01T00:00:00Z",
        ),
        (
            {"api-keys": [12345]},
            "api-keys[0]: must be a map, not a number",
        ),
        (
            {"openai-api-key": [{"api-key": 12345}]},
            "openai-api-key[0].api-key: must be a text, not a number (put it in quotes)",
        ),
        (
            {"openai-api-key": [{"api-key": "k", "caps": {"efforts": ["hihg"]}}]},
            "openai-api-key[0].caps.efforts[0]: must be one of none, minimal, low, medium, high,"
            ' xhigh, max (did you mean "high"?)',
        ),
        (
            {"model-prices": {"m": {"input": "x", "output": 1}}},
            "model-prices.m.input: must be a number, not a text",
        ),
        (
            {"model-prices": {"m": {"input": -1, "output": 1}}},
            "model-prices.m.input: must be a number, 0 or more",
        ),
        (
            {"model-prices": {"m": {"input": "NaN", "output": 1}}},
            "model-prices.m.input: must be a number, 0 or more",
        ),
        ({"fallbacks": [{"model": "a", "to": []}]}, "fallbacks[0].to: needs at least one entry"),
    ],
)
def test_a_wrong_value_says_what_is_expected(data: dict[str, Any], problem: str) -> None:
    assert problems(data) == [problem]


@pytest.mark.parametrize("key", ["retry", "api-keys", "model-prices", "claude-api-key"])
def test_a_key_with_nothing_below_it_is_empty(key: str) -> None:
    assert read({key: None}).config == read({}).config


def test_a_plain_text_stands_for_a_client_key() -> None:
    assert read({"api-keys": ["sk-1"]}).config == read({"api-keys": [{"key": "sk-1"}]}).config


def test_secrets_show_in_no_problem_and_in_no_representation() -> None:
    data: dict[str, Any] = {
        "api-keys": ["canary-1 with space", {"key-hash": "canary-2"}],
        "proxy-url": "socks4://u:canary-3@h:1",
        "claude-api-key": [{"api-key": "canary-4\n", "headers": {"x": "canary-5\n"}}],
        "dashboard": {"password-hash": "canary-6", "jwt-secret": "canary-7"},
        "seals": {"secret": "canary-8"},
        "state": {"redis": "http://:canary-9@h"},
    }
    found = problems(data)
    assert len(found) == 9
    assert "canary" not in " ".join(found)
    good = {
        "api-keys": ["canary-1"],
        "proxy-url": "http://u:canary-2@h:1",
        "claude-api-key": [{"api-key": "canary-3", "headers": {"x": "canary-4"}}],
        "seals": {"secret": "canary-5" * 4},
    }
    assert "canary" not in repr(read(good))
