"""The short form of `python -m tests.chaos`."""

from pathlib import Path

import pytest

from tests import chaos


@pytest.mark.service
@pytest.mark.timeout(400)
def test_a_tormented_service_keeps_what_it_accepted(short_dir: Path) -> None:
    tally = chaos.run(short_dir / "chaos", seconds=20, seed=7)
    assert tally.wrong == []
    assert tally.mischief
    assert tally.jobs
