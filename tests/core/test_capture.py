"""What is kept of captured requests, and for how long."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from aigw_core.access import Caller
from aigw_core.capture import Capture, CaptureRing, Wire, is_captured, redacted
from aigw_core.chat import Format
from aigw_core.config.snapshot import CapturePolicy, ClientKey

POLICY = CapturePolicy(keys=(), models=(), max_body=100, retention=60.0)
CI = Caller(ClientKey("1", "ci-main", b""))


@pytest.mark.parametrize(
    ("policy", "captured"),
    [
        (None, False),
        (POLICY, True),
        (replace(POLICY, keys=("ci-*",)), True),
        (replace(POLICY, keys=("dev",)), False),
        (replace(POLICY, models=("m*",)), True),
        (replace(POLICY, keys=("ci-*",), models=("x",)), False),
    ],
)
def test_who_is_captured(policy: CapturePolicy | None, captured: bool) -> None:
    assert is_captured(policy, CI, "m-1") is captured


def test_a_wire_keeps_borders_up_to_its_size() -> None:
    wire = Wire(5)
    for at, data in enumerate((b"abc", b"def", b"ghi")):
        wire.add(float(at), data)
    assert [(piece.at, piece.data) for piece in wire.pieces] == [
        (0.0, b"abc"),
        (1.0, b"de"),
        (2.0, b""),
    ]
    assert wire.size == 9


def test_secrets_are_hidden() -> None:
    shown = redacted((("Authorization", "Bearer k"), ("x-api-key", "k"), ("x-a", "b")))
    assert shown == (("Authorization", "***"), ("x-api-key", "***"), ("x-a", "b"))


def capture(number: int, *, taken: float = 0.0, size: int = 10) -> Capture:
    return Capture(f"r-{number}", taken, Format.CHAT, "m", "k", (), b"x" * size, Wire(100))


def test_the_ring_is_bounded_in_bytes() -> None:
    ring = CaptureRing(limit=35)
    for number in range(10):
        ring.put(capture(number), 60.0)
    assert [each.request_id for each in ring.newest(9)] == ["r-9", "r-8", "r-7"]
    assert ring.get("r-0") is None
    ring.put(capture(10, size=100), 60.0)
    assert len(ring) == 0  # larger than all of it


def test_the_ring_is_bounded_in_age_and_knows_each_once() -> None:
    ring = CaptureRing()
    ring.put(capture(0, taken=0.0), 60.0)
    ring.put(capture(1, taken=30.0), 60.0)
    ring.put(capture(1, taken=61.0), 60.0)
    assert [each.request_id for each in ring.newest(9)] == ["r-1"]
