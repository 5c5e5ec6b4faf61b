from __future__ import annotations

import pytest

from aigw_asgi.server import HttpChoice, LoopChoice

BOTH = [
    pytest.param((loop, http), id=f"{loop}-{http}")
    for loop in (LoopChoice.ASYNCIO, LoopChoice.UVLOOP)
    for http in (HttpChoice.HTTPTOOLS, HttpChoice.H11)
]


@pytest.fixture(params=BOTH, scope="module")
def stack(request: pytest.FixtureRequest) -> tuple[LoopChoice, HttpChoice]:
    """Which loop and which parser."""
    found: tuple[LoopChoice, HttpChoice] = request.param
    return found
