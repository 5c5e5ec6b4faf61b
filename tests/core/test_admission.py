"""Who is taken on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_core.admission import (
    CUT_AT,
    REFUSE_AT,
    Admission,
    Pressure,
    pressure_of,
    surplus,
)
from aigw_core.errors import ErrorKind, GatewayError


def taken(admission: Admission) -> bool:
    try:
        admission.enter()
    except GatewayError:
        return False
    return True


def test_without_a_limit_everybody_is() -> None:
    admission = Admission()
    admission.allow(0)
    assert all(taken(admission) for _ in range(10_000))


def test_a_limit_is_of_those_under_way() -> None:
    admission = Admission()
    admission.allow(2)
    assert [taken(admission) for _ in range(4)] == [True, True, False, False]
    admission.leave()
    assert [taken(admission) for _ in range(2)] == [True, False]
    with pytest.raises(GatewayError, match=r"as many requests under way as it may \(2\)") as told:
        admission.enter()
    failure = told.value.failure
    assert (failure.kind, failure.code) == (ErrorKind.UNAVAILABLE, "at_capacity")
    assert failure.retry_after == 1.0


def test_a_lower_limit_ends_nobody() -> None:
    admission = Admission()
    for _ in range(5):
        admission.enter()
    admission.allow(3)
    assert not taken(admission)
    admission.leave()
    admission.leave()
    assert not taken(admission)
    admission.leave()
    assert taken(admission)


def test_short_of_memory_one_at_a_time() -> None:
    admission = Admission()
    admission.allow(10)
    assert taken(admission)
    admission.press(pressed=True)
    assert admission.pressed
    with pytest.raises(GatewayError, match="short of memory") as told:
        admission.enter()
    assert told.value.failure.code == "memory_short"
    admission.leave()
    assert [taken(admission) for _ in range(2)] == [True, False]
    admission.allow(20)  # another configuration does not lift it
    assert not taken(admission)
    admission.press(pressed=False)
    assert taken(admission)


@given(st.lists(st.sampled_from(["enter", "leave", "press", "release", "fewer", "more"])))
def test_never_more_than_allowed_come_and_all_that_leave_make_room(steps: list[str]) -> None:
    admission = Admission()
    most, pressed, running = 3, False, 0
    admission.allow(most)
    for step in steps:
        if step == "enter":
            room = running < (1 if pressed else most)
            assert taken(admission) is room
            running += room
        elif step == "leave" and running:
            admission.leave()
            running -= 1
        elif step in ("press", "release"):
            pressed = step == "press"
            admission.press(pressed=pressed)
        elif step in ("fewer", "more"):
            most = 2 if step == "fewer" else 5
            admission.allow(most)
        assert admission.running == running


@pytest.mark.parametrize(
    ("used", "pressure", "more"),
    [
        (0, Pressure.NONE, 0),
        (849, Pressure.NONE, 0),
        (850, Pressure.REFUSE, 0),
        (949, Pressure.REFUSE, 99),
        (950, Pressure.CUT, 100),
        (1200, Pressure.CUT, 350),
    ],
)
def test_what_memory_allows(used: int, pressure: Pressure, more: int) -> None:
    assert (REFUSE_AT, CUT_AT) == (0.85, 0.95)
    assert pressure_of(used, 1000) is pressure
    assert surplus(used, 1000) == more
