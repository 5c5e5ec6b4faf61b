"""Instructions of the processor for one delta, in each codec, against stored bounds.

``python -m bench.counts`` (``make counts``) has callgrind count them, which no busy machine
disturbs, and fails where one has grown by more than a twentieth. ``--write`` stores what it
counts in ``bench/bounds.json``. Bounds are those of one build of Python, one msgspec and one
kind of processor; with others it only shows.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aigw_core.chat import Format
from aigw_core.codec import AnswerContext
from aigw_core.codecs import CODECS
from bench.bench_codecs import machine, streams
from bench.process import ROOT
from bench.table import head, table

BOUNDS = Path(__file__).with_name("bounds.json")
TOLERANCE = 1.05
DELTAS = 400
"""So many of them warm the interpreter up, and so many are counted then."""


def cases() -> Iterator[tuple[str, Callable[[], object]]]:
    """Name, and what to do with :data:`DELTAS` deltas; it can be done again and again."""
    said = {kind: (opening, deltas) for kind, opening, deltas in streams(Format.CHAT)}
    for format, codec in CODECS.items():
        for kind, opening, deltas in streams(format):
            decode = codec.stream_decoder().feed
            yield f"{format} decodes {kind}", _ready(decode, opening, deltas)
            relay = machine(format, format, relay=True).feed
            yield f"{format} relays {kind}", _ready(relay, opening, deltas)
        for kind, (opening, deltas) in said.items():
            source = CODECS[Format.CHAT].stream_decoder().feed
            encode = codec.stream_encoder(AnswerContext("bench", "0" * 32, 1)).encode
            before, events = [source(read) for read in opening], [source(read) for read in deltas]
            yield f"{format} encodes {kind}", _ready(encode, before, events)


def _ready(
    take: Callable[[Any], object], opening: list[Any], deltas: list[Any]
) -> Callable[[], None]:
    for each in opening:
        take(each)
    return partial(_all, take, deltas[:DELTAS])


def _all(take: Callable[[Any], object], deltas: list[Any]) -> None:
    for each in deltas:
        take(each)


def run() -> None:
    """What is counted: callgrind writes a file at each call of ``getppid``, with what there
    was since the last one."""
    gc.disable()
    for _, work in cases():
        work()
        os.getppid()
        work()
        os.getppid()


def counted() -> dict[str, int]:
    """Instructions for a delta.

    Raises:
        OSError: there is no valgrind, or it cannot run this Python.
    """
    names = [name for name, _ in cases()]
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise FileNotFoundError("there is no valgrind")
    with tempfile.TemporaryDirectory(prefix="aigw-counts-") as folder:
        out = Path(folder) / "out"
        done = subprocess.run(
            [
                *(valgrind, "--tool=callgrind", "--dump-before=getppid"),
                *(f"--callgrind-out-file={out}", sys.executable, "-m", "bench.counts", "--run"),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        files = [Path(f"{out}.{number}") for number in range(2, 2 * len(names) + 1, 2)]
        if done.returncode or not all(each.exists() for each in files):
            raise OSError(f"valgrind cannot run it:\n{done.stderr[-2000:]}")
        totals = [re.search(r"^totals: (\d+)", each.read_text(), re.MULTILINE) for each in files]
    return {
        name: round(int(total[1]) / DELTAS)
        for name, total in zip(names, totals, strict=True)
        if total is not None
    }


def _machine() -> str:
    python = ".".join(platform.python_version_tuple()[:2])
    tuned = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    return (
        f"{platform.python_implementation()} {python}{' (PGO)' if tuned else ''}, "
        f"{platform.python_compiler()}, msgspec {version('msgspec')}, {platform.machine()}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="store what is counted")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run()
        return 0
    head("counts: instructions for one delta")
    try:
        found = counted()
    except OSError as exc:
        print(exc)
        return 2
    stored: dict[str, dict[str, int]] = json.loads(BOUNDS.read_text())
    bounds = stored.get(_machine(), {})
    if not bounds:
        print(f"# there are no bounds for {_machine()}")
    rows: list[list[object]] = []
    grown = []
    for name, count in found.items():
        bound = int(bounds[name] * TOLERANCE) if name in bounds else None
        fine = bound is None or count <= bound
        rows.append([name, count, "-" if bound is None else bound, "" if fine else "GROWN"])
        if not fine:
            grown.append(name)
    table(["codec", "instructions", "bound", ""], rows)
    if options.write:
        BOUNDS.write_text(json.dumps({**stored, _machine(): found}, indent=2) + "\n")
        return 0
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
