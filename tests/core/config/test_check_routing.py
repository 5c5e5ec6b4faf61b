"""Rules of routing that can never do anything are refused with their place."""

from __future__ import annotations

from typing import Any

import pytest

from aigw_core.errors import InvalidConfig
from tests.core.config.reading import read

OPEN = {"claude-api-key": [{"api-key": "k", "name": "main"}]}
CLOSED = {
    "claude-api-key": [
        {"api-key": "k", "prefix": "p/", "models": [{"id": "real", "alias": "nick"}, {"id": "g-*"}]}
    ]
}


def problems(data: dict[str, Any]) -> list[str]:
    try:
        read(data)
    except InvalidConfig as exc:
        return [str(each) for each in exc.problems]
    return []


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        (
            {"fallbacks": [{"model": "a", "to": ["b"]}, {"model": "b", "to": ["a"]}]},
            [
                "fallbacks[0].to[0]: leads back to itself: a -> b -> a",
                "fallbacks[1].to[0]: leads back to itself: b -> a -> b",
            ],
        ),
        (
            {"fallbacks": [{"model": "a", "to": ["a"]}]},
            ["fallbacks[0].to[0]: leads back to itself: a -> a"],
        ),
        (
            {
                "fallbacks": [
                    {"model": "a-*", "to": ["b"]},
                    {"model": "b", "to": ["c"]},
                    {"model": "c", "to": ["a-1"]},
                ]
            },
            [
                "fallbacks[0].to[0]: leads back to itself: a-* -> b -> c -> a-1",
                "fallbacks[1].to[0]: leads back to itself: b -> c -> a-1 -> b",
                "fallbacks[2].to[0]: leads back to itself: c -> a-1 -> b -> c",
            ],
        ),
        ({"fallbacks": [{"model": "a-*", "to": ["a-small"]}]}, []),
        ({"fallbacks": [{"model": "a", "to": ["b", "c"]}, {"model": "b", "to": ["c"]}]}, []),
        (
            {"model-rewrites": [{"from": "a*", "to": "x"}, {"from": "ab", "to": "y"}]},
            ['model-rewrites[1].from: is never reached: the earlier "a*" matches it'],
        ),
        ({"model-rewrites": [{"from": "ab", "to": "y"}, {"from": "a*", "to": "x"}]}, []),
        (
            {
                "provider-pins": [
                    {"model": "a", "providers": ["main"]},
                    {"model": "a", "providers": ["claude"]},
                ]
            },
            ['provider-pins[1].model: is never reached: the earlier "a" matches it'],
        ),
        (
            {"provider-pins": [{"model": "a", "providers": ["nobody"]}]},
            ["provider-pins[0].providers[0]: matches no credential and no kind of provider"],
        ),
    ],
)
def test_rules_against_each_other(rules: dict[str, Any], found: list[str]) -> None:
    assert problems({**OPEN, **rules}) == found


@pytest.mark.parametrize("name", ["real", "nick", "p/real", "p/nick", "g-1", "echo"])
def test_a_rule_may_lead_to_what_is_served(name: str) -> None:
    assert problems({**CLOSED, "model-rewrites": [{"from": "x", "to": name}]}) == []


def test_a_rule_that_leads_nowhere_is_refused() -> None:
    rules = {
        "model-rewrites": [{"from": "x", "to": "unreal"}],
        "fallbacks": [{"model": "real", "to": ["g-1", "h-1"]}],
    }
    assert problems({**CLOSED, **rules}) == [
        'model-rewrites[0].to: no credential serves "unreal"',
        'fallbacks[0].to[1]: no credential serves "h-1"',
    ]
