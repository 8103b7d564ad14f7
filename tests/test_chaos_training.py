"""The short form of `python -m tests.chaos_training`."""

import pytest

from tests import chaos_training


@pytest.mark.service
@pytest.mark.timeout(900)
def test_a_training_outlives_the_death_of_all_processes_at_once() -> None:
    rounds: list[chaos_training.Round] = []
    chaos_training.run(1, seed=chaos_training.VICTIMS.index("everything"), told=rounds.append)
    assert [each.victim for each in rounds] == ["everything"]
