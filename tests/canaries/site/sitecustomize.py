"""The first thing that an interpreter imports which a watched test has started."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if "AIGW_CANARIES" in os.environ:
    sys.path.append(str(Path(__file__).parents[3]))
    from tests.canaries.watch import watch_process

    watch_process(os.environ["AIGW_CANARIES"])
    sys.path.pop()
