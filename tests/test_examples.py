"""The examples of the README run, and do what they say."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_core_alone() -> None:
    out: bytes = load("core_alone").main()
    assert b'"content":"Hello"' in out
    assert out.endswith(b"data: [DONE]\n\n")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_the_engine_embedded(anyio_backend: str) -> None:
    out: bytes = await load("embedded").main()
    assert b"Hello" in out
    assert out.endswith(b"data: [DONE]\n\n")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_sdk_in_process(anyio_backend: str) -> None:
    assert await load("openai_sdk").main() == "Hello from the SDK"


@pytest.mark.parametrize("arguments", [["core_alone.py"], ["embedded.py", "trio"]])
def test_they_run_as_scripts(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / arguments[0]), *arguments[1:]],
        capture_output=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"[DONE]" in done.stdout
