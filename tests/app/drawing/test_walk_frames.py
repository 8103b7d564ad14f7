import itertools

import pytest

from app.contract.messages import Drawing
from app.drawing import walk_frames

ADA, BOB, CAT = (Drawing(seed=seed, truncation=0.7) for seed in ("ada", "bob", "cat"))


def test_a_walk_begins_on_the_first_face_and_ends_on_the_last() -> None:
    planned = walk_frames.plan([ADA, BOB, CAT], frames=9, loop=False)

    assert (planned[0], planned[4], planned[8]) == (ADA, BOB, CAT)
    assert len(planned) == 9


def test_a_loop_leads_home_without_showing_the_first_face_twice() -> None:
    planned = walk_frames.plan([ADA, BOB, CAT], frames=12, loop=True)

    assert (planned[0], planned[4], planned[8]) == (ADA, BOB, CAT)
    assert planned[11] == Drawing(seed="ada", truncation=0.7, toward="cat", position=planned[1].position)


def test_the_way_back_shares_its_frames_with_the_way_there() -> None:
    planned = walk_frames.plan([BOB, ADA], frames=24, loop=True)

    assert planned[1:12] == planned[:12:-1]
    assert len({drawing.model_dump_json() for drawing in planned}) == 13


def test_steps_grow_from_rest_and_shrink_to_rest() -> None:
    positions = [drawing.position for drawing in walk_frames.plan([ADA, BOB], frames=11, loop=False)][:-1]

    steps = [later - earlier for earlier, later in itertools.pairwise(positions)]
    assert min(steps) > 0
    assert steps[4] > steps[0] * 4


@pytest.mark.parametrize("loop", [True, False])
def test_two_of_the_same_seed_stand_still(loop: bool) -> None:
    assert walk_frames.plan([ADA, ADA], frames=4, loop=loop) == [ADA] * 4
