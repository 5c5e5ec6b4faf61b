"""What keys may use: laws over any run of requests, and the proof at start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from aigw_core.config.snapshot import ClientKey
from aigw_core.errors import ErrorKind, ProtocolMisuse
from aigw_core.limits import (
    MAX_ACCOUNTS,
    Lease,
    Limit,
    LimitInactive,
    Limits,
    Refusal,
    Used,
    prove,
)

WELL_TRIED = settings(max_examples=300, derandomize=True)


def key(**limits: Any) -> ClientKey:
    return ClientKey(limits.pop("id", "1"), "ci", b"digest", **limits)


def granted(found: Lease | Refusal) -> Lease:
    assert isinstance(found, Lease), found
    return found


def refused(found: Lease | Refusal) -> Refusal:
    assert isinstance(found, Refusal), found
    return found


class Step(Struct, frozen=True):
    """Some time passes; then a request comes, or the oldest running one ends."""

    pause: float
    tokens: int
    actual: int | None
    """``None``: a request comes."""


steps = st.lists(
    st.builds(
        Step,
        pause=st.one_of(st.just(0.0), st.floats(0, 200)),
        tokens=st.integers(1, 500),
        actual=st.one_of(st.none(), st.integers(0, 800)),
    ),
    max_size=80,
)


class Event(Struct, frozen=True):
    at: float
    settled: int = 0
    held: float = 0.0
    """By all that run, after this."""
    admitted: bool = False


def run(limits: Limits, who: ClientKey, script: list[Step]) -> Iterator[Event]:
    now = 1000.0
    running: list[Lease] = []
    for step in script:
        now += step.pause
        if step.actual is None:
            found = limits.reserve(who, step.tokens, now)
            if isinstance(found, Refusal):
                assert found.wait > 0
                continue
            running.append(found)
            yield Event(now, held=sum(each.tokens for each in running), admitted=True)
        elif running:
            limits.settle(running.pop(0), step.actual, now)
            yield Event(now, step.actual, sum(each.tokens for each in running))


@WELL_TRIED
@given(steps, st.integers(1, 20))
def test_never_more_requests_than_the_burst_and_the_rate(script: list[Step], rpm: int) -> None:
    times = [
        each.at for each in run(Limits(), key(requests_per_minute=rpm), script) if each.admitted
    ]
    for first, since in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= rpm + rpm / 60 * (times[last] - since) + 1e-6


@WELL_TRIED
@given(steps, st.integers(1, 1000))
def test_never_more_tokens_than_the_burst_and_the_rate(script: list[Step], tpm: int) -> None:
    """Whatever was used between any moment and an admission, with what is held then."""
    events = list(run(Limits(), key(tokens_per_minute=tpm), script))
    for last, event in enumerate(events):
        if event.admitted:
            used = event.held
            for before in reversed(events[: last + 1]):
                used += before.settled
                assert used <= tpm + tpm / 60 * (event.at - before.at) + 1e-3


@WELL_TRIED
@given(steps, st.integers(1, 5))
def test_never_more_at_once(script: list[Step], most: int) -> None:
    running = 0
    for event in run(Limits(), key(max_concurrent=most), script):
        running += 1 if event.admitted else -1
        assert 0 <= running <= most


@WELL_TRIED
@given(steps, st.integers(1, 20), st.integers(20, 1000))
def test_a_refused_request_uses_nothing(script: list[Step], rpm: int, tpm: int) -> None:
    """Asking again and again at the same moment changes nothing that comes after."""
    who = key(requests_per_minute=rpm, tokens_per_minute=tpm, max_concurrent=3)
    once, insistent = Limits(), Insistent()
    assert list(run(once, who, script)) == list(run(insistent, who, script))


class Insistent(Limits):
    def reserve(
        self, key: ClientKey, tokens: int, now: float, *, weight: int = 1
    ) -> Lease | Refusal:
        for _ in range(3):
            found = super().reserve(key, tokens, now, weight=weight)
            if isinstance(found, Lease):
                break
        return found


@WELL_TRIED
@given(steps, st.integers(1, 30), st.integers(1, 500))
def test_the_named_wait_is_enough_and_not_too_long(
    script: list[Step], rpm: int, tokens: int
) -> None:
    who = key(requests_per_minute=rpm, tokens_per_minute=1000)
    limits, now, running = Limits(), 1000.0, []
    for step in script:
        now += step.pause
        found = limits.reserve(who, step.tokens, now)
        if isinstance(found, Lease):
            running.append(found)
        if step.actual is not None and running:
            limits.settle(running.pop(0), step.actual, now)
    for lease in running:
        limits.settle(lease, 0, now)
    refusal = limits.reserve(who, tokens, now)
    if isinstance(refusal, Refusal):
        refused(limits.reserve(who, tokens, now + refusal.wait * 0.99))
        granted(limits.reserve(who, tokens, now + refusal.wait))


def test_a_minute_at_once_then_the_rate() -> None:
    limits, who = Limits(), key(requests_per_minute=7)
    for _ in range(7):
        granted(limits.reserve(who, 0, 5.0))
    refusal = refused(limits.reserve(who, 0, 5.0))
    assert refusal.limit is Limit.REQUESTS
    assert refusal.wait == pytest.approx(60 / 7)
    granted(limits.reserve(who, 0, 5.0 + 60 / 7))


def test_what_was_not_used_is_given_back() -> None:
    limits, who = Limits(), key(tokens_per_minute=100)
    lease = granted(limits.reserve(who, 100, 0.0))
    assert refused(limits.reserve(who, 1, 0.0)).limit is Limit.TOKENS
    limits.settle(lease, 30, 0.0)
    granted(limits.reserve(who, 70, 0.0))
    refused(limits.reserve(who, 1, 0.0))


def test_held_tokens_do_not_drain() -> None:
    limits, who = Limits(), key(tokens_per_minute=100)
    granted(limits.reserve(who, 100, 0.0))
    refused(limits.reserve(who, 1, 3600.0))


def test_an_overdraft_is_paid_back() -> None:
    limits, who = Limits(), key(tokens_per_minute=60)
    limits.settle(granted(limits.reserve(who, 10, 0.0)), 180, 0.0)
    assert refused(limits.reserve(who, 1, 0.0)).wait >= 121
    refused(limits.reserve(who, 1, 120.0))


def test_the_length_of_answers_is_learned() -> None:
    limits, who = Limits(), key(tokens_per_minute=100_000)
    for at in range(30):
        limits.settle(granted(limits.reserve(who, 10, at * 60.0)), 510, at * 60.0)
    assert 450 < granted(limits.reserve(who, 10, 3600.0)).tokens <= 510


def test_a_request_larger_than_all_waits_for_an_empty_bucket() -> None:
    limits, who = Limits(), key(tokens_per_minute=50)
    assert granted(limits.reserve(who, 10_000, 0.0)).tokens == 50


def test_requests_without_tokens_pass_a_limit_on_tokens() -> None:
    limits, who = Limits(), key(tokens_per_minute=50)
    granted(limits.reserve(who, 50, 0.0))
    granted(limits.reserve(who, 0, 0.0))


def test_a_lease_is_released_once() -> None:
    limits, who = Limits(), key(max_concurrent=2)
    lease = granted(limits.reserve(who, 0, 0.0))
    granted(limits.reserve(who, 0, 0.0))
    limits.settle(lease, 0, 0.0)
    with pytest.raises(ProtocolMisuse):
        limits.settle(lease, 0, 0.0)
    granted(limits.reserve(who, 0, 0.0))
    assert refused(limits.reserve(who, 0, 0.0)).limit is Limit.CONCURRENT


def test_use_outlives_a_reload_that_changes_the_limit() -> None:
    limits = Limits()
    for _ in range(5):
        granted(limits.reserve(key(requests_per_minute=5), 0, 0.0))
    refused(limits.reserve(key(requests_per_minute=5), 0, 0.0))
    granted(limits.reserve(key(requests_per_minute=6), 0, 0.0))
    refused(limits.reserve(key(requests_per_minute=6), 0, 0.0))


def test_keys_do_not_share() -> None:
    limits = Limits()
    granted(limits.reserve(key(id="1", requests_per_minute=1), 0, 0.0))
    granted(limits.reserve(key(id="2", requests_per_minute=1), 0, 0.0))


def test_the_longest_wait_is_named() -> None:
    limits, who = Limits(), key(requests_per_minute=60, tokens_per_minute=60, max_concurrent=1)
    granted(limits.reserve(who, 60, 0.0))
    assert refused(limits.reserve(who, 60, 0.0)).limit is Limit.TOKENS


def test_what_is_remembered_is_bounded() -> None:
    limits = Limits()
    busy = granted(limits.reserve(key(id="busy", max_concurrent=1), 0, 0.0))
    for number in range(MAX_ACCOUNTS + 50):
        who = key(id=f"k{number}", requests_per_minute=1)
        limits.settle(granted(limits.reserve(who, 0, 0.0)), 0, 0.0)
    assert f"keys={MAX_ACCOUNTS}" in repr(limits)
    refused(limits.reserve(key(id="busy", max_concurrent=1), 0, 0.0))
    limits.settle(busy, 0, 0.0)


def test_what_a_client_is_told() -> None:
    failure = Refusal(Limit.TOKENS, 200, 1.2).failure("ci")
    assert failure.kind is ErrorKind.RATE_LIMIT
    assert failure.code == "tokens_per_minute_exceeded"
    assert failure.retry_after == 2.0
    for part in ("'ci'", "200 tokens in a minute", "tokens-per-minute", "2 s"):
        assert part in failure.message
    assert Refusal(Limit.REQUESTS, 60, 0.001).failure("ci").retry_after == 1.0


# --- the proof ---------------------------------------------------------------


class Deaf(Limits):
    """Does not hear of one limit."""

    def __init__(self, limit: Limit) -> None:
        super().__init__()
        self._field = limit.replace("-", "_")

    def reserve(
        self, key: ClientKey, tokens: int, now: float, *, weight: int = 1
    ) -> Lease | Refusal:
        kept = {
            name: getattr(key, name)
            for name in ("requests_per_minute", "tokens_per_minute", "max_concurrent")
            if name != self._field
        }
        without = ClientKey(key.id, key.name, key.digest, **kept)
        return super().reserve(without, tokens, now, weight=weight)


ALL = {"requests_per_minute": 10**12, "tokens_per_minute": 10**12, "max_concurrent": 10**12}


@pytest.mark.parametrize("limit", Limit)
def test_a_limit_that_does_nothing_is_found(limit: Limit) -> None:
    with pytest.raises(LimitInactive, match=f"{limit} of the key 'ci'"):
        prove(Deaf(limit), key(**ALL), 0.0)


@pytest.mark.parametrize("allowed", [1, 2, 7, 60, 10**12])
def test_what_works_is_proven_without_a_trace(allowed: int) -> None:
    limits, who = Limits(), key(**dict.fromkeys(ALL, allowed))
    for _ in range(3):
        prove(limits, who, 0.0)
    assert repr(limits) == "<Limits keys=0 running=0>"
    granted(limits.reserve(who, allowed, 0.0))


def test_what_is_used_up_is_what_drains_and_what_is_held() -> None:
    limits = Limits()
    ci = key(requests_per_minute=60, tokens_per_minute=600, max_concurrent=3)
    assert limits.used(ci, 0.0) == Used(0.0, 0.0, 0)
    lease = granted(limits.reserve(ci, 100, 0.0))
    assert limits.used(ci, 0.0) == Used(1.0, 100.0, 1)
    limits.settle(lease, 300, 0.0)
    assert limits.used(ci, 0.0) == Used(1.0, 300.0, 0)
    # A sixtieth of a minute's allowance drains in a second.
    later = limits.used(ci, 0.5)
    assert later.requests == pytest.approx(0.5)
    assert later.tokens == pytest.approx(295.0)
    # Looking uses nothing, and makes no account.
    assert limits.used(key(id="2"), 1.0) == Used(0.0, 0.0, 0)
    assert limits.used(ci, 0.0).running == 0
