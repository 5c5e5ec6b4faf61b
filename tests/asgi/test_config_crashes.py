"""A process that dies anywhere while it writes the configuration leaves the old file or the
new one, and the next writer can go on (P14).

It dies just before its k-th call of those by which a process changes files, for every k there
is; without cleaning up, as when it is killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from aigw_asgi.config_store import load
from aigw_asgi.config_writer import change_file
from aigw_asgi.yaml_edit import set_value

OLD = "# mine\nhost: 127.0.0.1\nport: 1 # this\n"
NEW = "# mine\nhost: 127.0.0.1\nport: 2 # this\n"

_DYING = """\
import os, sys
from aigw_asgi.config_writer import change_file
from aigw_asgi.yaml_edit import set_value

CALLS = {"open", "write", "pwrite", "flush", "close", "fsync", "fchmod", "fchown", "rename",
         "replace", "unlink", "flock", "truncate", "ftruncate"}
file, last = sys.argv[1], int(sys.argv[2])

def change():
    change_file(file, lambda document: set_value(document, ("port",), 2), {})

for at in range(1, last):
    child = os.fork()
    if child == 0:
        count = 0
        def note(frame, event, what):
            global count
            if event == "c_call" and getattr(what, "__name__", "") in CALLS:
                count += 1
                if count == at:
                    os._exit(9)
        sys.setprofile(note)
        change()
        sys.setprofile(None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    with open(file, encoding="utf-8") as stream:
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)} {stream.read()!r}\\n")
    if status == 0:
        break
    with open(file, "w", encoding="utf-8") as stream:
        stream.write(sys.argv[3])
"""


def test_a_writer_that_dies_anywhere_leaves_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(OLD)
    done = subprocess.run(
        [sys.executable, "-c", _DYING, str(file), "100", OLD],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    *died, lived = done.stdout.splitlines()
    assert lived == f"0 {NEW!r}"
    assert set(died) == {f"9 {OLD!r}", f"9 {NEW!r}"}, died
    assert len(died) > 8
    # What the dead have left behind is in nobody's way, and goes.
    change_file(str(file), lambda document: set_value(document, ("port",), 3), {})
    assert load(str(file), os.environ).settings.port == 3
    assert len(list(tmp_path.iterdir())) <= 2 + len(died)
