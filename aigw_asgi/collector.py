"""Python's collector of cycles, as a server wants it."""

from __future__ import annotations

import gc

_THRESHOLDS = (5_000, 20, 50)
"""Objects made and not freed until the youngest are looked at, and how often each older
generation is looked at then. Requests free what they made by themselves; what waits for
the request log, a tenth of a second long, would be looked at again and again."""


def settle() -> None:
    """What is there now stays, so do not look at it; and look at the rest less often.

    A request whose record is logged costs its loop 1 % more than one that is not, instead
    of 5 % (``bench_request_log``); workers share the memory of their supervisor for longer.
    """
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
