"""The names that a request may be answered under."""

from __future__ import annotations

import json

import pytest

from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.codec import Inbound
from aigw_core.config.snapshot import ClientKey, Snapshot
from aigw_core.errors import ErrorKind, GatewayError, InvalidRequest
from aigw_core.health import Health
from aigw_core.routing.affinity import sticky_value
from aigw_core.routing.alternatives import take_alternatives
from aigw_core.routing.balance import Balance
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.chain import MAX_NAMES, chain
from aigw_core.routing.plan import Asked, RoutePlan, Router
from tests.core.routing.test_plan import serving


def plan(*models: str, caller: Caller | None = None, **fields: object) -> RoutePlan:
    snapshot = Snapshot(
        "test",
        credentials=(serving(0, "a", "b"), serving(1, "b", "c")),
        **fields,  # type: ignore[arg-type]  # test fields
    )
    router = Router(Catalogue(snapshot), Health(), Balance())
    return router.plan(Asked(models, Format.CHAT, caller or Caller()), 0.0)


def ways(found: RoutePlan) -> list[str]:
    return [f"{each.credential.name}:{each.model}" for each in found.targets]


def test_the_clients_own_names_come_before_the_configured_ones() -> None:
    snapshot = Snapshot("t", fallbacks=(("a", ("x", "y")), ("b", ("z",)), ("x", ("a", "w"))))
    names = [(link.asked, link.fallback_for) for link in chain(("a", "b"), snapshot)]
    assert names == [
        ("a", None),
        ("b", None),
        ("x", "a"),
        ("y", "a"),
        ("w", "x"),
        ("z", "b"),
    ]


def test_a_chain_is_bounded_whatever_the_rules_are() -> None:
    many = tuple(f"n{number}" for number in range(50))
    snapshot = Snapshot("t", fallbacks=(("*", many),))
    assert len(chain(("a",), snapshot)) == MAX_NAMES


def test_fallbacks_follow_all_targets_of_the_name() -> None:
    found = plan("a", fallbacks=(("a", ("b",)), ("b", ("c",))))
    assert ways(found) == ["upstream-0:a", "upstream-0:b", "upstream-1:b", "upstream-1:c"]


def test_an_unknown_name_with_a_fallback_is_served() -> None:
    assert ways(plan("nowhere", fallbacks=(("no*", ("c",)),))) == ["upstream-1:c"]
    assert ways(plan("nowhere", "c")) == ["upstream-1:c"]


def test_each_name_is_checked_for_access() -> None:
    caller = Caller(ClientKey("1", "k", b"", allowed_models=("a", "c")))
    assert ways(plan("a", "b", "c", caller=caller)) == ["upstream-0:a", "upstream-1:c"]
    fallbacks = (("a", ("b",)),)
    assert ways(plan("a", caller=caller, fallbacks=fallbacks)) == ["upstream-0:a"]
    with pytest.raises(GatewayError) as caught:
        plan("b", caller=caller)
    assert caught.value.failure.kind is ErrorKind.PERMISSION


def test_pins_keep_others_away_and_say_so() -> None:
    found = plan("b", provider_pins=(("b*", ("upstream-1",)),))
    assert ways(found) == ["upstream-1:b"]
    assert [(each.credential, each.reason) for each in found.rejections] == [
        ("upstream-0", "provider_pin_excluded")
    ]


def test_alternatives_are_taken_out_of_the_body() -> None:
    body = b'{"model":"a","models":["b","c"],"messages":[{"role":"user","content":"1.50"}]}'
    inbound, names = take_alternatives(Inbound(body))
    assert names == ("b", "c")
    assert inbound.body == b'{"model":"a","messages":[{"role":"user","content":"1.50"}]}'


def test_the_first_alternative_is_the_model_of_a_request_without_one() -> None:
    inbound, names = take_alternatives(Inbound(b'{"models":["b","c"],"input":"x"}'))
    assert json.loads(inbound.body) == {"model": "b", "input": "x"}
    assert names == ("b", "c")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","messages":[{"role":"user","content":"\\"models\\""}]}',
        b'{"model":"a","metadata":{"models":["b"]}}',
    ],
)
def test_other_bodies_stay_as_they_are(body: bytes) -> None:
    inbound = Inbound(body)
    assert take_alternatives(inbound) == (inbound, ())


def test_a_body_that_is_no_object_is_refused_as_everywhere() -> None:
    with pytest.raises(InvalidRequest, match="not JSON"):
        take_alternatives(Inbound(b"not json"))


@pytest.mark.parametrize(
    ("models", "pointer"),
    [
        ('"b"', "/models"),
        ("[1]", "/models"),
        ('["b",""]', "/models/1"),
        (str(["x"] * 9).replace("'", '"'), "/models"),
    ],
)
def test_bad_alternatives_are_refused(models: str, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        take_alternatives(Inbound(b'{"model":"a","models":%s}' % models.encode()))
    assert caught.value.failure.param == pointer


FIRST = '{"role":"system","content":"s"},{"role":"user","content":"u"}'


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (f'{{"messages":[{FIRST}]}}', f'{{"messages":[{FIRST},{{"role":"user"}}]}}', True),
        (f'{{"messages":[{FIRST}]}}', '{"messages":[{"role":"user","content":"v"}]}', False),
        ('{"system":"s","messages":[]}', '{"system":"t","messages":[]}', False),
        ('{"input":"x"}', '{"input":"x","temperature":1}', True),
    ],
)
def test_the_beginning_of_a_conversation_sticks(one: str, other: str, same: bool) -> None:
    values = [
        sticky_value("sticky-prefix", Inbound(each.encode()), Caller()) for each in (one, other)
    ]
    assert None not in values
    assert (values[0] == values[1]) is same


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        ("{}", {"x-session-id": "s1"}, "s1"),
        ("{}", {"session_id": "s2"}, "s2"),
        ('{"prompt_cache_key":"p","user":"u"}', {}, "p"),
        ('{"user":"u"}', {}, "u"),
        ('{"metadata":{"user_id":"m"}}', {}, "m"),
        ('{"metadata":[]}', {}, None),
        ('{"user":7}', {}, None),
        ("nonsense", {}, None),
    ],
)
def test_sessions_are_found_where_clients_put_them(
    body: str, headers: dict[str, str], expected: str | None
) -> None:
    inbound = Inbound(body.encode(), headers)
    assert sticky_value("sticky-session", inbound, Caller()) == expected


def test_keys_stick_and_other_strategies_ask_for_nothing() -> None:
    caller = Caller(ClientKey("abcd", "k", b""))
    assert sticky_value("sticky-key", Inbound(b""), caller) == "abcd"
    assert sticky_value("sticky-key", Inbound(b""), Caller()) is None
    assert sticky_value("round-robin", Inbound(b""), caller) is None
