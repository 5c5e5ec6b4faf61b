"""Which runs there are: the one list that the tests and the printed table share.

A format comes in by being in ``CODECS`` and in ``READY``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

from aigw_core.chat import Format
from aigw_core.codecs import CODECS
from tests.corpus_runs import runs
from tests.corpus_runs.tally import Tally

READY = tuple(name for name in Format if name in CODECS)

PAIR_RUNS = (
    runs.streams,
    runs.answers,
    runs.errors,
    runs.requests,
    runs.clients,
    runs.splits,
    runs.prefixes,
)
"""``(upstream, client)``; ``requests`` takes them the other way round."""

CODEC_RUNS = (runs.request_identity, runs.answer_identity, runs.relays)


def all_runs() -> Iterator[tuple[str, Callable[[], Tally]]]:
    for run in PAIR_RUNS:
        for first, second in product(READY, repeat=2):
            yield (
                f"{run.__name__}-{first}-{second}",
                lambda run=run, a=first, b=second: run(CODECS[a], CODECS[b]),  # type: ignore[misc]
            )
    for single in CODEC_RUNS:
        for name in READY:
            yield (
                f"{single.__name__}-{name}",
                lambda single=single, name=name: single(CODECS[name]),  # type: ignore[misc]
            )
