"""From what was written to what requests run on."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

import pytest

from aigw_core.access import authenticate
from aigw_core.chat import Effort, Format
from aigw_core.codec import Caps
from aigw_core.config.compile import compile_config
from aigw_core.config.schema import CapsEntry, Config
from aigw_core.config.secret import Secret
from aigw_core.config.settings import ServerSettings, TlsFiles, server_settings
from aigw_core.config.snapshot import Credential, PayloadMatch, PayloadRule, Snapshot, Timeouts
from aigw_core.errors import GatewayError, InvalidConfig
from tests.core.config.reading import read


def snapshot(data: dict[str, Any], **given: Any) -> Snapshot:
    from_file = given.get("from_file", True)
    return compile_config(read(data, **given).config, "v1", from_file=from_file)


def one(kind: str, **more: Any) -> Credential:
    entry = {"api-key": "k", **{key.replace("_", "-"): value for key, value in more.items()}}
    [credential] = snapshot({kind: [entry]}).credentials
    return credential


def test_the_defaults_of_the_file_are_those_of_the_snapshot() -> None:
    assert snapshot({}) == Snapshot(version="v1", from_file=True)


def test_providers_have_their_own_defaults() -> None:
    claude, openai, gemini = one("claude-api-key"), one("openai-api-key"), one("gemini-api-key")
    compat = one("openai-compatibility", base_url="https://api.groq.com/openai/")
    assert [
        (c.provider, c.name, c.format, c.base_url, c.auth_style)
        for c in (claude, openai, gemini, compat)
    ] == [
        ("claude", "claude-1", Format.MESSAGES, "https://api.anthropic.com", "x-api-key"),
        ("openai", "openai-1", Format.CHAT, "https://api.openai.com", "bearer"),
        (
            "gemini",
            "gemini-1",
            Format.GEMINI,
            "https://generativelanguage.googleapis.com",
            "x-goog-api-key",
        ),
        ("openai-compat", "openai-compat-1", Format.CHAT, "https://api.groq.com/openai", "bearer"),
    ]
    assert claude.caps == openai.caps == gemini.caps == Caps()
    assert compat.caps == Caps(token_field="max_tokens")


@pytest.mark.parametrize(
    ("base_url", "style"),
    [
        ("https://api.anthropic.com", "x-api-key"),
        ("https://API.Anthropic.com:443/x", "x-api-key"),
        ("https://anthropic.com", "bearer"),
        ("https://api.anthropic.com.evil.example", "bearer"),
        ("https://evil.example/api.anthropic.com", "bearer"),
        ("https://notapi.anthropic.com", "bearer"),
    ],
)
def test_only_the_exact_host_gets_the_vendor_header(base_url: str, style: str) -> None:
    assert one("claude-api-key", base_url=base_url).auth_style == style
    assert (
        one("claude-api-key", base_url=base_url, auth_style="x-api-key").auth_style == "x-api-key"
    )


def test_wire_api_picks_the_format_where_it_can() -> None:
    assert one("openai-api-key", wire_api="responses").format is Format.RESPONSES
    compat = one("openai-compatibility", base_url="https://x.example", wire_api="responses")
    assert compat.format is Format.RESPONSES
    assert one("claude-api-key", wire_api="responses").format is Format.MESSAGES


@pytest.mark.parametrize(
    ("general", "own", "used"),
    [
        (None, None, None),
        ("http://g:1", None, "http://g:1"),
        ("http://g:1", "socks5://o:1", "socks5://o:1"),
        ("http://g:1", "", None),
        (None, "http://o:1", "http://o:1"),
        ("", None, None),
    ],
)
def test_the_own_proxy_goes_before_the_general_one(
    general: str | None, own: str | None, used: str | None
) -> None:
    data = {"proxy-url": general, "claude-api-key": [{"api-key": "k", "proxy-url": own}]}
    [credential] = snapshot(data).credentials
    assert credential.proxy_url == (None if used is None else Secret(used))


def test_own_timeouts_go_before_the_general_ones() -> None:
    data = {
        "connect-timeout": 1,
        "first-byte-timeout": 2,
        "idle-timeout": 3,
        "request-timeout": 4,
        "stream-total-timeout": 5,
        "claude-api-key": [{"api-key": "k"}, {"api-key": "l", "timeouts": {"idle": 0}}],
    }
    first, second = snapshot(data).credentials
    assert first.timeouts == Timeouts(1, 2, 3, 4, 5)
    assert second.timeouts == Timeouts(1, 2, 0, 4, 5)


def test_caps_have_the_fields_of_the_codecs_and_keep_what_is_not_written() -> None:
    assert CapsEntry.__struct_fields__ == Caps.__struct_fields__
    written = {"efforts": ["low", "max"], "max-output": None, "sampling": False}
    assert one("claude-api-key", caps=written).caps == Caps(
        efforts=(Effort.LOW, Effort.MAX), sampling=False
    )
    compat = one("openai-compatibility", base_url="https://x.example", caps={"prefill": True})
    assert compat.caps == Caps(token_field="max_tokens", prefill=True)


def test_identifiers_survive_a_move_and_tell_entries_apart() -> None:
    a = {"api-key": "a"}
    b = {"api-key": "b"}
    prefixed = {"api-key": "a", "prefix": "p/"}
    twin = {"api-key": "a", "models": [{"id": "m"}]}
    first = {c.api_key.reveal(): c.id for c in snapshot({"claude-api-key": [a, b]}).credentials}
    second = {c.api_key.reveal(): c.id for c in snapshot({"claude-api-key": [b, a]}).credentials}
    assert first == second
    several = snapshot({"claude-api-key": [a, b, prefixed, twin], "openai-api-key": [a]})
    ids = [credential.id for credential in several.credentials]
    assert len(set(ids)) == 5
    assert ids[3] == f"{ids[0]}-2"
    renamed = snapshot({"claude-api-key": [a | {"name": "n", "weight": 5, "base-url": None}]})
    assert renamed.credentials[0].id == first["a"]


def test_a_written_identifier_counts_whatever_else_changes() -> None:
    by_hash = one("openai-api-key").id
    entry = {"api-key": "k", "id": by_hash}
    assert one("openai-api-key", **{"api-key": "other", "id": by_hash}).id == by_hash
    # It was there first, wherever it stands: another entry with that hash gives way.
    for entries in ([entry, {"api-key": "k"}], [{"api-key": "k"}, entry]):
        found = {each.id for each in snapshot({"openai-api-key": entries}).credentials}
        assert found == {by_hash, f"{by_hash}-2"}


def test_what_may_be_shown_of_a_client_key() -> None:
    digest = hashlib.sha256(b"another").hexdigest()
    keys = [
        "sk-a-key-in-clear-text",
        "short",
        {"key-hash": f"sha256:{digest}", "key-prefix": "sk-proxy-abcd"},
        {"key-hash": "sha256:" + "a" * 64, "created-at": "2026-11-23T00:00:00Z"},
    ]
    found = snapshot({"api-keys": keys}).client_keys.values()
    assert [each.masked for each in found] == [
        "sk-a****text",
        "****",
        "sk-proxy-abcd...",
        "sha256:aaaaaaaa...",
    ]
    assert [each.created_at for each in found] == [None, None, None, 1795392000.0]


def test_unusable_and_repeated_entries_are_left_out() -> None:
    data = {
        "claude-api-key": [{"api-key": ""}, {"api-key": "k"}, {"api-key": "k"}],
        "openai-api-key": [{"api-key": "k", "disabled": True}],
    }
    found = snapshot(data).credentials
    assert [(c.name, c.position, c.disabled) for c in found] == [
        ("claude-2", 0, False),
        ("openai-1", 1, True),
    ]


def test_everything_written_reaches_the_credential() -> None:
    credential = one(
        "claude-api-key",
        name="main",
        prefix="a/",
        models=[{"id": "m", "alias": "x"}],
        excluded_models=["*-old"],
        headers={"X-Team": "t"},
        weight=3,
        priority=-1,
        allow_insecure=True,
        base_url="http://example.com",
        cloak={"mode": "auto", "system-prompt": "s", "skip-user-agents": ["x"]},
    )
    assert credential.name == "main"
    assert credential.prefix == "a/"
    assert [(model.id, model.alias) for model in credential.models] == [("m", "x")]
    assert credential.excluded_models == ("*-old",)
    assert credential.headers == (("x-team", "t"),)
    assert (credential.weight, credential.priority, credential.allow_insecure) == (3, -1, True)
    assert credential.cloak is not None
    assert (credential.cloak.always, credential.cloak.system_prompt) == (False, "s")
    assert one("openai-api-key", cloak={"mode": "auto", "system-prompt": "s"}).cloak is None


def test_client_keys_are_found_by_their_digest() -> None:
    digest = hashlib.sha256(b"sk-2").hexdigest()
    made = snapshot(
        {
            "api-keys": [
                "sk-1",
                {
                    "key-hash": f"sha256:{digest.upper()}",
                    "name": "ci",
                    "expires-at": "2027-01-01T01:00:00+01:00",
                    "allowed-models": ["a*"],
                    "requests-per-minute": 6,
                },
            ]
        }
    )
    plain = authenticate("sk-1", made, loopback=False, wall=0.0)
    hashed = authenticate("sk-2", made, loopback=False, wall=0.0)
    assert plain.name == "key-1"
    assert hashed.key is not None
    assert (hashed.key.name, hashed.key.id) == ("ci", digest[:8])
    assert hashed.key.expires_at == 1798761600.0
    assert (hashed.key.allowed_models, hashed.key.requests_per_minute) == (("a*",), 6)
    with pytest.raises(GatewayError):
        authenticate("sk-3", made, loopback=True, wall=0.0)


@pytest.mark.parametrize(
    ("data", "from_file", "loopback", "let_in"),
    [
        ({}, False, True, True),
        ({}, False, False, False),
        ({}, True, True, False),
        ({"allow-anonymous": True}, True, False, True),
        ({"allow-anonymous": False}, False, True, False),
        ({"api-keys": ["k"]}, False, True, False),
    ],
)
def test_who_needs_no_key(
    data: dict[str, Any], from_file: bool, loopback: bool, let_in: bool
) -> None:
    made = snapshot(data, from_file=from_file)
    if let_in:
        assert authenticate(None, made, loopback=loopback, wall=0.0).key is None
    else:
        with pytest.raises(GatewayError):
            authenticate(None, made, loopback=loopback, wall=0.0)


def test_no_config_gets_around_the_exposure_check() -> None:
    with pytest.raises(InvalidConfig, match="can be reached from other machines"):
        compile_config(Config(), "v1", from_file=False)


@pytest.mark.parametrize(
    ("data", "attempts"),
    [
        ({}, (3, 3)),
        ({"retry": {"max-retries": 0}}, (1, 1)),
        ({"streaming": {"bootstrap-retries": 0}}, (3, 1)),
        ({"retry": {"max-retries": 4}, "streaming": {"bootstrap-retries": 1}}, (5, 2)),
    ],
)
def test_attempts_are_one_more_than_retries(
    data: dict[str, Any], attempts: tuple[int, int]
) -> None:
    retry = snapshot(data).retry
    assert (retry.attempts, retry.stream_attempts) == attempts


def test_the_rest_reaches_the_snapshot() -> None:
    rule = {"models": [{"name": "g*", "protocol": "Gemini"}], "params": {"b.c": [1], "a": None}}
    made = snapshot(
        {
            "claude-api-key": [{"api-key": "k", "name": "main"}],
            "provider-pins": [{"model": "c*", "providers": ["main"]}],
            "body-limit-mb": 1,
            "passthrough-headers": ["X-A"],
            "trusted-proxies": ["10.0.0.0/8"],
            "admin": {"allow": ["::1"], "scrape-token": "t"},
            "fallbacks": [{"model": "a*", "to": ["b", "c"]}],
            "model-rewrites": [{"from": "a", "to": "b"}],
            "payload": {
                "default": [rule],
                "filter": [{"models": [{"name": "*"}], "params": ["x"]}],
            },
            "claude-header-defaults": {"X-B": "v"},
            "seals": {"secret": "s" * 32, "previous": "p" * 32},
            "model-prices": {"gpt-4.1": {"input": 0.1, "output": "2.50", "cache-read": 0}},
            "capture": {"enabled": True, "models": ["m"], "retention-hours": 1},
            "dashboard": {"enabled": True, "ws-query-token": False},
            "debug": {"check-grammar": True},
            "non-stream-keepalive-secs": 5,
        }
    )
    assert made.body_limit == 1 << 20
    assert made.passthrough_headers == ("x-a",)
    assert made.trusted_proxies == (ip_network("10.0.0.0/8"),)
    assert made.admin_networks == (ip_network("::1"),)
    assert made.scrape_token == Secret("t")
    assert made.fallbacks == (("a*", ("b", "c")),)
    assert made.model_rewrites == (("a", "b"),)
    assert made.provider_pins == (("c*", ("main",)),)
    assert made.payload.default == (
        PayloadRule(
            "payload.default[0]",
            (PayloadMatch("g*", "gemini"),),
            ((("a",), b"null"), (("b", "c"), b"[1]")),
        ),
    )
    assert made.payload.filter == (
        PayloadRule("payload.filter[0]", (PayloadMatch("*"),), ((("x",), None),)),
    )
    assert made.cloak_headers == (("x-b", "v"),)
    assert (made.seal_secret, made.previous_seal_secret) == (Secret("s" * 32), Secret("p" * 32))
    price = made.prices["gpt-4.1"]
    assert (price.input, price.output) == (Decimal("0.1"), Decimal("2.50"))
    assert (price.cache_read, price.cache_write) == (Decimal(0), Decimal("0.1"))
    assert made.capture is not None
    assert (made.capture.models, made.capture.retention) == (("m",), 3600.0)
    assert made.dashboard is not None
    assert (made.dashboard.password_hash, made.dashboard.ws_query_token) == (None, False)
    assert made.check_grammar
    assert made.non_stream_keepalive == 5.0


def test_settings_have_the_files_of_tls_only_when_it_is_enabled() -> None:
    files = {"/c": "", "/k": ""}
    tls: dict[str, Any] = {"cert": "/c", "key": "/k"}
    off = server_settings(read({"tls": tls}).config)
    on = server_settings(read({"tls": {"enable": True, **tls}}, files=files).config)
    assert off.tls is None
    assert on.tls == TlsFiles("/c", "/k")
    assert on.loopback_only


def test_other_files_of_tls_need_no_restart_but_tls_itself_does() -> None:
    files = {"/c": "", "/k": "", "/d": ""}

    def of(**tls: Any) -> ServerSettings:
        data = {"tls": {"cert": "/c", "key": "/k", **tls}}
        return server_settings(read(data, files=files).config)

    on = of(enable=True)
    assert on.differing(of(enable=True, cert="/d")) == ()
    required = {"client-ca": "/d", "client-auth": "required"}
    assert on.differing(of(enable=True, **required)) == ()
    assert on.differing(of()) == ("tls.enable",)
