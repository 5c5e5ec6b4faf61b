"""The scenarios of load, one after another, with progress.

``python -m bench.soak`` runs those of one machine, ``python -m bench.soak L3 L8`` some.
The exit status is 1 where a goal that does not depend on how busy the machine is was missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time

from bench.process import allow_many_files
from bench.soak import (
    attack,
    churn,
    endings,
    lateness,
    leaving,
    memory,
    outage,
    overload,
    reload,
    shared,
    streams,
    workers,
    write_back,
)
from bench.soak.scenario import Figure, Options, Scenario, missed, play
from bench.table import head, table

SCENARIOS: dict[str, tuple[str, Scenario]] = {
    "L1": ("streams at once, every word checked", streams.run),
    "L2": ("memory of a stream", memory.run),
    "L3": ("requests with clients that leave and upstreams that fail", churn.run),
    "L5": ("the configuration changes ten times a second", reload.run),
    "L6": ("commands, a process and an editor write one file", write_back.run),
    "L7": ("kill -9 of workers and of the supervisor", workers.run),
    "L8": ("SIGTERM under streams", endings.run),
    "L9": ("clients leave: how soon, and what their upstreams send in vain", leaving.run),
    "L10": ("attackers beside good clients", attack.run),
    "L11": ("three times what a key may have", overload.run),
    "L12": ("one of three credentials fails, then all of them", outage.run),
    "L13": ("sign-ins, reloads and large bodies beside streams", lateness.run),
    "shared": ("two gateways on one Redis, which is killed; only by name", shared.run),
}


def main() -> int:
    listed = "\n".join(f"  {name:7} {words}" for name, (words, _) in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n{listed}", formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    parser.add_argument("--requests", type=int, default=20_000, help="of L3")
    parser.add_argument("--streams", type=int, default=1_000, help="of L1; L5, L7 and L8: less")
    parser.add_argument("--seconds", type=float, default=20.0, help="of L5, L6, L10 to L13")
    parser.add_argument("--runs", type=int, default=5, help="of L7, L8, L9 and shared")
    parser.add_argument("--workers", type=int, default=4, help="of L7")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if unknown := set(given.scenarios) - set(SCENARIOS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    names = given.scenarios or [name for name in SCENARIOS if name != "shared"]
    allow_many_files()
    head("bench.soak " + " ".join(names))
    failed: list[str] = []
    for name in names:
        words, scenario = SCENARIOS[name]
        print(f"\n## {name}: {words}", flush=True)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="aigw-soak-") as folder:
            options = Options(
                folder,
                requests=given.requests,
                streams=given.streams,
                seconds=given.seconds,
                runs=given.runs,
                workers=given.workers,
                seed=given.seed,
            )
            figures = play(scenario, options, name)
        _show(figures)
        print(f"# {time.monotonic() - began:.0f} s", flush=True)
        failed += [f"{name}: {each.what}" for each in missed(figures)]
    for each in failed:
        print(f"MISSED {each}")
    return 1 if failed else 0


def _show(figures: list[Figure]) -> None:
    verdicts = {True: "yes", False: "NO", None: ""}
    table(
        ["figure", "value", "goal", "holds"],
        [
            [
                each.what,
                each.value,
                each.goal,
                verdicts[each.holds] + ("" if each.counted else " (timed)"),
            ]
            for each in figures
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
