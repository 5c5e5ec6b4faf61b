"""Every run over the recordings is clean. ``python -m tests.corpus_runs`` prints the counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests import corpus
from tests.corpus_runs.table import all_runs
from tests.corpus_runs.tally import Tally

pytestmark = [corpus.needs_corpus, pytest.mark.timeout(120)]


@pytest.mark.parametrize("run", [pytest.param(run, id=name) for name, run in all_runs()])
def test_run(run: Callable[[], Tally]) -> None:
    run().assert_clean()
