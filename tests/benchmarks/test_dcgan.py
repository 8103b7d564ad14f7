from pathlib import Path

import torch

from benchmarks.dcgan import BATCH, Dcgan

PICTURES = torch.randint(0, 256, (80, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_an_interrupted_run_equals_one_that_was_not(tmp_path: Path) -> None:
    whole, parts = Dcgan(PICTURES), Dcgan(PICTURES)
    for _ in range(2):
        whole.step()
    parts.step()
    parts.draw(0, 2)  # measuring on the way changes nothing
    parts.save(tmp_path / "state")
    again = Dcgan(PICTURES, seed=5)
    again.restore(tmp_path / "state")
    again.step()
    assert again.images == whole.images == 2 * BATCH
    for ours, theirs in ((again.generator, whole.generator), (again.judge, whole.judge)):
        for name, value in theirs.state_dict().items():
            assert torch.equal(ours.state_dict()[name], value), name


def test_time_is_counted_over_interruptions(tmp_path: Path) -> None:
    first, second = Dcgan(PICTURES), Dcgan(PICTURES)
    first.step()
    first.save(tmp_path / "state")
    second.restore(tmp_path / "state")
    second.step()
    assert second.seconds > first.seconds > 0


def test_a_seed_is_the_same_picture_whatever_is_drawn_with_it() -> None:
    run = Dcgan(PICTURES)
    drawn = run.draw(0, 3)
    assert drawn.shape == (3, 3, 64, 64)
    assert (drawn[1].int() - run.draw(1, 2)[0].int()).abs().max() <= 1
