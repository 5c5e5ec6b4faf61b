"""Old names of keys."""

from __future__ import annotations

from typing import Any

import pytest

from aigw_core.config.schema import Config
from tests.core.config.reading import problems, read, remarks


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"log-dir": "/l"}, {"log": {"dir": "/l"}}),
        ({"log-dir": "/l", "log": {"level": "debug"}}, {"log": {"dir": "/l", "level": "debug"}}),
        ({"logging-to-file": True}, {"log": {"dir": "./logs"}}),
        ({"logging-to-file": True, "log-dir": "/l"}, {"log": {"dir": "/l"}}),
        ({"logging-to-file": False, "log-dir": "/l"}, {}),
        ({"logging-to-file": False}, {}),
        ({"request-retry": 5}, {"retry": {"max-retries": 5}}),
        ({"max-retry-interval": 5}, {"retry": {"max-backoff-secs": 5}}),
        ({"dashboard": {"request-log-capacity": 5}}, {"request-log": {"max-rows": 5}}),
        ({"debug": True}, {}),
        ({"debug": False}, {}),
    ],
)
def test_an_old_name_means_the_new_one_and_is_remarked_on(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert read(old).config == read(new).config
    assert remarks(old)
    assert not remarks(new)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"log-dir": "/l", "log": {"dir": "/m"}}, "log-dir"),
        ({"logging-to-file": True, "log": {"dir": "/m"}}, "logging-to-file"),
        ({"request-retry": 1, "retry": {"max-retries": 1}}, "request-retry"),
        ({"max-retry-interval": 1, "retry": {"max-backoff-secs": 1}}, "max-retry-interval"),
        (
            {"dashboard": {"request-log-capacity": 1}, "request-log": {"max-rows": 1}},
            "dashboard.request-log-capacity",
        ),
    ],
)
def test_both_names_at_once_are_refused(data: dict[str, Any], path: str) -> None:
    [problem] = problems(data)
    assert problem.startswith(f"{path}: is the old name of")


def test_a_wrong_value_is_reported_under_the_name_that_was_written() -> None:
    assert problems({"request-retry": "x"}) == [
        "request-retry: must be a whole number from 0 to 20, not a text"
    ]
    assert problems({"logging-to-file": "x"}) == ["logging-to-file: must be true or false"]
    assert problems({"retry": 1, "request-retry": 2}) == ["retry: must be a map, not a number"]


def test_the_data_stays_as_it_was() -> None:
    data: dict[str, Any] = {"dashboard": {"request-log-capacity": 5}, "log-dir": "/l"}
    read(data)
    assert data == {"dashboard": {"request-log-capacity": 5}, "log-dir": "/l"}


def test_the_new_place_of_debug_is_a_map() -> None:
    assert read({"debug": {"check-grammar": True}}).config.debug.check_grammar
    assert not Config().debug.check_grammar
