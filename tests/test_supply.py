"""What is installed with aigw, what its wheel brings, and what is said of both."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aigw_asgi.version import __version__
from tests.running import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
RUNTIME = ROOT / "requirements" / "runtime.txt"

MOST_DIRECT = 12
"""Packages that aigw itself asks for, the faster parts included."""

DATA = {".py", ".json", ".lua", ".typed"}
"""What the packages are made of, beside the dashboard."""


def pins(lock: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Name, version and hashes of each package of a lock; nothing else may be in it."""
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    entry = re.compile(
        r"([a-z0-9][a-z0-9._-]*)==([0-9][A-Za-z0-9.+!]*)(?: ; [A-Za-z0-9_ '<>=!.()-]+)?"
        r"((?: \\\n    --hash=sha256:[0-9a-f]{64})+)"
    )
    text, at = "\n".join(lines), 0
    while at < len(text):
        found = entry.match(text, at)
        assert found is not None, f"{lock.name}: {text[at : at + 80]!r}"
        yield found[1], found[2], re.findall(r"sha256:(\w+)", found[3])
        at = found.end() + 1


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_versions_and_hashes_and_no_addresses(lock: Path) -> None:
    """From wherever the files come, they are those that were locked."""
    found = list(pins(lock))
    assert found
    assert all(len(set(hashes)) == len(hashes) for _, _, hashes in found)
    assert "://" not in lock.read_text()


def test_a_lock_that_could_fetch_something_else_is_found(tmp_path: Path) -> None:
    lock = tmp_path / "x.txt"
    good = f"a==1 \\\n    --hash=sha256:{'0' * 64}\n"
    lock.write_text(good)
    assert list(pins(lock)) == [("a", "1", ["0" * 64])]
    for bad in ("b==1\n", "b>=1\n", "b @ file:///b.whl\n", "--index-url x\n", "-e .\n"):
        lock.write_text(good + bad)
        with pytest.raises(AssertionError):
            list(pins(lock))


def test_few_packages_are_asked_for_and_all_of_them_are_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["fast"]
    names = {re.split(r"[\[<>=; ]", each)[0].lower() for each in wanted}
    assert len(names) <= MOST_DIRECT
    assert names <= {name for name, _, _ in pins(RUNTIME)}


def test_nothing_that_is_needed_runs_when_python_starts() -> None:
    """A ``.pth`` file, or one of these modules, would: in every program of the environment."""
    looked_at = 0
    for name, _, _ in pins(RUNTIME):
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:  # of another system
            continue
        looked_at += 1
        names = {each.name for each in files}
        assert not {each for each in names if each.endswith(".pth")}, name
        assert not names & {"sitecustomize.py", "usercustomize.py"}, name
    assert looked_at >= 15


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """As it is built, without the dashboard being built for it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "AIGW_SKIP_WEB": "1", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (file,) = folder.iterdir()
    assert file.name == f"aigw-{__version__}-py3-none-any.whl"
    return zipfile.ZipFile(file)


def test_the_wheel_has_the_two_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    about = f"aigw-{__version__}.dist-info"
    names = set(wheel.namelist())
    assert {name.partition("/")[0] for name in names} == {"aigw_core", "aigw_asgi", about}
    assert {name for name in names if name.startswith(about)} == {
        f"{about}/METADATA",
        f"{about}/RECORD",
        f"{about}/WHEEL",
        f"{about}/entry_points.txt",
        f"{about}/licenses/LICENSE",
    }
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in ("aigw_core", "aigw_asgi")
        for path in (ROOT / package).rglob("*")
        if path.suffix in DATA and "static" not in path.relative_to(ROOT).parts
    }
    code = {name for name in names if not name.startswith((about, "aigw_asgi/static/"))}
    assert code == expected | {"aigw_asgi/config.example.yaml"}


def test_the_wheel_runs_nothing_when_it_is_installed_or_python_starts(
    wheel: zipfile.ZipFile,
) -> None:
    about = f"aigw-{__version__}.dist-info"
    assert not [name for name in wheel.namelist() if name.endswith((".pth", ".so", ".pyd", ".exe"))]
    assert not [name for name in wheel.namelist() if ".data/" in name or "/tests/" in name]
    points = wheel.read(f"{about}/entry_points.txt").decode()
    assert points.split() == ["[console_scripts]", "aigw", "=", "aigw_asgi.cli:main"]
    assert "Root-Is-Purelib: true" in wheel.read(f"{about}/WHEEL").decode()
    metadata = wheel.read(f"{about}/METADATA").decode()
    wanted = re.findall(r"^Requires-Dist: ([^;\n]+)(?:;(.*))?$", metadata, re.MULTILINE)
    assert len(wanted) <= MOST_DIRECT + 2  # shtab, coredis
    assert not [each for each, _ in wanted if "@" in each]  # nothing by its address


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, Any]]:
    """The bill of materials, as ``make sbom`` writes it."""
    texts = []
    for name in ("first.json", "second.json"):
        file = tmp_path_factory.mktemp("sbom") / name
        subprocess.run(
            [sys.executable, str(ROOT / "requirements" / "sbom.py"), str(file)],
            check=True,
        )
        texts.append(file.read_bytes())
    assert texts[0] == texts[1]
    return texts[0], json.loads(texts[0])


def test_the_bill_of_materials_has_every_package_with_its_hashes(
    listed: tuple[bytes, dict[str, Any]],
) -> None:
    _, bill = listed
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert bill["metadata"]["component"]["version"] == __version__
    python = {
        each["purl"]: [hash["content"] for hash in each["hashes"]]
        for each in bill["components"]
        if each["purl"].startswith("pkg:pypi/")
    }
    assert python == {f"pkg:pypi/{name}@{number}": hashes for name, number, hashes in pins(RUNTIME)}
    npm = [each for each in bill["components"] if each["purl"].startswith("pkg:npm/")]
    locked = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    wanted = json.loads((ROOT / "web" / "package.json").read_text())["dependencies"]
    found = {"/".join(filter(None, [each.get("group"), each["name"]])) for each in npm}
    assert set(wanted) <= found
    assert not {name for name in found if locked.get(f"node_modules/{name}", {}).get("dev")}
    assert all(re.fullmatch("[0-9a-f]{128}", each["hashes"][0]["content"]) for each in npm)


def test_the_bill_of_materials_says_who_needs_what(
    listed: tuple[bytes, dict[str, Any]],
) -> None:
    text, bill = listed
    references = {each["bom-ref"] for each in bill["components"]} | {"aigw"}
    needs = {each["ref"]: set(each["dependsOn"]) for each in bill["dependencies"]}
    assert set(needs) == references
    assert set().union(*needs.values()) == references - {"aigw"}  # nothing that nobody needs
    by_name = {each["name"]: each["bom-ref"] for each in bill["components"]}
    assert by_name["h11"] in needs[by_name["uvicorn"]]
    assert by_name["msgspec"] in needs["aigw"]
    assert text.count(b"://") == 1  # that of its own schema
