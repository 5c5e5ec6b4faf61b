"""What all tests share: one way to run properties (the same examples every time, and
no verdict on speed, which is the machine's and not the code's), and a state folder
that is not the user's."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "aigw",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("aigw")


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Also of the gateways that tests start as processes."""
    os.environ["AIGW_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))
