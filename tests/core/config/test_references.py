"""Values that stand elsewhere."""

from __future__ import annotations

import re

import pytest

from aigw_core.config.references import References, Unresolved
from aigw_core.config.secret import Secret
from tests.core.config.reading import outside, problems, read

ENV = {"KEY": "k-1", "EMPTY": "", "PORT": "9000"}
FILES = {"/run/secrets/key": "  k-2\n"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("plain", "plain"),
        ("$KEY and $2b$12$abc", "$KEY and $2b$12$abc"),
        ("${KEY}", "k-1"),
        ("a ${KEY} b ${KEY}", "a k-1 b k-1"),
        ("${EMPTY}", ""),
        ("${EMPTY:-x}", "x"),
        ("${NONE:-x y}", "x y"),
        ("${NONE:-}", ""),
        ("${KEY:-x}", "k-1"),
        ("$${KEY}", "${KEY}"),
        ("$$${KEY}", "$${KEY}"),
        ("env://KEY", "k-1"),
        ("file:///run/secrets/key", "k-2"),
        ("see file:///run/secrets/key", "see file:///run/secrets/key"),
    ],
)
def test_references_resolve(written: str, meant: str) -> None:
    assert References(outside(ENV, FILES)).resolve(written) == meant


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("${NONE}", "the environment variable NONE is not set"),
        ("env://NONE", "the environment variable NONE is not set"),
        ("env://", "env:// needs the name of an environment variable"),
        ("env://${KEY}", "env:// needs the name of an environment variable"),
        ("file:///nowhere", "the file /nowhere cannot be read: No such file or directory"),
        ("file://etc/key", "a file:// reference needs an absolute path: file:///path"),
        ("${KEY", "opens no well-formed"),
        ("${1}", "opens no well-formed"),
        ("${KEY:x}", "opens no well-formed"),
    ],
)
def test_a_reference_that_leads_nowhere_says_why(written: str, why: str) -> None:
    with pytest.raises(Unresolved, match=re.escape(why)):
        References(outside(ENV, FILES)).resolve(written)


def test_what_a_reference_gave_is_not_looked_at_again() -> None:
    env = {"A": "${B}", "B": "b"}
    assert References(outside(env)).resolve("${A}") == "${B}"


def test_references_work_in_every_value() -> None:
    rule = {"models": [{"name": "*"}], "params": {"a": [{"b": "${KEY}"}]}}
    data = {
        "port": "${PORT}",
        "force-model-prefix": "${FLAG:-true}",
        "routing": {"strategy": "${NONE:-fill-first}"},
        "api-keys": ["${KEY}"],
        "claude-header-defaults": {"x-team": "team ${KEY}"},
        "payload": {"override": [rule]},
    }
    config = read(data, env=ENV).config
    assert config.port == 9000
    assert config.force_model_prefix is True
    assert config.routing.strategy == "fill-first"
    assert config.api_keys[0].key == Secret("k-1")
    assert config.claude_header_defaults == {"x-team": Secret("team k-1")}
    assert config.payload.override[0].params == {"a": [{"b": "k-1"}]}


def test_keys_are_no_references() -> None:
    assert problems({"claude-header-defaults": {"${KEY}": "v"}}, env=ENV) == [
        'claude-header-defaults["${KEY}"]: is not a legal header name'
    ]


def test_an_unset_variable_is_reported_at_its_key() -> None:
    assert problems({"openai-api-key": [{"api-key": "${NONE}"}]}) == [
        "openai-api-key[0].api-key: the environment variable NONE is not set"
    ]


def test_a_wrong_value_from_a_reference_is_not_repeated() -> None:
    found = problems({"routing": {"strategy": "${S}"}, "port": "${S}"}, env={"S": "canary"})
    assert len(found) == 2
    assert "canary" not in " ".join(found)
