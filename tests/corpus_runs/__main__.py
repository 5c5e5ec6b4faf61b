"""Print what the runs over the recordings count: ``python -m tests.corpus_runs [word]``.

With a word only the runs whose name holds it.
"""

from __future__ import annotations

import sys
from time import perf_counter

from tests import corpus
from tests.corpus_runs.table import all_runs


def main() -> int:
    if corpus.root() is None:
        sys.stdout.write(corpus.ABSENT + "\n")
        return 2
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = checks = cases = 0
    for name, run in all_runs():
        if word not in name:
            continue
        start = perf_counter()
        tally = run()
        failed += len(tally.failures)
        cases += tally.cases
        checks += tally.checks
        lines = tally.lines()
        lines[0] += f" ({perf_counter() - start:.1f} s)"
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    sys.stdout.write(f"{cases} cases, {checks} checks inside them, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
