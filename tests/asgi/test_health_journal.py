"""What was found out about credentials, in order and bounded."""

from __future__ import annotations

from aigw_asgi.health_journal import MAX_EVENTS, HealthEvent, HealthJournal
from aigw_core.errors import ErrorKind
from aigw_core.health import Change, Health, Rest
from aigw_core.routing.retry import Scope, Verdict


def verdict(seconds: float) -> Verdict:
    return Verdict(
        retry=True,
        same_target=False,
        pause=False,
        scope=Scope.MODEL,
        cooldown=seconds,
        limited=True,
        named=True,
    )


def test_each_change_is_kept_with_the_end_of_the_rest() -> None:
    journal = HealthJournal(wall=lambda: 1000.0, now=lambda: 50.0)
    health = Health()
    health.witness = journal.tell
    health.failed("a", "m", ErrorKind.RATE_LIMIT, verdict(30), 50.0)
    health.failed("a", "m", ErrorKind.RATE_LIMIT, verdict(10), 50.0)  # is over before
    health.failed("b", "m", ErrorKind.RATE_LIMIT, verdict(30), 50.0)
    health.adopt(Rest("a", "m", 90.0, ErrorKind.TIMEOUT, False, 3), 50.0)
    health.answered("a", "m")
    health.answered("a", "m")
    assert journal.of("a") == (
        HealthEvent(1, 1_000_000, "a", "m", "rests", "rate_limit", 1_030_000, True, 1),
        HealthEvent(3, 1_000_000, "a", "m", "rests", "timeout", 1_040_000, False, 3),
        HealthEvent(4, 1_000_000, "a", "m", "recovered"),
    )


def test_what_others_found_is_witnessed_and_not_told_again() -> None:
    health = Health()
    witnessed: list[Change] = []
    told: list[Change] = []
    health.witness, health.listener = witnessed.append, told.append
    health.adopt(Rest("a", "m", 90.0, ErrorKind.TIMEOUT, False, 1), 50.0)
    health.drop("a", "m")
    health.drop("a", "m")
    assert [each.rest is None for each in witnessed] == [False, True]
    assert told == []


def test_it_is_bounded() -> None:
    journal = HealthJournal()
    for at in range(MAX_EVENTS + 10):
        journal.tell(Change("a", str(at), None))
    events = journal.of("a")
    assert (len(events), events[0].seq) == (MAX_EVENTS, 11)
