"""What all tests share: one way to run properties (the same examples every time, and
no verdict on speed, which is the machine's and not the code's), a state folder that
is not the user's, and long tests first."""

from __future__ import annotations

import gc
import os

import pytest
import trustme
from hypothesis import HealthCheck, settings

settings.register_profile(
    "aigw",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("aigw")


ORDINARY = 120.0
"""Seconds that a test has (``pyproject.toml``)."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that were given more time than others begin first, so that no process is left
    alone with one in the end."""
    items.sort(key=lambda item: -_time_of(item))


def _time_of(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return max(ORDINARY, float(marker.args[0])) if marker and marker.args else ORDINARY


def pytest_collection_finish() -> None:
    """What is loaded by now stays: no collection of cycles has to go through it again,
    which took a third of a second each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Also of the gateways that tests start as processes."""
    os.environ["AIGW_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whom clients trust that are told nothing: else each of them, and each process, reads
    all authorities that there are, which takes 30 ms."""
    path = tmp_path_factory.mktemp("authorities") / "one.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    os.environ["SSL_CERT_FILE"] = str(path)
