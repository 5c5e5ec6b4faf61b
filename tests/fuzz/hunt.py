"""One target under atheris: ``python -m tests.fuzz.hunt NAME [libFuzzer's options]``.

A process of its own, since a finding ends it. It needs atheris (``requirements/fuzz.txt``).
"""

from __future__ import annotations

import sys
from typing import Any


def main() -> None:
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    with atheris.instrument_imports(include=["aigw_core", "aigw_asgi", "yaml"]):
        from tests.fuzz.targets import load

        target = load(sys.argv[1])
        for path in target.inputs():  # which imports the rest
            target.check(path.read_bytes())
    options: dict[str, Any] = {}
    if target.json:
        from tests.fuzz.mutators import json_mutator

        options["custom_mutator"] = json_mutator(lambda data, most: atheris.Mutate(data, most))
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.check, **options)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
