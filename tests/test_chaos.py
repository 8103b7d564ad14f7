"""The short form of `python -m tests.chaos`."""

from pathlib import Path

import pytest

from tests import chaos, mischief, postgres


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
