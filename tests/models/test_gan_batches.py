"""The order of training pictures, and how they reach the networks."""

import torch

from models.data import Pictures
from models.gan_batches import Batches


def batches(*, count: int = 10, seed: int = 0) -> Batches:
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 3, 4, 4)
    pictures = Pictures(images=images, labels=torch.arange(count) % 2, classes=("a", "b"), names=(), digest="")
    return Batches(pictures, seed=seed, device=torch.device("cpu"))


def test_an_epoch_shows_every_picture_once_and_the_next_one_in_another_order():
    first, second = batches().indices(0, 10), batches().indices(10, 10)
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert first.tolist() != second.tolist()


def test_where_a_run_stands_tells_what_comes_next():
    one = batches()
    parts = torch.cat([one.indices(start, 4) for start in range(0, 20, 4)])
    assert torch.equal(parts, batches().indices(0, 20))  # in batches that run across the border, or at once
    assert torch.equal(batches().indices(12, 4), parts[12:16])


def test_another_seed_is_another_order():
    assert not torch.equal(batches(seed=0).indices(0, 10), batches(seed=1).indices(0, 10))


def test_spread_pictures_come_from_everywhere():
    assert batches().pictures.spread(5).tolist() == [0, 2, 4, 6, 8]
    assert batches().pictures.spread(99).tolist() == list(range(10))


def test_pictures_are_shrunk_and_lie_in_minus_one_to_one():
    real = batches(count=256).real(torch.tensor([0, 255]), size=2)
    assert real.shape == (2, 3, 2, 2)
    assert real.amin() == -1
    assert real.amax() == 1


def test_labels_follow_their_pictures():
    assert batches().labels(torch.tensor([3, 4])).tolist() == [1, 0]
