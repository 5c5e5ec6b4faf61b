"""Writers of one file beside an editor: three seconds of what the soak run does for long."""

from __future__ import annotations

from pathlib import Path

from bench.soak.scenario import Progress
from bench.soak.write_back import COLUMNS, soak


def test_no_accepted_write_is_lost_and_no_reader_sees_what_nobody_wrote(tmp_path: Path) -> None:
    counts = soak(tmp_path, 3.0, Progress("L6"))
    shown = {name: counts[name] for name in COLUMNS}
    assert counts["lost"] == counts["torn"] == counts["comments_lost"] == 0, shown
    for name in ("commands", "in_process", "renames", "in_place", "reads"):
        assert counts[name] > 0, shown
    assert counts["generations"] > 1, shown
