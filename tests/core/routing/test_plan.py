"""Which targets a request gets, and in which order."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aigw_core.access import Caller
from aigw_core.chat import Format
from aigw_core.config.snapshot import ClientKey, Credential, RetryPolicy, ServedModel, Snapshot
from aigw_core.errors import ErrorKind, Failure, GatewayError
from aigw_core.health import Health
from aigw_core.routing.balance import Balance
from aigw_core.routing.catalogue import Catalogue
from aigw_core.routing.glob import glob_match
from aigw_core.routing.names import served_names
from aigw_core.routing.plan import Asked, RoutePlan, Router
from aigw_core.routing.retry import backoff, classify
from tests.simulate import credential


def serving(number: int, *models: str | tuple[str, str], **fields: object) -> Credential:
    served = tuple(
        ServedModel(each) if isinstance(each, str) else ServedModel(*each) for each in models
    )
    format = fields.pop("format", Format.CHAT)
    assert isinstance(format, Format)
    return replace(credential(number, format), models=served, **fields)


def route(
    model: str,
    *credentials: Credential,
    health: Health | None = None,
    balance: Balance | None = None,
    now: float = 0.0,
    caller: Caller | None = None,
    **fields: object,
) -> RoutePlan:
    snapshot = Snapshot("test", credentials=credentials, **fields)  # type: ignore[arg-type]  # test fields
    router = Router(Catalogue(snapshot), health or Health(), balance or Balance())
    return router.plan(Asked((model,), Format.CHAT, caller or Caller()), now)


def names(found: RoutePlan) -> list[str]:
    return [target.credential.name for target in found.targets]


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("gemini-*", "gemini-2.5-pro", True),
        ("gemini-*", "gemini-", True),
        ("gemini-*", "openai-gemini-1", False),
        ("*-preview", "-preview", True),
        ("*-preview", "gpt-4-preview-1", False),
        ("*flash*", "flash", True),
        ("*flash*", "Flash", False),
        ("g*-*-pro", "gemini-2.5-pro", True),
        ("g*-*-pro", "g-pro", False),
        ("", "", True),
        ("", "x", False),
        ("a?c", "aßc", True),
        ("a?c", "ac", False),
    ],
)
def test_globs(pattern: str, name: str, matches: bool) -> None:
    assert glob_match(pattern, name) is matches


@settings(max_examples=500, derandomize=True)
@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_globs_agree_with_regular_expressions(pattern: str, name: str) -> None:
    expected = re.fullmatch(fnmatch.translate(pattern), name) is not None
    assert glob_match(pattern, name) is expected


def test_a_glob_is_linear_in_practice() -> None:
    assert not glob_match("*a" * 50 + "b", "a" * 5000)


PREFIXED = serving(0, ("deepseek-chat", "chat"), "deepseek-r*", prefix="ds/")


@pytest.mark.parametrize(
    ("requested", "upstream"),
    [
        ("ds/chat", "deepseek-chat"),
        ("chat", "deepseek-chat"),
        ("ds/deepseek-reasoner", "deepseek-reasoner"),
        ("ds/gpt-4o", None),
        ("ds/", None),
        ("deepseek-chat", "deepseek-chat"),
    ],
)
def test_prefix_alias_and_glob(requested: str, upstream: str | None) -> None:
    if upstream is None:
        with pytest.raises(GatewayError) as caught:
            route(requested, PREFIXED)
        assert caught.value.failure.kind is ErrorKind.NOT_FOUND
    else:
        assert route(requested, PREFIXED).targets[0].model == upstream


def test_a_forced_prefix_is_really_forced() -> None:
    with pytest.raises(GatewayError):
        route("chat", PREFIXED, force_model_prefix=True)
    assert route("ds/chat", PREFIXED, force_model_prefix=True).targets


def test_an_exclusion_holds_for_the_alias_and_for_what_it_stands_for() -> None:
    hidden = serving(0, ("secret-model", "open"), excluded_models=("secret-*",))
    with pytest.raises(GatewayError):
        route("open", hidden)
    assert served_names(Snapshot("t", credentials=(hidden,))) == []


def test_order_is_exact_alias_glob_any_then_native_format() -> None:
    found = route(
        "m",
        serving(0),
        serving(1, "*"),
        serving(2, ("real", "m")),
        serving(3, "m", format=Format.MESSAGES),
        serving(4, "m"),
        strategy="fill-first",
    )
    assert names(found) == ["upstream-4", "upstream-3", "upstream-2", "upstream-1", "upstream-0"]


def test_round_robin_turns_and_fill_first_does_not() -> None:
    three = [serving(number, "m") for number in range(3)]
    for strategy, expected in (
        ("round-robin", ["upstream-0", "upstream-1", "upstream-2"] * 2),
        ("fill-first", ["upstream-0"] * 6),
    ):
        balance, turns = Balance(), []
        for _ in range(6):
            first = route("m", *three, balance=balance, strategy=strategy).targets[0]
            balance.used(first, 1.0, first=True)
            turns.append(first.credential.name)
        assert turns == expected


def test_an_unknown_model_gets_close_names() -> None:
    with pytest.raises(GatewayError) as caught:
        route("claude-sonet", serving(0, "claude-sonnet"))
    assert "'claude-sonnet'" in caught.value.failure.message


def test_rewrites_come_first() -> None:
    found = route("gpt-4o", serving(0, "claude"), model_rewrites=(("gpt-*", "claude"),))
    assert found.targets[0].model == "claude"


def test_a_key_reaches_only_what_it_may() -> None:
    key = ClientKey("1", "ci", b"", allowed_models=("claude-*",), allowed_providers=("upstream-1",))
    caller = Caller(key)
    with pytest.raises(GatewayError) as caught:
        route("gpt", serving(0), caller=caller)
    assert caught.value.failure.kind is ErrorKind.PERMISSION
    found = route("claude-x", serving(0), serving(1), caller=caller)
    assert names(found) == ["upstream-1"]
    assert found.rejections[0].reason == "access_denied"


def test_resting_targets_are_skipped_and_named() -> None:
    health = Health()
    first, second = serving(0, "m"), serving(1, "m")
    failure = Failure(ErrorKind.OVERLOADED, "busy", 503)
    health.failed(first.id, "m", failure.kind, classify(failure, RetryPolicy()), 0.0)
    found = route("m", first, second, health=health, now=1.0)
    assert names(found) == ["upstream-1"]
    assert found.rejections[0].reason == "cooldown_active"
    assert len(route("m", first, second, health=health, now=15.0).targets) == 2


def test_when_all_rest_after_faults_the_one_that_ends_first_is_used() -> None:
    health = Health()
    only = serving(0, "m")
    failure = Failure(ErrorKind.UPSTREAM, "broken", 500)
    health.failed(only.id, "m", failure.kind, classify(failure, RetryPolicy()), 0.0)
    assert names(route("m", only, health=health, now=1.0)) == ["upstream-0"]


def test_when_all_are_limited_the_smallest_wait_is_named() -> None:
    health = Health()
    pair = serving(0, "m"), serving(1, "m")
    for each, wait in zip(pair, (40.0, 20.0), strict=True):
        failure = Failure(ErrorKind.RATE_LIMIT, "slow down", 429, retry_after=wait)
        health.failed(each.id, "m", failure.kind, classify(failure, RetryPolicy()), 0.0)
    with pytest.raises(GatewayError) as caught:
        route("m", *pair, health=health, now=5.0)
    assert caught.value.failure.kind is ErrorKind.RATE_LIMIT
    assert caught.value.failure.retry_after == 15.0


def test_listed_names_carry_their_prefixes_and_no_globs() -> None:
    listed = served_names(Snapshot("t", credentials=(PREFIXED, serving(1, "b", "a"))))
    assert [each.id for each in listed] == ["a", "b", "chat", "ds/chat"]


@pytest.mark.parametrize(
    ("kind", "status", "retry"),
    [
        (ErrorKind.INVALID_REQUEST, 400, False),
        (ErrorKind.CONTEXT_LENGTH, 400, False),
        (ErrorKind.TOO_LARGE, 413, False),
        (ErrorKind.UPSTREAM_AUTH, 401, True),
        (ErrorKind.UPSTREAM_AUTH, 403, True),
        (ErrorKind.BILLING, 402, True),
        (ErrorKind.NOT_FOUND, 404, True),
        (ErrorKind.TIMEOUT, 408, True),
        (ErrorKind.RATE_LIMIT, 429, True),
        (ErrorKind.UPSTREAM, 500, True),
        (ErrorKind.OVERLOADED, 529, True),
        (ErrorKind.UPSTREAM, None, True),
        (ErrorKind.UPSTREAM_TRUNCATED, None, True),
        (ErrorKind.UPSTREAM_MALFORMED, None, True),
    ],
)
def test_only_what_another_target_may_do_better_is_retried(
    kind: ErrorKind, status: int | None, retry: bool
) -> None:
    verdict = classify(Failure(kind, "x", status), RetryPolicy())
    assert verdict.retry is retry
    assert retry or verdict.cooldown == 0


def test_a_named_wait_is_clamped_and_a_cooldown_of_zero_is_off() -> None:
    days = Failure(ErrorKind.RATE_LIMIT, "x", 429, retry_after=400_000.0)
    assert classify(days, RetryPolicy()).cooldown == 3600.0
    assert classify(days, RetryPolicy(cooldown_429=0)).cooldown == 0


@given(st.integers(1, 50), st.floats(0, 0.999))
def test_backoff_is_bounded(attempts: int, roll: float) -> None:
    assert 0 <= backoff(attempts, RetryPolicy(), roll) <= 2.0
    assert backoff(attempts, RetryPolicy(max_backoff=0), roll) == 0
