"""The short form of `python -m tests.chaos`."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import chaos, mischief, postgres
from tests.starvation import waited_seconds


@pytest.mark.service
@pytest.mark.timeout(400)
def test_a_tormented_service_keeps_what_it_accepted(short_dir: Path) -> None:
    tally = chaos.run(short_dir / "chaos", seconds=20, seed=7, with_postgres=postgres.binaries() is not None)
    assert tally.wrong == []
    assert tally.mischief
    assert tally.jobs


def test_time_without_an_api_is_counted_once() -> None:
    assert mischief.overlap(0, 10, [(2, 5), (4, 6), (8, 20), (-3, 1)]) == 1 + 4 + 2
    assert mischief.overlap(0, 10, [(11, 12)]) == 0


def test_a_program_that_grows_is_told_once_there_is_enough_to_judge_by() -> None:
    flat, grows = [100] * 2 * chaos.JUDGED_SIZES, [100] * chaos.JUDGED_SIZES + [140] * chaos.JUDGED_SIZES
    sizes = {"api": flat, "infer": grows, "train": grows[-4:]}  # megabytes
    tally = chaos.Tally(memory={name: [1_000_000 * size for size in each] for name, each in sizes.items()})
    tally.judge_memory()
    assert len(tally.wrong) == 1
    assert tally.wrong[0].startswith("infer")


def test_what_was_waited_between_two_times_is_known_to_the_samples_around_them() -> None:
    samples = [(0.0, 0.0), (1.0, 0.5), (2.0, 0.5), (3.0, 2.0)]
    assert mischief.grown(samples, 1.5, 2.5) == 2.0 - 0.5
    assert mischief.grown(samples, 2.5, 9.0) == 2.0 - 0.5
    assert mischief.grown(samples, 1.0, 2.0) == 0.0


@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="this kernel does not count waits")
def test_of_two_that_want_the_same_core_each_has_waited_for_it() -> None:
    core = min(os.sched_getaffinity(0))
    spin = [sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {{{core}}})\nwhile True: pass"]
    with subprocess.Popen(spin) as one, subprocess.Popen(spin) as other:
        try:
            until = time.monotonic() + 60
            while min(waited_seconds(one.pid), waited_seconds(other.pid)) < 0.05:
                assert time.monotonic() < until
                time.sleep(0.05)
        finally:
            one.kill()
            other.kill()
