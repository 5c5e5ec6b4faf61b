"""Writes what a wheel of aigw brings and needs, as CycloneDX JSON.

``python requirements/sbom.py build/sbom.json``. It reads the lock files and nothing else, so
it says the same for the same checkout: the Python packages of ``runtime.txt`` with the
hashes of their files, and the npm packages that are built into the dashboard, from
``web/package-lock.json``. Nothing is fetched, so there is nothing about licences of Python
packages, which no lock has.

Source: CycloneDX 1.6, JSON; Package URL, types pypi and npm.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "runtime.txt"
NPM_LOCK = ROOT / "web" / "package-lock.json"

_PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)(?: ; (.*?))? \\")
_HASH = re.compile(r"\s+--hash=sha256:([0-9a-f]{64})(?: \\)?")
_VIA = re.compile(r"\s+#(?: via)?\s+([A-Za-z0-9._-]+)(?: \(pyproject\.toml\))?")
_ALGORITHMS = {"sha512": "SHA-512", "sha384": "SHA-384", "sha256": "SHA-256", "sha1": "SHA-1"}


def version() -> str:
    text = (ROOT / "aigw_asgi" / "version.py").read_text()
    found = re.search(r'"(.+?)"', text)
    if found is None:
        raise SystemExit("aigw_asgi/version.py has no version")
    return found[1]


def python_packages() -> tuple[list[dict[str, Any]], dict[str, set[str]]]:
    """The components, and who needs what, by reference.

    Raises:
        SystemExit: the lock has a line that is not understood.
    """
    components: list[dict[str, Any]] = []
    needs: dict[str, set[str]] = {}
    needed_by: dict[str, list[str]] = {}
    for line in LOCK.read_text().splitlines():
        if pin := _PIN.fullmatch(line):
            name, number, marker = pin.groups()
            component: dict[str, Any] = {
                "type": "library",
                "bom-ref": f"pkg:pypi/{name}@{number}",
                "name": name,
                "version": number,
                "purl": f"pkg:pypi/{name}@{number}",
                "scope": "required",
                "hashes": [],
            }
            if marker:
                component["properties"] = [{"name": "aigw:marker", "value": marker}]
            components.append(component)
        elif hashed := _HASH.fullmatch(line):
            components[-1]["hashes"].append({"alg": "SHA-256", "content": hashed[1]})
        elif line.strip() in ("", "# via"):
            continue
        elif via := _VIA.fullmatch(line):
            needed_by.setdefault(components[-1]["name"], []).append(via[1])
        else:
            raise SystemExit(f"{LOCK.name}: what is {line!r}?")
    references = {each["name"]: each["bom-ref"] for each in components}
    references["aigw"] = "aigw"
    for name, parents in needed_by.items():
        for parent in parents:
            needs.setdefault(references[parent], set()).add(references[name])
    return components, needs


def npm_packages() -> list[dict[str, Any]]:
    """Those that are not for development: what the bundle is made of."""
    components = []
    for place, about in json.loads(NPM_LOCK.read_text())["packages"].items():
        if not place or about.get("dev") or about.get("link") or about.get("optional"):
            continue
        name = about.get("name", place.rpartition("node_modules/")[2])
        group, _, last = name.rpartition("/")
        purl = f"pkg:npm/{quote(name, safe='/')}@{about['version']}"
        component: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": last}
        if group:
            component["group"] = group
        component |= {
            "version": about["version"],
            "purl": purl,
            "scope": "required",
            "hashes": [_integrity(each) for each in about["integrity"].split()],
            "properties": [{"name": "aigw:part-of", "value": "aigw_asgi/static"}],
        }
        if "license" in about:
            component["licenses"] = [{"license": {"name": about["license"]}}]
        if component["bom-ref"] not in {each["bom-ref"] for each in components}:
            components.append(component)
    return components


def _integrity(text: str) -> dict[str, str]:
    algorithm, _, digest = text.partition("-")
    return {"alg": _ALGORITHMS[algorithm], "content": base64.b64decode(digest).hex()}


def document() -> dict[str, Any]:
    python, needs = python_packages()
    npm = npm_packages()
    needs.setdefault("aigw", set()).update(each["bom-ref"] for each in npm)
    components = sorted(python + npm, key=lambda each: each["purl"])
    dependencies = [
        {"ref": ref, "dependsOn": sorted(needs.get(ref, ()))}
        for ref in ["aigw", *(each["bom-ref"] for each in components)]
    ]
    about = {
        "type": "application",
        "bom-ref": "aigw",
        "name": "aigw",
        "version": version(),
        "purl": f"pkg:pypi/aigw@{version()}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    content = json.dumps([about, components, dependencies])
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # Of what it says, so that it changes when that does.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}",
        "version": 1,
        "metadata": {"component": about},
        "components": components,
        "dependencies": dependencies,
    }


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python requirements/sbom.py FILE\n")
        return 2
    file = Path(arguments[0])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document(), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
