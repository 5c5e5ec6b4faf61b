"""The dashboard's own tests, and that what is built is whole. ``make check`` has its types
and its linter.

They need Node 22 or later (``make test`` fetches one where there is none) and the
packages of ``web/package-lock.json``; without them they are skipped, and so are the
end to end tests (``web/e2e``), which drive Chromium against gateways that run, where
there is no Chromium.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
WEB = ROOT / "web"

pytestmark = pytest.mark.timeout(300)


def load_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = load_build()


CHROMIUM = Path(os.environ.get("AIGW_CHROMIUM", "/usr/bin/chromium"))


def npm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs npm in ``web``; skips the test where there is none, or no packages."""
    try:
        command, env = BUILD.npm_command()
    except BUILD.CannotBuild as problem:
        pytest.skip(str(problem))
    if not (WEB / "node_modules/vitest").is_dir():
        pytest.skip("web/node_modules is not filled: make web")
    return subprocess.run(
        [*command, *arguments],
        cwd=WEB,
        env={**env, "CI": "1", "NO_COLOR": "1", "AIGW_PYTHON": sys.executable},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_its_own_tests_pass() -> None:
    done = npm("run", "--silent", "test")
    assert done.returncode == 0, done.stdout[-6000:]


def test_it_builds_within_its_budgets() -> None:
    done = npm("run", "--silent", "build")
    assert done.returncode == 0, done.stdout[-6000:]
    weighed = npm("run", "--silent", "budgets")
    assert weighed.returncode == 0, weighed.stdout
    assert "initial JS" in weighed.stdout
    page = (WEB / "dist/index.html").read_text()
    # What a strict content security policy would stop.
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page)
    assert "__AIGW_CSP_NONCE__" in page
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert address.startswith("/dashboard/"), address
        assert (WEB / "dist" / address.removeprefix("/dashboard/")).is_file()


@pytest.mark.parametrize(
    "name", ["first-run", "keyboard", "accessibility", "hostile", "reconnect", "many-rows", "live"]
)
def test_end_to_end(name: str) -> None:
    """What holds on all pages; each page's own controls are tested by ``make e2e``."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: install chromium, or set AIGW_CHROMIUM")
    if not (ROOT / "aigw_asgi/static/index.html").is_file():
        pytest.skip("the dashboard is not built: make web")
    done = npm("run", "--silent", "e2e", "--", f"e2e/{name}.e2e.ts")
    assert done.returncode == 0, done.stdout[-6000:]


def test_types_are_those_of_the_description(tmp_path: Path) -> None:
    committed = (WEB / "src/api/schema.d.ts").read_text()
    out = tmp_path / "schema.d.ts"
    arguments = ["openapi.json", "--output", str(out), "--empty-objects-unknown"]
    done = npm("exec", "--no", "--", "openapi-typescript", *arguments)
    assert done.returncode == 0, done.stdout
    assert out.read_text() == committed, "npm run types"


def test_lock_names_no_addresses() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    # An entry without a digest is a package of another platform that npm never saw.
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []


def test_a_change_of_a_source_makes_it_stale() -> None:
    names = {path.relative_to(WEB).as_posix() for path in BUILD.sources()}
    assert {"index.html", "package-lock.json", "vite.config.ts", "src/main.tsx"} <= names
    assert not [name for name in names if ".test." in name or name.startswith(("dist/", "node_"))]
    assert not BUILD.is_fresh("another digest")
