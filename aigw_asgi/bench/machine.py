"""Where a measurement was made: versions, processors, commit."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

from msgspec import Struct

from aigw_asgi.version import __version__

PACKAGES = ("msgspec", "anyio", "uvicorn", "httptools", "uvloop", "h11", "httpcore2")
"""That have a part in what is measured."""

_CHECKOUT = Path(__file__).parents[2]


class Machine(Struct, frozen=True, kw_only=True):
    aigw: str
    commit: str
    """Empty where nothing tells."""
    python: str
    packages: dict[str, str]
    """Versions of :data:`PACKAGES`; one that is not installed is not there."""
    system: str
    processors: str

    def lines(self) -> list[str]:
        """The same for people."""
        return [
            f"aigw {self.aigw}{self.commit and f' ({self.commit})'}, {self.python}, {self.system}, "
            f"{self.processors}",
            ", ".join(f"{name} {self.packages.get(name, 'is not installed')}" for name in PACKAGES),
        ]


def this_machine() -> Machine:
    return Machine(
        aigw=__version__,
        commit=_commit(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: found for name in PACKAGES if (found := _version(name))},
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processors=_processors(),
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _processors() -> str:
    count = os.cpu_count() or 1
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{count} x {platform.processor() or 'unknown'}"
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{count} x {named[0] if named else 'unknown'}"


def _commit() -> str:
    """Of a checkout, or of one that the package was installed from."""
    if (_CHECKOUT / ".git").exists():
        try:
            done = subprocess.run(
                ["git", "describe", "--always", "--dirty"],
                capture_output=True,
                text=True,
                check=False,
                cwd=_CHECKOUT,
            )
        except OSError:  # there is no git
            return ""
        return f"commit {done.stdout.strip()}" if done.stdout.strip() else ""
    try:
        told = importlib.metadata.distribution("aigw").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return ""
    # Source: PyPA specifications, "Recording the Direct URL Origin", vcs_info.
    found = json.loads(told or "{}").get("vcs_info", {}).get("commit_id", "")
    return f"commit {found[:12]}" if found else ""
