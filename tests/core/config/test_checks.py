"""Checks between keys, above all that the gateway never stands open by accident."""

from __future__ import annotations

from typing import Any

import pytest

from aigw_core.config.reading import read_config
from aigw_core.errors import InvalidConfig
from tests.core.config.reading import outside, problems, read, remarks

OPEN_HOSTS = ["0.0.0.0", "::", "192.168.1.5", "gateway.example.com"]


@pytest.mark.parametrize("host", OPEN_HOSTS)
@pytest.mark.parametrize("from_file", [True, False])
def test_an_open_listener_without_keys_does_not_start(host: str, from_file: bool) -> None:
    [problem] = problems({"host": host}, from_file=from_file)
    assert problem.startswith(f"host: {host} can be reached from other machines")


def test_the_default_host_counts_as_open() -> None:
    with pytest.raises(InvalidConfig, match="can be reached from other machines"):
        read_config({"port": 1}, outside(), from_file=True)


def test_a_host_from_the_environment_counts_as_well() -> None:
    found = problems({}, env={"AIGW_HOST": "0.0.0.0"}, from_file=False)
    assert found[0].startswith("AIGW_HOST: host: 0.0.0.0 can be reached")


@pytest.mark.parametrize("from_file", [True, False])
def test_nothing_written_listens_on_loopback(from_file: bool) -> None:
    assert read_config({}, outside(), from_file=from_file).config.host == "127.0.0.1"


@pytest.mark.parametrize(
    "more", [{"api-keys": ["k"]}, {"allow-anonymous": True}, {"allow-anonymous": False}]
)
def test_keys_or_a_clear_word_let_an_open_listener_start(more: dict[str, Any]) -> None:
    assert read({"host": "0.0.0.0", **more}).config.host == "0.0.0.0"


def test_an_open_gateway_is_remarked_on_even_with_keys() -> None:
    data = {"host": "0.0.0.0", "allow-anonymous": True, "api-keys": ["k"]}
    assert remarks(data) == ["allow-anonymous: everybody who reaches 0.0.0.0 can use the gateway"]
    assert remarks({"allow-anonymous": True}) == []


@pytest.mark.parametrize(
    ("data", "from_file", "remarked"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"allow-anonymous": False}, False, True),
        ({"allow-anonymous": True}, True, False),
        ({"api-keys": ["k"]}, True, False),
    ],
)
def test_a_gateway_that_lets_nobody_in_says_so(
    data: dict[str, Any], from_file: bool, remarked: bool
) -> None:
    found = [remark.path for remark in read(data, from_file=from_file).remarks]
    assert found == (["api-keys"] if remarked else [])


def test_tls_needs_its_files() -> None:
    assert problems({"tls": {"enable": True}}) == [
        "tls.cert: is required when TLS is enabled",
        "tls.key: is required when TLS is enabled",
    ]
    tls = {"enable": True, "cert": "/c.pem", "key": "/k.pem"}
    assert problems({"tls": tls}, files={"/c.pem": ""}) == ["tls.key: there is no file /k.pem"]
    read({"tls": tls}, files={"/c.pem": "", "/k.pem": ""})
    read({"tls": tls | {"enable": False}})


def test_client_certificates_need_an_authority() -> None:
    files = {"/c.pem": "", "/k.pem": "", "/a.pem": ""}
    tls = {"enable": True, "cert": "/c.pem", "key": "/k.pem"}
    for client_auth in ("optional", "required"):
        asked = tls | {"client-auth": client_auth}
        assert problems({"tls": asked}, files=files) == [
            f"tls.client-ca: is required with client-auth: {client_auth}"
        ]
        read({"tls": asked | {"client-ca": "/a.pem"}}, files=files)
        assert problems({"tls": asked | {"client-ca": "/b.pem"}}, files=files) == [
            "tls.client-ca: there is no file /b.pem"
        ]
    unused = {"tls": tls | {"client-ca": "/a.pem"}, "api-keys": ["k"]}
    assert [str(each) for each in read(unused, files=files).remarks] == [
        "tls.client-ca: has no effect while client-auth is none, its default"
    ]


def test_a_compatible_server_needs_an_address() -> None:
    assert problems({"openai-compatibility": [{"api-key": "k"}]}) == [
        "openai-compatibility[0].base-url: is required here"
    ]


