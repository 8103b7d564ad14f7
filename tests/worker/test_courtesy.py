"""Processes that give way, since what a process has given up it cannot take back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os
from pathlib import Path
from worker.courtesy import give_way
give_way(3)
group = Path("/proc/self/autogroup")
print(os.nice(0), group.read_text().split()[-1])
"""


def told(*, leads: bool) -> list[int]:
    """Niceness of a process that gave way, and of its session."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, start_new_session=leads
    )
    return [int(word) for word in done.stdout.split()]


pytestmark = pytest.mark.skipif(not os.access("/proc/self/autogroup", os.W_OK), reason="sessions share alike here")


def test_a_process_that_leads_its_session_gives_way_to_other_sessions() -> None:
    assert told(leads=True) == [min(19, os.nice(0) + 3), 3]


def test_a_process_in_the_session_of_others_slows_none_of_them() -> None:
    before = int(Path("/proc/self/autogroup").read_text().split()[-1])
    assert told(leads=False) == [min(19, os.nice(0) + 3), before]
