"""One way to run properties: the same examples every time, and no verdict on speed,
which is the machine's and not the code's."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "aigw",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("aigw")
