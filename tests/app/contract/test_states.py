import pytest

from app.contract.states import MOVES, ForbiddenMove, JobState, check_move


def test_every_state_has_a_row_in_the_table() -> None:
    assert set(MOVES) == set(JobState)


def test_a_job_can_reach_every_state_from_queued() -> None:
    reached, frontier = {JobState.QUEUED}, {JobState.QUEUED}
    while frontier:
        frontier = set().union(*(MOVES[state] for state in frontier)) - reached
        reached |= frontier
    assert reached == set(JobState)


def test_every_state_can_still_end() -> None:
    ended = {state for state in JobState if state.final}
    while grown := {state for state in JobState if MOVES[state] & ended} - ended:
        ended |= grown
    assert ended == set(JobState)


def test_final_states_are_the_three_endings() -> None:
    assert {state for state in JobState if state.final} == {JobState.CANCELLED, JobState.SUCCEEDED, JobState.FAILED}


@pytest.mark.parametrize(
    ("current", "wanted"),
    [
        (JobState.SUCCEEDED, JobState.RUNNING),
        (JobState.QUEUED, JobState.SUCCEEDED),
        (JobState.PAUSED, JobState.RUNNING),
        (JobState.RUNNING, JobState.CANCELLED),
    ],
)
def test_a_move_that_is_not_in_the_table_raises(current: JobState, wanted: JobState) -> None:
    with pytest.raises(ForbiddenMove, match=f"{current} cannot become {wanted}"):
        check_move(current, wanted)