def test_a_cloak_needs_its_text() -> None:
    assert problems({"claude-api-key": [{"api-key": "k", "cloak": {"mode": "always"}}]}) == [
        "claude-api-key[0].cloak.system-prompt: is required with mode: always"
    ]


def test_keys_without_effect_are_remarked_on() -> None:
    entry = {"api-key": "", "cloak": {"mode": "auto", "system-prompt": "x"}}
    assert remarks({"gemini-api-key": [{**entry, "wire-api": "responses"}]}) == [
        "gemini-api-key[0].api-key: is empty: the entry is left out",
        "gemini-api-key[0].cloak: has no effect outside claude-api-key",
        "gemini-api-key[0].wire-api: has no effect here: the wire format is fixed",
    ]
    assert remarks({"claude-api-key": [{**entry, "api-key": "k"}]}) == []


def test_one_client_key_is_not_given_twice() -> None:
    digest = "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    assert problems({"api-keys": ["foo", "bar", {"key-hash": digest}]}) == [
        "api-keys[2]: is the same key as an earlier entry"
    ]


def test_fewer_tokens_than_requests_are_no_limit_to_keep() -> None:
    def limits(requests: int, tokens: int) -> dict[str, Any]:
        key = {"key": "k", "requests-per-minute": requests, "tokens-per-minute": tokens}
        return {"api-keys": [key]}

    [problem] = problems(limits(60, 59))
    assert problem.startswith("api-keys[0].tokens-per-minute: is smaller than requests-per-minute")
    assert remarks(limits(60, 60)) == []


def test_names_of_client_keys_and_unknown_providers_are_remarked_on() -> None:
    data = {
        "claude-api-key": [{"api-key": "k", "name": "main"}, {"api-key": "l"}],
        "api-keys": [
            {"key": "a", "name": "x", "allowed-providers": ["main", "claude-2", "open*", "echo"]},
            {"key": "b", "name": "x", "allowed-providers": ["mian"]},
        ],
    }
    assert remarks(data) == [
        'api-keys[1]: another key is called "x" too',
        "api-keys[1].allowed-providers[0]: matches no credential and no kind of provider",
    ]


def test_identifiers_are_written_once_and_well() -> None:
    def entries(*ids: str) -> dict[str, Any]:
        return {"openai-api-key": [{"api-key": f"k{at}", "id": id} for at, id in enumerate(ids)]}

    assert problems(entries("0123456789ab", "0123456789ab")) == [
        "openai-api-key[1].id: is that of an earlier entry, too"
    ]
    for id in ("short", "UPPERCASE-LETTERS", "with/a/slash", "x" * 65, "-begins-so"):
        assert problems(entries(id))[0].startswith("openai-api-key[0].id: must be 8 to 64 ")


def test_a_key_prefix_is_not_the_key() -> None:
    key = {"key-hash": "sha256:" + "a" * 64, "key-prefix": "sk-" + "x" * 40}
    assert problems({"api-keys": [key]})[0].startswith("api-keys[0].key-prefix: is longer than 16")


def test_only_wholly_equal_credentials_are_duplicates() -> None:
    data = {
        "claude-api-key": [
            {"api-key": "k"},
            {"api-key": "k", "prefix": "a/"},
            {"api-key": "k"},
            {"api-key": "k", "base-url": "https://x.example"},
        ]
    }
    assert remarks(data) == ["claude-api-key[2]: is the same as an earlier entry and is left out"]


def test_overlapping_aliases() -> None:
    models = [
        {"id": "a", "alias": "x"},
        {"id": "b", "alias": "x"},
        {"id": "c", "alias": "a"},
        {"id": "d", "alias": "d"},
        {"id": "e-*", "alias": "f-*"},
        {"id": "g-*", "alias": "f-*"},
    ]
    assert problems({"claude-api-key": [{"api-key": "k", "models": models}]}) == [
        "claude-api-key[0].models[1].alias: stands for two models of this credential"
    ]
    assert remarks({"claude-api-key": [{"api-key": "k", "models": models[2:] + models[:1]}]}) == [
        "claude-api-key[0].models[0].alias: is never used: a model of this credential has it as"
        " its id"
    ]
