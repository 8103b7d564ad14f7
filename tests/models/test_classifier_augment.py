import torch
from torch import Generator

from models.classifier_augment import AugmentConfig, augment, cutout, flip, mixup, translate, turns


def numbered(count: int = 64, size: int = 9) -> torch.Tensor:
    """Pictures whose pixels all differ, in 0..1."""
    return torch.rand(count, 2, size, size, generator=Generator().manual_seed(0)) * 0.9 + 0.1


def test_flip_mirrors_about_half_and_leaves_the_rest() -> None:
    x = numbered(400)
    y = flip(x, Generator().manual_seed(1))
    same = (y == x).flatten(1).all(1)
    mirrored = (y == x.flip(3)).flatten(1).all(1)
    assert torch.equal(same, ~mirrored)
    assert 0.4 < mirrored.float().mean() < 0.6


def test_in_turns_each_picture_is_mirrored_in_every_second_epoch_and_half_of_them_in_each() -> None:
    indices = torch.arange(10)
    odd, even, next_odd = (turns(indices, torch.full((10,), epoch)) for epoch in (1, 2, 3))
    assert torch.equal(odd, ~even)
    assert torch.equal(odd, next_odd)
    assert odd.sum() == 5
    x = numbered(10)
    config = AugmentConfig(flip=True, alternate=True, translate=0, cutout=0)
    y, _ = augment(x, torch.eye(10), config, generator=Generator().manual_seed(1), turn=odd)
    assert torch.equal(y[odd], x[odd].flip(3))
    assert torch.equal(y[even], x[even])


def test_translate_shifts_by_up_to_its_limit_and_fills_with_zeros() -> None:
    x = numbered(400)
    y = translate(x, 2, Generator().manual_seed(1))
    seen = set()
    for before, after in zip(x, y, strict=True):
        # Where the middle pixel went tells the shift.
        (place,) = (after[0] == before[0, 4, 4]).nonzero()
        down, right = (place - 4).tolist()
        seen.add((down, right))
        expected = torch.zeros_like(before)
        expected[:, max(down, 0) : 9 + min(down, 0), max(right, 0) : 9 + min(right, 0)] = before[
            :, max(-down, 0) : 9 - max(down, 0), max(-right, 0) : 9 - max(right, 0)
        ]
        assert torch.equal(after, expected)
    assert seen == {(down, right) for down in range(-2, 3) for right in range(-2, 3)}


def test_cutout_blanks_one_square_to_the_mean() -> None:
    x = numbered(100)
    y = cutout(x, 3, Generator().manual_seed(1))
    changed = (y != x).any(1)
    assert changed.flatten(1).sum(1).max() == 9
    assert changed.flatten(1).sum(1).min() >= 4  # a corner hangs over the border
    means = x.mean((2, 3), keepdim=True).expand_as(x)
    assert torch.equal(y[changed[:, None].expand_as(y)], means[changed[:, None].expand_as(y)])


def test_mixup_blends_pictures_and_targets_alike() -> None:
    x = torch.eye(8)[:, :, None, None]
    targets = torch.eye(8)
    pictures, blended = mixup(x, targets, strength=0.5, generator=Generator().manual_seed(1))
    torch.testing.assert_close(pictures[:, :, 0, 0], blended)
    torch.testing.assert_close(blended.sum(1), torch.ones(8))
    assert (blended.amax(1) < 1).any()


def test_the_same_seed_gives_the_same_batch_and_another_seed_another() -> None:
    config = AugmentConfig(flip=True, translate=1, cutout=3, mixup=0.2)

    def augmented(seed: int) -> torch.Tensor:
        return augment(numbered(), torch.eye(64), config, generator=Generator().manual_seed(seed))[0]

    assert torch.equal(augmented(1), augmented(1))
    assert not torch.equal(augmented(1), augmented(2))


def test_all_off_changes_nothing() -> None:
    x, targets = numbered(), torch.eye(64)
    off = AugmentConfig(flip=False, translate=0, cutout=0, mixup=0.0)
    y, same = augment(x, targets, off, generator=Generator().manual_seed(1))
    assert torch.equal(x, y)
    assert torch.equal(targets, same)
