"""Augmentation: off is off, a seed repeats it, gradients pass, and each picture gets its own."""

import torch

from models.augment import augment, mirror


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_probability_zero_changes_nothing():
    pictures = torch.rand(4, 3, 16, 16) * 2 - 1
    assert torch.allclose(augment(pictures, probability=0.0, generator=seeded()), pictures, atol=1e-6)


def test_the_same_generator_state_draws_the_same_changes():
    pictures = torch.rand(4, 3, 16, 16) * 2 - 1
    once, again = (augment(pictures, probability=1.0, generator=seeded(5)) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, augment(pictures, probability=1.0, generator=seeded(6)))


def test_pictures_of_a_batch_are_changed_apart():
    pictures = torch.linspace(-1, 1, 16 * 16).view(1, 1, 16, 16).repeat(6, 1, 1, 1)
    changed = augment(pictures, probability=1.0, generator=seeded())
    assert len({tuple(picture.flatten().tolist()) for picture in changed}) == 6


def test_gradients_reach_the_generator():
    pictures = torch.rand(4, 1, 16, 16).requires_grad_()
    augment(pictures, probability=1.0, generator=seeded()).sum().backward()
    assert pictures.grad is not None
    assert (pictures.grad.flatten(1).abs().sum(1) > 0).all()


def test_mirror_flips_about_half():
    pictures = torch.arange(4.0).expand(400, 1, 4, 4)
    flipped = (mirror(pictures, generator=seeded())[:, 0, 0, 0] == 3).float().mean()
    assert 0.4 < flipped < 0.6
