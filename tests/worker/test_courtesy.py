"""Processes that give way, since what a process has given up it cannot take back."""

import os
import subprocess
import sys

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
    """Niceness of a process that gave way, and of its session, which is a new one: it leads it, or a shell does."""
    alone = [sys.executable, "-c", SCRIPT]
    under_a_shell = ["sh", "-c", '"$@"; true', "sh", *alone]
    command = alone if leads else under_a_shell
    done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True)
    return [int(word) for word in done.stdout.split()]


pytestmark = pytest.mark.skipif(not os.access("/proc/self/autogroup", os.W_OK), reason="sessions share alike here")


def test_a_process_that_leads_its_session_gives_way_to_other_sessions() -> None:
    assert told(leads=True) == [min(19, os.nice(0) + 3), 3]


def test_a_process_in_the_session_of_others_slows_none_of_them() -> None:
    assert told(leads=False) == [min(19, os.nice(0) + 3), 0]
