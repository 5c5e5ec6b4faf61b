"""What came out of a run over the recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from aigw_core.grammar import GrammarViolation
from tests.corpus import Exchange
from tests.laws import LawBroken


class Tally:
    """Counts of outcomes, and the cases that failed.

    ``run`` of :meth:`over` names the outcome of a case, or raises what a law
    raises; anything else that is raised is a failure too, and shown as such.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.outcomes: Counter[str] = Counter()
        self.checks = 0
        """Single comparisons inside the cases (cuts, prefixes)."""
        self.failures: list[str] = []

    def over(self, cases: Iterable[Exchange], run: Callable[[Exchange], str]) -> Tally:
        for case in cases:
            try:
                self.outcomes[run(case)] += 1
            except (LawBroken, GrammarViolation) as exc:
                self._fail(case, str(exc))
            except Exception as exc:  # noqa: BLE001 - whatever it is, this case failed
                self._fail(case, f"{type(exc).__name__}: {exc}")
        return self

    def _fail(self, case: Exchange, problem: str) -> None:
        self.failures.append(f"{case.id}: {problem[:600]}")
        self.outcomes["FAILED"] += 1

    @property
    def cases(self) -> int:
        return sum(self.outcomes.values())

    def lines(self) -> list[str]:
        head = f"{self.title}: {self.cases} cases"
        if self.checks:
            head += f", {self.checks} checks"
        rows = [head]
        rows += [f"    {count:6} {outcome}" for outcome, count in self.outcomes.most_common()]
        return rows + [f"      ! {failure}" for failure in self.failures]

    def assert_clean(self) -> None:
        shown = "\n".join(self.failures[:20])
        assert not self.failures, f"{self.title}: {len(self.failures)} cases\n{shown}"
        assert self.cases, f"{self.title}: no cases"
