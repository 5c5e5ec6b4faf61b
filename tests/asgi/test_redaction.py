"""Secrets are hidden by value and by look."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_asgi.redaction import MAX_KNOWN, Redactor, secrets_in
from aigw_core.chat import Format
from aigw_core.config.secret import Secret
from aigw_core.config.snapshot import Credential, DashboardAccess, Snapshot

KEYS = [f"canary-{name}-0123456789" for name in ("api", "header", "scrape", "hash", "jwt", "seal")]


def snapshot() -> Snapshot:
    """A canary wherever a snapshot has a secret."""
    api, header, scrape, bcrypt, jwt, seal = map(Secret, KEYS)
    credential = Credential(
        id="1",
        provider="claude",
        name="one",
        format=Format.MESSAGES,
        base_url="https://api.example",
        api_key=api,
        auth_style="bearer",
        position=0,
        headers=(("x-extra", header),),  # type: ignore[arg-type]  # any place must be found
        proxy_url=Secret("http://user:proxy-pass-9@10.0.0.1:3128"),
    )
    return Snapshot(
        version="1",
        credentials=(credential,),
        scrape_token=scrape,
        seal_secret=seal,
        dashboard=DashboardAccess("admin", bcrypt, jwt, 60.0, ws_query_token=True),
    )


def test_every_secret_of_a_snapshot_is_found() -> None:
    assert {*KEYS, "http://user:proxy-pass-9@10.0.0.1:3128"} == set(secrets_in(snapshot()))


@pytest.mark.parametrize("key", [*KEYS, "proxy-pass-9"])
def test_a_known_value_is_hidden_wherever_it_stands(key: str) -> None:
    redactor = Redactor()
    redactor.know(snapshot())
    for text in (f"x{key}y", f"{{'a': '{key}'}}", f"{key}\n{key}", f"/path?x={key}&y=1"):
        assert key not in redactor.hide(text)
        assert "***" in redactor.hide(text)


def test_a_value_is_hidden_in_the_forms_that_others_write_it_in() -> None:
    redactor = Redactor()
    value = "pass/word=1'2\"3"
    redactor.know(Secret(value))
    assert redactor.hide("url pass%2Fword%3D1%272%223") == "url ***"
    try:
        raise ValueError({"key": value})
    except ValueError:
        assert "word=1" not in redactor.hide(traceback.format_exc())


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("key sk-ant-REDACTED-cdefghijk.", "key ***."),
        ("AIzaSyA-0123456789abcdefghij", "***"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("Basic dXNlcjpwYXNz", "Basic ***"),
        ("(b'x-api-key', b'plainkey1')", "(b'x-api-key', b'***')"),
        ("x-goog-api-key: plain", "x-goog-api-key: ***"),
        ("GET /v1beta/models?alt=sse&key=abc HTTP", "GET /v1beta/models?alt=sse&key=*** HTTP"),
        ("/ws?token=eyJhbGciOiJI.eyJzdWIiOiJ.abc", "/ws?token=***"),
        ("redis://:hunter22@host:1/0", "redis://***@host:1/0"),
        ("$2b$12$" + "a" * 53, "***"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, hidden: str) -> None:
    assert Redactor().hide(text) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "model claude-sonnet-4-5 -> gpt-5.1-mini in 12.3ms",
        "a risk-assessment-of-sorts, the task-oriented one",
        "config.yaml:12:9: api-keys[2].key-hash: must be sha256",
        "https://api.example/v1/models?limit=20",
        "019ab3c4-89ab-7def-8123-456789abcdef",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    redactor = Redactor()
    redactor.know(Secret("short"), Secret(""))
    assert redactor.hide(text) == text


@settings(derandomize=True, max_examples=100)
@given(st.lists(st.text("abc-", min_size=8, max_size=12), min_size=1, max_size=6), st.text("abc- "))
def test_no_known_value_survives(values: list[str], text: str) -> None:
    redactor = Redactor()
    redactor.know([Secret(value) for value in values])
    shown = redactor.hide(" ".join([text, *values]))
    assert not any(value in shown for value in values)


def test_what_was_known_stays_known_up_to_a_bound() -> None:
    redactor = Redactor()
    redactor.know(Secret("the-first-one"))
    redactor.know(Secret("the-second-one"))
    assert redactor.hide("the-first-one the-second-one") == "*** ***"
    redactor.know([Secret(f"number-{each:06}") for each in range(MAX_KNOWN)])
    assert redactor.hide("the-first-one") == "the-first-one"
    assert redactor.hide("number-000000") == "***"
