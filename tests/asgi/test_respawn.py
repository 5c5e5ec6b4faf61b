"""How soon the next worker starts, and when none does any more."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from aigw_asgi.respawn import FIRST_PAUSE, SETTLED, TOO_MANY, WITHIN, Deaths

Lives = list[tuple[float, float]]
"""How long each worker lived, and how long after its death the next one really started."""

lives = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, SETTLED - 0.1, SETTLED, 14.0, WITHIN, 1e6]),
        st.sampled_from([0.0, 0.5]),
    ),
    max_size=40,
)


def pauses(lives: Lives) -> list[tuple[float, float | None]]:
    """When each died, and what followed."""
    deaths, now, found = Deaths(), 1000.0, []
    for lived, late in lives:
        now += lived
        pause = deaths.pause(now, lived)
        found.append((now, pause))
        if pause is None:
            break
        now += pause + late
    return found


@settings(derandomize=True)
@given(lives)
def test_five_deaths_within_a_minute_and_nothing_else_end_it(lives: Lives) -> None:
    found = pauses(lives)
    for at, (now, pause) in enumerate(found):
        recent = [time for time, _ in found[: at + 1] if now - time < WITHIN]
        assert (pause is None) == (len(recent) >= TOO_MANY)


@settings(derandomize=True)
@given(lives)
def test_who_worked_is_replaced_at_once(lives: Lives) -> None:
    soon = 0
    for (lived, _), (_, pause) in zip(lives, pauses(lives), strict=False):
        soon = soon + 1 if lived < SETTLED else 0
        if pause is not None:
            assert pause == (FIRST_PAUSE * 2 ** (soon - 2) if soon > 1 else 0)


def test_a_loop_of_crashes() -> None:
    assert [pause for _, pause in pauses([(0.1, 0)] * 9)] == [0, 0.25, 0.5, 1, None]


def test_one_death_every_quarter_of_a_minute_is_borne_for_ever() -> None:
    assert {pause for _, pause in pauses([(15.0, 0)] * 30)} == {0}
