"""Payload rules: what each phase does, for which requests, and to no other byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_core.chat import Format
from aigw_core.config.compile import compile_config
from aigw_core.config.snapshot import PayloadRules
from aigw_core.mutation import Mutation
from aigw_core.payload import Facts, apply
from tests.core.config.reading import read
from tests.simulate import JSON, Data, Eof, Head, simulate

FACTS = Facts("gpt-5-mini", "fast", "openai", Format.CHAT, Format.CHAT, {"x-tier": "tenant-7"})


def rules(**phases: Any) -> PayloadRules:
    """``default={...}`` is one rule for all models; a list has whole rules."""
    payload: dict[str, Any] = {}
    for name, given_rules in phases.items():
        if not isinstance(given_rules, list) or not isinstance(given_rules[0], dict):
            given_rules = [{"models": [{"name": "*"}], "params": given_rules}]
        payload[name.replace("_", "-")] = given_rules
    config = read({"payload": payload}).config
    return compile_config(config, "v", from_file=True).payload


def change(body: str, **phases: Any) -> str:
    return apply(rules(**phases), body.encode(), FACTS)[0].decode()


def rule(params: Any, **match: Any) -> list[Any]:
    entry = {"name": "*", **{name.replace("_", "-"): value for name, value in match.items()}}
    return [{"models": [entry], "params": params}]


DEFAULT_BUDGET = {"generationConfig.thinkingConfig.thinkingBudget": 32768}


@pytest.mark.parametrize(
    ("body", "phases", "expected"),
    [
        (
            "{}",
            {"default": DEFAULT_BUDGET},
            '{"generationConfig":{"thinkingConfig":{"thinkingBudget":32768}}}',
        ),
        ('{"temperature":0.5}', {"default": {"temperature": 1.0}}, '{"temperature":0.5}'),
        ('{"temperature":null}', {"default": {"temperature": 1.0}}, '{"temperature":null}'),
        (
            '{"reasoning":{"effort":"low","x":1}}',
            {"override": {"reasoning.effort": "high"}},
            '{"reasoning":{"effort":"high","x":1}}',
        ),
        ('{"reasoning":"low"}', {"override": {"reasoning.effort": "high"}}, '{"reasoning":"low"}'),
        ('{"reasoning":null}', {"override": {"reasoning.effort": "high"}}, '{"reasoning":null}'),
        (
            '{"generationConfig":{"responseJsonSchema":{},"temperature":0.7}}',
            {"filter": ["generationConfig.responseJsonSchema"]},
            '{"generationConfig":{"temperature":0.7}}',
        ),
        ('{"a":{"b":1}}', {"filter": ["a.b"]}, '{"a":{}}'),
        (
            '{"tools":[{"name":"t"}]}',
            {"override": {"tools.0.name": "u"}},
            '{"tools":[{"name":"u"}]}',
        ),
        ('{"tools":[1]}', {"override": {"tools.1": 2}}, '{"tools":[1,2]}'),
        ('{"tools":[1]}', {"override": {"tools.2": 2}}, '{"tools":[1]}'),
        ('{"tools":[1]}', {"default": {"tools.0": 2}}, '{"tools":[1]}'),
        ("{}", {"override": {"tools.0.name": "u"}}, "{}"),
        (
            '{"logit_bias":{}}',
            {"override": {"logit_bias.50256": -1}},
            '{"logit_bias":{"50256":-1}}',
        ),
        ("{}", {"override": {r"logit_bias.\50256": -1}}, '{"logit_bias":{"50256":-1}}'),
        ('{"t":[0,1,2,3]}', {"filter": ["t.0", "t.2", "t.9"]}, '{"t":[1,3]}'),
        ('{"a.b":{"c":1}}', {"override": {r"a\.b.c": 2}}, '{"a.b":{"c":2}}'),
        (
            "{}",
            {"default": [*rule({"p": 1}), *rule({"p": 2})]},
            '{"p":1}',
        ),
        (
            "{}",
            {"override": [*rule({"p": 1}), *rule({"p": 2})], "filter": ["p"]},
            "{}",
        ),
        ("{}", {"default_raw": {"x": '{"b": 1.0, "a":2e3}'}}, '{"x":{"b": 1.0, "a":2e3}}'),
        (
            '{"x":1}',
            {"override_raw": {"x": "1.0"}, "default_raw": {"y": "null"}},
            '{"x":1.0,"y":null}',
        ),
    ],
)
def test_worked_examples(body: str, phases: dict[str, Any], expected: str) -> None:
    assert change(body, **phases) == expected


CONDITIONS = [
    ({"name": "gpt-*"}, True),
    ({"name": "fast"}, True),  # by the client's name
    ({"name": "claude-*"}, False),
    ({"protocol": "OpenAI"}, True),
    ({"protocol": "chat"}, True),
    ({"protocol": "responses"}, False),
    ({"protocol": "claude"}, False),
    ({"from_protocol": "openai"}, True),
    ({"from_protocol": "chat"}, True),
    ({"from_protocol": "claude"}, False),
    ({"headers": {"X-Tier": "tenant-*"}}, True),
    ({"headers": {"X-Tier": "other-*"}}, False),
    ({"headers": {"X-None": "*"}}, False),
    ({"match": {"user": "u", "n": 1}}, True),
    ({"match": {"user": "u", "n": 2}}, False),
    ({"match": {"n": True}}, False),
    ({"match": {"n": 1.0}}, True),
    ({"match": {"tools.0.name": "t"}}, True),
    ({"match": {"none": None}}, True),
    ({"not_match": {"user": "u"}}, False),
    ({"not_match": {"user": "v"}}, True),
    ({"not_match": {"missing": "v"}}, True),
    ({"exist": ["user", "tools"]}, True),
    ({"exist": ["user", "missing"]}, False),
    ({"exist": ["none"]}, False),
    ({"not_exist": ["none", "missing"]}, True),
    ({"not_exist": ["user"]}, False),
    ({"name": "gpt-*", "protocol": "openai", "exist": ["user"], "match": {"n": 5}}, False),
]
BODY = '{"user":"u","n":1,"none":null,"tools":[{"name":"t"}]}'


@pytest.mark.parametrize(("match", "holds"), CONDITIONS)
@pytest.mark.parametrize("phase", ["default", "override"])
def test_conditions(match: dict[str, Any], holds: bool, phase: str) -> None:
    changed = change(BODY, **{phase: rule({"new": 0}, **match)})
    assert changed == (BODY[:-1] + ',"new":0}' if holds else BODY)


def test_one_of_several_matches_is_enough() -> None:
    models = [{"name": "no"}, {"name": "fast"}]
    assert change("{}", override=[{"models": models, "params": {"a": 1}}]) == '{"a":1}'


def test_conditions_look_at_the_request_as_it_came() -> None:
    first = rule({"a": 1})
    second = rule({"b": 1}, exist=["a"])
    assert change("{}", override=[*first, *second]) == '{"a":1}'
    assert change("{}", override=first, filter=rule(["a"], exist=["a"])) == '{"a":1}'


def test_the_same_bytes_stay_where_nothing_changes() -> None:
    body = b'{ "a" : 1.0 }'
    for made in (rules(), rules(override=rule({"a": 2}, name="no")), rules(default={"a": 2})):
        changed, changes = apply(made, body, FACTS)
        assert changed is body
        assert changes == ()
    # An override with what stands there is no change, either.
    assert apply(rules(override_raw={"a": "1.0"}), body, FACTS) == (body, ())


def test_changes_are_told_with_what_was_before() -> None:
    body = b'{"a":{"b":1.50},"c":2}'
    made = rules(default={"d.e": 1}, override={"a.b": "x"}, filter=["c"])
    _, changes = apply(made, body, FACTS)
    assert [str(each) for each in changes] == [
        "payload.default[0] /d/e: nothing -> 1",
        'payload.override[0] /a/b: 1.50 -> "x"',
        "payload.filter[0] /c: 2 -> nothing",
    ]
    assert changes[0].mutation == Mutation("payload.default[0]", "/d/e")


def test_where_fewer_fields_are_taken_nothing_is_added() -> None:
    made = rules(default={"a": 1}, override={"b": 1, "c": 1}, filter=["d"])
    changed, _ = apply(made, b'{"c":0,"d":0}', FACTS, grow=False)
    assert changed == b'{"c":1}'


names = st.sampled_from(["a", "b", "c"])
paths = st.lists(names, min_size=1, max_size=3).map(".".join)
scalars = st.integers(0, 3) | st.none() | st.text("x", max_size=1)
bodies = st.recursive(
    scalars, lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=8
).filter(lambda value: isinstance(value, dict))


def reference(body: Any, phases: dict[str, list[dict[str, Any]]]) -> Any:
    """The rules on plain data, as the manual has them."""
    for phase in ("default", "override", "filter"):
        for params in phases[phase]:
            for path in sorted(params, reverse=phase == "filter"):
                *way, last = path.split(".")
                place = body
                for step in way:
                    if phase != "filter" and isinstance(place, dict):
                        place = place.setdefault(step, {})
                    else:
                        place = place.get(step) if isinstance(place, dict) else None
                if not isinstance(place, dict):
                    continue
                if phase == "filter":
                    place.pop(last, None)
                elif phase == "override" or last not in place:
                    place[last] = params[path]
    return body


@settings(max_examples=500)
@given(bodies, st.data())
def test_rules_do_what_the_reference_does(body: Any, data: st.DataObject) -> None:
    sets = st.lists(st.dictionaries(paths, scalars, min_size=1, max_size=3), max_size=2)
    phases: dict[str, list[dict[str, Any]]] = {
        name: data.draw(sets) for name in ("default", "override", "filter")
    }
    made = rules(
        **{
            name: [
                {
                    "models": [{"name": "*"}],
                    "params": list(params) if name == "filter" else params,
                }
                for params in given_params
            ]
            for name, given_params in phases.items()
            if given_params
        }
    )
    wire = json.dumps(body).encode()
    changed, changes = apply(made, wire, FACTS)
    expected = reference(json.loads(wire), phases)
    assert json.loads(changed) == expected
    assert changes or changed is wire


# --- in an exchange --------------------------------------------------------------------


def test_the_record_of_an_attempt_names_its_changes() -> None:
    config = read({"payload": {"override": rule({"top_p": 1})}}).config
    snapshot = compile_config(config, "v", from_file=True)
    run = simulate([[Head(500, JSON), Data(b"{}"), Eof()]], snapshot=snapshot, targets=1)
    assert run.exchange.record.attempts
    for attempt in run.exchange.record.attempts:
        assert attempt.mutations == (Mutation("payload.override[0]", "/top_p"),)
