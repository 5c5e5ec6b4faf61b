"""What the two packages export."""

from __future__ import annotations

import subprocess
import sys

import aigw_asgi
from aigw_asgi.asgi import App


def test_the_ready_application_is_not_hidden_by_a_module() -> None:
    assert App is not None  # the module is imported
    assert callable(aigw_asgi.app)


def test_exports_are_exact_and_sorted() -> None:
    assert aigw_asgi.__all__ == sorted(aigw_asgi.__all__)
    assert all(getattr(aigw_asgi, name) is not None for name in aigw_asgi.__all__)


def test_importing_the_shell_is_cheap() -> None:
    script = "import aigw_asgi, sys; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"uvicorn", "anyio", "msgspec", "yaml"} & set(loaded)
