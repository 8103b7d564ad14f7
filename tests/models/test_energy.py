"""The energy distance: its gradient is the textbook's, it asks for what is missing, it forgets the oldest."""

import pytest
import torch

from models.energy import LENGTHS, REMEMBERED, EnergyDistance, describe
from models.features import Trunk, as_seen

LENGTH = sum(LENGTHS)


def descriptions(count: int, *, seed: int, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(count, LENGTH, generator=torch.Generator().manual_seed(seed)) * scale


def matching(real: torch.Tensor) -> EnergyDistance:
    energy = EnergyDistance()
    energy.match(real)
    return energy


def test_its_gradient_is_half_that_of_the_distance_between_both_sets():
    real, drawn = descriptions(96, seed=0), descriptions(REMEMBERED, seed=1, scale=0.5)
    energy = matching(real)
    energy.remember(drawn)
    x = drawn[-16:].clone().requires_grad_()
    (ours,) = torch.autograd.grad(energy(x), x)

    every = drawn.clone().requires_grad_()
    described, known = ((each - real.mean(0)) / real.std(0) for each in (every, real))

    def apart(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        scales = zip(a.split(LENGTHS, dim=1), b.split(LENGTHS, dim=1), strict=True)
        return torch.stack([torch.cdist(p, q).mean() / p.shape[1] ** 0.5 for p, q in scales]).mean()

    distance = 2 * apart(described, known) - apart(described, described) - apart(known, known)
    (whole,) = torch.autograd.grad(distance, every)
    assert distance > 0
    textbook = whole[-16:] * REMEMBERED / 2  # ours is the mean over 16 pictures
    assert torch.allclose(ours * 16, textbook, atol=1e-6)


def test_before_anything_is_drawn_pull_and_push_cancel():
    energy = matching(descriptions(64, seed=0))
    x = descriptions(4, seed=1).requires_grad_()
    (slope,) = torch.autograd.grad(energy(x), x)
    assert torch.allclose(slope, torch.zeros(()), atol=1e-6)


def test_what_is_missing_costs_less_than_what_is_drawn_already():
    left, right = descriptions(2, seed=0)
    energy = matching(torch.stack((left, right)).repeat(32, 1))
    energy.remember(left.repeat(REMEMBERED, 1))
    assert energy(right[None]) < energy(left[None])


def test_the_oldest_are_forgotten():
    energy = matching(descriptions(64, seed=0))
    first, second, third = (descriptions(REMEMBERED // 2, seed=seed) for seed in (1, 2, 3))
    for drawn in (first, second, third):
        energy.remember(drawn)
    kept = energy.fake / energy.scale + energy.mean
    assert torch.allclose(kept, torch.cat((second, third)), atol=1e-5)


def test_the_spread_tells_how_far_apart_generated_pictures_lie():
    energy = matching(descriptions(256, seed=0))
    energy.remember(descriptions(REMEMBERED, seed=1, scale=0.5))
    assert energy.spread() == pytest.approx(0.5, rel=0.05)


def test_what_is_remembered_outlives_another_set_to_match():
    energy = matching(descriptions(64, seed=0))
    energy.remember(descriptions(8, seed=1))
    before = energy.fake.clone()
    energy.match(descriptions(64, seed=2))
    assert torch.equal(energy.fake, before)


def test_pictures_of_another_size_are_matched_anew():
    energy = matching(descriptions(64, seed=0))
    energy.remember(descriptions(8, seed=1))
    energy.match(descriptions(64, seed=2), anew=True)
    assert torch.equal(energy.fake[:64], energy.real)


def test_a_description_holds_every_scale_and_the_summary():
    trunk = Trunk().eval()
    for parameter in trunk.parameters():
        torch.nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(0))
    pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    described = describe(pictures, trunk, side=64)
    assert described.shape == (2, LENGTH)
    *_, summary = described.split(LENGTHS, dim=1)
    assert torch.equal(summary, trunk.summary(trunk(as_seen(pictures, 64))[-1]))
    assert described[:, : LENGTHS[0]].std() > 0
