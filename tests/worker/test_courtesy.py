"""Processes that give way, since what a process has given up it cannot take back."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os
from pathlib import Path
from worker.courtesy import give_way
give_way(3)
group = Path("/proc/self/autogroup")
print(os.nice(0), group.read_text().split()[-1] if group.exists() else 3)
"""


def told(*, leads: bool) -> list[int]:
    """Niceness of a process that gave way, and of its session."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, start_new_session=leads
    )
    return [int(word) for word in done.stdout.split()]


def test_a_process_that_leads_its_session_gives_way_to_other_sessions() -> None:
    assert told(leads=True) == [os.nice(0) + 3, 3]


def test_a_process_in_the_session_of_others_slows_none_of_them() -> None:
    group = Path("/proc/self/autogroup")
    before = int(group.read_text().split()[-1]) if group.exists() else 3
    assert told(leads=False) == [os.nice(0) + 3, before]
