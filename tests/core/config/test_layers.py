"""Command line over environment over file over default."""

from __future__ import annotations

import pytest

from aigw_core.config.settings import server_settings
from tests.core.config.reading import problems, read


def test_flag_over_environment_over_file_over_default() -> None:
    file = {"port": 1}
    env = {"AIGW_PORT": "2"}
    assert read({}).config.port == 8317
    assert read(file).config.port == 1
    assert read(file, env=env).config.port == 2
    assert read(file, env=env, overrides={"port": 3}).config.port == 3
    assert read(file, env=env, overrides={"port": None}).config.port == 2


def test_all_variables_reach_their_keys() -> None:
    env = {
        "AIGW_HOST": "::1",
        "AIGW_PORT": "9",
        "AIGW_LOG_LEVEL": "debug",
        "AIGW_STATE_DIR": "/s",
    }
    settings = server_settings(read({"log": {"format": "json"}}, env=env).config)
    assert (settings.host, settings.port, settings.log_level) == ("::1", 9, "debug")
    assert (settings.state_path, settings.log_format) == ("/s", "json")


def test_an_empty_variable_is_none() -> None:
    assert read({"port": 1}, env={"AIGW_PORT": ""}).config.port == 1


def test_a_wrong_override_names_where_it_came_from() -> None:
    assert problems({}, env={"AIGW_PORT": "x"}) == [
        "AIGW_PORT: port: must be a whole number from 0 to 65535, not a text"
    ]
    assert problems({}, overrides={"log.level": "loud"})[0].startswith(
        "command line: log.level: must be one of debug, info, warning, error"
    )


def test_an_override_is_no_reference() -> None:
    assert problems({}, env={"AIGW_HOST": "${PORT}", "PORT": "1"})[0].startswith("AIGW_HOST: host:")


def test_the_jwt_variable_only_fills_a_gap() -> None:
    env = {"DASHBOARD_JWT_SECRET": "e" * 32}
    filled = read({"dashboard": {"enabled": True}}, env=env).config.dashboard.jwt_secret
    written = read({"dashboard": {"jwt-secret": "f" * 32}}, env=env).config.dashboard.jwt_secret
    assert filled is not None
    assert filled.reveal() == "e" * 32
    assert written is not None
    assert written.reveal() == "f" * 32


@pytest.mark.parametrize(
    ("env", "lists"),
    [
        ({}, (0, 0, 0)),
        ({"ANTHROPIC_API_KEY": "a"}, (1, 0, 0)),
        ({"OPENAI_API_KEY": " o\n", "GOOGLE_API_KEY": "g"}, (0, 1, 1)),
        ({"GEMINI_API_KEY": "g", "GOOGLE_API_KEY": "h"}, (0, 0, 1)),
        ({"OPENAI_API_KEY": " "}, (0, 0, 0)),
    ],
)
def test_well_known_variables_make_credentials_without_a_file(
    env: dict[str, str], lists: tuple[int, int, int]
) -> None:
    config = read({}, env=env, from_file=False).config
    found = (config.claude_api_key, config.openai_api_key, config.gemini_api_key)
    assert tuple(len(entries) for entries in found) == lists
    assert all(entry.api_key.reveal() in ("a", "o", "g") for each in found for entry in each)


def test_well_known_variables_mean_nothing_beside_a_file() -> None:
    config = read({"port": 1}, env={"OPENAI_API_KEY": "o"}).config
    assert config.openai_api_key == ()
    bad = problems({}, env={"OPENAI_API_KEY": "o o"}, from_file=False)
    assert bad[0].startswith("OPENAI_API_KEY: openai-api-key[0].api-key: must hold no spaces")
