"""Several benchmarks, one after another: ``python -m bench [all | NAME ...]``.

Without a name those of a gateway as a whole. What ``gateway`` and ``growth`` measure is in
``build/bench``, too: all values as TSV, and a picture of each.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from bench.process import ROOT

USUAL = ("start", "codecs", "gateway", "growth")
WITH_FILES = ("gateway", "growth")


def main() -> int:
    known = sorted(
        file.stem.removeprefix("bench_") for file in Path(__file__).parent.glob("bench_*.py")
    )
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n{', '.join(known)}",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {' '.join(USUAL)}")
    names = parser.parse_args().names or list(USUAL)
    if names == ["all"]:
        names = known
    if unknown := set(names) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for at, name in enumerate(names, 1):
        print(f"\n## {name} ({at} of {len(names)})", flush=True)
        files = [f"--tsv={folder / name}.tsv", f"--plot={folder / name}.svg"]
        command = [sys.executable, "-m", f"bench.bench_{name}"]
        if subprocess.run(
            [*command, *(files if name in WITH_FILES else [])], check=False
        ).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
