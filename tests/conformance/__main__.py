"""Run all probes and print the table: ``python -m tests.conformance [--write]``.

Each number is how many streams (for seals: conversations) went through. With
``--write`` only ``docs/conformance.md`` is written.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

from aigw_core.chat import Format
from tests.conformance.table import PROBES, page, run, why_not

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def main() -> int:
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    pairs = list(product(Format, repeat=2))
    out = sys.stdout
    heads = "".join(f"{up.value[:4]}>{down.value[:4]}".rjust(10) for up, down in pairs)
    out.write(f"{'upstream>client':18}{heads}\n")
    failures: list[str] = []
    reasons: set[str] = set()
    streams = 0
    for probe in PROBES:
        out.write(f"{probe.number} {probe.name:16}")
        for upstream, client in pairs:
            reason = why_not(probe, upstream, client)
            if reason is not None:
                reasons.add(f"{probe.name}, {upstream}: {reason}")
                cell = "-"
            else:
                try:
                    count = run(probe, upstream, client)
                except Exception as exc:  # noqa: BLE001 - whatever it is, the pair failed
                    failures.append(f"{probe.name}, {upstream} to {client}: {exc}")
                    cell = "FAILED"
                else:
                    streams += count
                    cell = str(count)
            out.write(cell.rjust(10))
            out.flush()
        out.write("\n")
    out.write(f"{streams} streams, {len(failures)} pairs failed\n")
    out.writelines(f"- {reason}\n" for reason in sorted(reasons))
    out.writelines(f"! {failure}\n" for failure in failures)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
