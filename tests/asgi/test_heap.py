"""What is counted is page faults, by the system, in a process of its own."""

import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource
from aigw_asgi.heap import keep_heap
if {kept}:
    keep_heap()
def use():
    held = [bytes(100_000) + b"x" for _ in range(10)]
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*, kept: bool) -> int:
    script = _FAULTS.format(kept=kept)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that gives back")
def test_memory_that_is_free_for_a_moment_is_kept() -> None:
    assert faults(kept=True) < 2_000 < 10_000 < faults(kept=False)
