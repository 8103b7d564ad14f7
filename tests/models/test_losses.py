"""The losses against values worked out by hand."""

import math

import pytest
import torch

from models import losses


def test_relativistic_losses_at_a_tie_are_log_two():
    logits = torch.tensor([3.0, -1.0])
    assert float(losses.relativistic_discriminator(logits, logits)) == pytest.approx(math.log(2))
    assert float(losses.relativistic_generator(logits, logits)) == pytest.approx(math.log(2))


def test_relativistic_losses_pull_apart():
    real, fake = torch.tensor([2.0]), torch.tensor([0.0])
    assert losses.relativistic_discriminator(real, fake) < losses.relativistic_generator(real, fake)


def test_hinge_is_zero_beyond_its_margin_and_counts_heads_alike():
    sure = losses.hinge_discriminator([torch.tensor([1.5])], [torch.tensor([-1.5])])
    unsure = losses.hinge_discriminator([torch.zeros(2), torch.ones(2, 3, 3)], [torch.zeros(2), -torch.ones(2, 3, 3)])
    assert float(sure) == 0.0
    assert float(unsure) == pytest.approx(1.0)  # 2 from the first head, 0 from the second


def test_hinge_generator_wants_high_logits():
    assert float(losses.hinge_generator([torch.full((2,), 3.0), torch.full((2, 2, 2), 1.0)])) == pytest.approx(-2.0)


def test_the_margin_is_the_mean_over_heads():
    real, fake = [torch.ones(2), torch.full((2, 2, 2), 3.0)], [torch.zeros(2), torch.zeros(2, 2, 2)]
    assert float(losses.margin(real, fake)) == pytest.approx(2.0)


def test_the_gradient_penalty_of_a_linear_judge_is_half_its_squared_slope():
    slope = torch.randn(3, 4, 4)
    penalty = losses.gradient_penalty(lambda x: (x * slope).sum((1, 2, 3)), torch.randn(5, 3, 4, 4))
    assert float(penalty) == pytest.approx(float(slope.square().sum() / 2), rel=1e-5)


def test_the_gradient_penalty_reaches_the_weights():
    weight = torch.randn(3, requires_grad=True)
    losses.gradient_penalty(lambda x: (x.mean((2, 3)) * weight).sum(1), torch.randn(2, 3, 4, 4)).backward()
    assert weight.grad is not None
    assert torch.allclose(weight.grad, weight.detach() / 16)  # d/dw of |w / 16|^2 * 16 pixels / 2
