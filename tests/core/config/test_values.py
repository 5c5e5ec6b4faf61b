"""Checks of single values, through the configuration that uses them."""

from __future__ import annotations

from typing import Any

import pytest

from aigw_core.config.values import is_loopback, payload_path
from tests.core.config.reading import problems, read

HASH = "sha256:" + "0" * 64
BCRYPT = "$2b$12$" + "a" * 53


def credential(**more: Any) -> dict[str, Any]:
    return {
        "claude-api-key": [{"api-key": "k", **{k.replace("_", "-"): v for k, v in more.items()}}]
    }


@pytest.mark.parametrize(
    "data",
    [
        {"host": "::1"},
        {"host": "localhost"},
        {"proxy-url": ""},
        {"proxy-url": "http://user:p%40ss@proxy.example:3128/"},
        {"proxy-url": "socks5://[::1]:1080"},
        credential(base_url="https://api.example.com/anthropic/"),
        credential(base_url="http://localhost:11434"),
        credential(base_url="http://example.com", allow_insecure=True),
        credential(headers={"X-Team": "a b"}),
        credential(prefix=""),
        {"dashboard": {"password-hash": ""}},
        {"dashboard": {"password-hash": BCRYPT}},
        {"dashboard": {"password-hash": BCRYPT.replace("$12$", "$14$")}},
        {"api-keys": [{"key-hash": HASH}]},
        {"trusted-proxies": ["10.0.0.0/8", "::1", "2001:db8::/32"]},
        {"state": {"redis": "rediss://:pw@cache:6379/0"}},
        {"state": {"redis": "unix:///run/redis/redis.sock?db=1"}},
        {"passthrough-headers": ["OpenAI-Organization"]},
    ],
)
def test_good_values_pass(data: dict[str, Any]) -> None:
    read(data)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"host": "http://x"}, "host: must be an IP address"),
        ({"host": "[::1]"}, "host: must be an IP address"),
        (
            credential(headers={"x-a": "$Authorization"}),
            "claude-api-key[0].headers.x-a: this header of a client is never passed on",
        ),
        ({"proxy-url": "ftp://h:1"}, "proxy-url: must be http://HOST:PORT"),
        ({"proxy-url": "http://h:1/path"}, "proxy-url: must be http://HOST:PORT"),
        ({"proxy-url": "http://h:0"}, "proxy-url: the port is not a number from 1 to 65535"),
        ({"proxy-url": "http://h:1\n"}, "proxy-url: must be http://HOST:PORT"),
        (credential(proxy_url="x"), "claude-api-key[0].proxy-url: must be http://HOST:PORT"),
        (
            credential(base_url="https://x.example/v1"),
            "claude-api-key[0].base-url: must not end in /v1",
        ),
        (
            credential(base_url="https://x.example/v1/"),
            "claude-api-key[0].base-url: must not end in /v1",
        ),
        (
            credential(base_url="https://x.example/v1beta"),
            "claude-api-key[0].base-url: must not end in /v1beta",
        ),
        (
            credential(base_url="http://example.com"),
            "claude-api-key[0].base-url: http:// would send the key",
        ),
        (
            credential(base_url="http://169.254.169.254"),
            "claude-api-key[0].base-url: this address must not",
        ),
        (
            credential(base_url="https://u:p@x"),
            "claude-api-key[0].base-url: a base URL has no user name",
        ),
        (
            credential(headers={"a b": "c"}),
            'claude-api-key[0].headers["a b"]: is not a legal header name',
        ),
        (
            credential(headers={"Authorization": "c"}),
            "claude-api-key[0].headers.Authorization: this header is set by",
        ),
        (
            credential(headers={"x": "a\r\nb: c"}),
            "claude-api-key[0].headers.x: is not a legal header value",
        ),
        (credential(headers={"x": "a", "X": "b"}), "claude-api-key[0].headers.X: is written twice"),
        (
            credential(excluded_models=[""]),
            "claude-api-key[0].excluded-models[0]: an empty pattern",
        ),
        (
            credential(models=[{"id": " a"}]),
            "claude-api-key[0].models[0].id: must not begin or end",
        ),
        (credential(api_key="sk 1"), "claude-api-key[0].api-key: must hold no spaces"),
        (
            credential(auth_style="basic"),
            "claude-api-key[0].auth-style: must be one of x-api-key, bearer",
        ),
        (
            credential(wire_api="chatt"),
            "claude-api-key[0].wire-api: must be one of chat, responses",
        ),
        (
            credential(caps={"budget-min": 10, "budget-max": 5}),
            "claude-api-key[0].caps.budget-min: is larger than",
        ),
        (
            credential(caps={"maxoutput": 5}),
            'claude-api-key[0].caps.maxoutput: unknown key "maxoutput"'
            ' (did you mean "max-output"?)',
        ),
        (
            {"dashboard": {"password-hash": "secret"}},
            "dashboard.password-hash: is not a bcrypt hash",
        ),
        (
            {"dashboard": {"password-hash": BCRYPT.replace("$12$", "$15$")}},
            "dashboard.password-hash: has a cost of 15",
        ),
        (
            {"dashboard": {"password-hash": BCRYPT[:-1]}},
            "dashboard.password-hash: is not a bcrypt hash",
        ),
        ({"dashboard": {"jwt-secret": "x" * 31}}, "dashboard.jwt-secret: is too short"),
        ({"seals": {"secret": "x" * 31}}, "seals.secret: is too short"),
        ({"api-keys": [""]}, "api-keys[0].key: must not be empty"),
        ({"api-keys": ["schlüssel"]}, "api-keys[0].key: must hold no spaces"),
        (
            {"api-keys": [{"key-hash": "sha256:12"}]},
            'api-keys[0].key-hash: must be "sha256:" and 64 hex digits',
        ),
        ({"api-keys": [{"name": "x"}]}, "api-keys[0]: needs either key or key-hash"),
        (
            {"api-keys": [{"key": "x", "key-hash": HASH}]},
            "api-keys[0]: needs either key or key-hash",
        ),
        (
            {"trusted-proxies": ["10.0.0.1/8"]},
            "trusted-proxies[0]: has bits set beyond its prefix (did you mean 10.0.0.0/8?)",
        ),
        ({"admin": {"allow": ["localhost"]}}, "admin.allow[0]: is no IP address"),
        ({"state": {"redis": "http://h"}}, "state.redis: must be redis://HOST:PORT/DB"),
        ({"state": {"redis": "unix://run/redis.sock"}}, "state.redis: must be redis://HOST"),
        (
            {"passthrough-headers": ["Set-Cookie"]},
            "passthrough-headers[0]: this header is never passed on",
        ),
        (
            {"payload": {"filter": [{"models": [{"name": "*"}], "params": ["a..b"]}]}},
            "payload.filter[0].params[0]: a path needs",
        ),
        (
            {"payload": {"filter": [{"models": [{"name": "*"}], "params": [""]}]}},
            "payload.filter[0].params[0]: a path needs",
        ),
        (
            {"payload": {"default": [{"models": [], "params": {"a": 1}}]}},
            "payload.default[0].models: needs at least one",
        ),
        (
            {
                "payload": {
                    "default": [{"models": [{"name": "*", "protocol": "grpc"}], "params": {"a": 1}}]
                }
            },
            "payload.default[0].models[0].protocol: must be one of",
        ),
        (
            {"payload": {"override": [{"models": [{"name": "*"}], "params": {"a.": 1}}]}},
            'payload.override[0].params["a."]: a path needs',
        ),
    ],
)
def test_bad_values_are_refused(data: dict[str, Any], problem: str) -> None:
    [found] = problems(data)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a", ("a",)),
        ("a.b.0", ("a", "b", 0)),
        ("a.10.b", ("a", 10, "b")),
        (r"a.\0", ("a", "0")),
        ("a.00", ("a", "00")),
        (r"a\.b.c", ("a.b", "c")),
        (r"a\\.b", ("a\\", "b")),
        (r"a\\\.b", ("a\\.b",)),
        ("", ("",)),
    ],
)
def test_payload_paths_split_at_free_dots(text: str, steps: tuple[str | int, ...]) -> None:
    assert payload_path(text) == steps


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("127.0.0.1.example.com", False),
        ("127.example.com", False),
        ("10.0.0.1", False),
        ("example.com", False),
    ],
)
def test_only_loopback_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
