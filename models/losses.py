"""What the two networks of a GAN play for.

Pixels: relativistic pairing with zero-centred gradient penalties on both sides, which together converge where either
alone does not (Huang et al., 2024, arXiv:2501.05441). Features: hinge, because relativistic softplus let the heads
win outright. Logits are float [N], or [N, h, w] from a patch head.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E softplus(-(D(real) - D(fake))): a real picture should look more real than the generated one beside it."""
    return F.softplus(fake - real).mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """E softplus(-(D(fake) - D(real)))."""
    return F.softplus(real - fake).mean()


def hinge_discriminator(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Mean over the heads of E max(0, 1 - D(real)) + E max(0, 1 + D(fake))."""
    heads = [F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(heads).mean()


def hinge_generator(fake: Sequence[Tensor]) -> Tensor:
    """Mean over the heads of -E D(fake)."""
    return -torch.stack([logits.mean() for logits in fake]).mean()


def margin(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """By how much the heads rate real pictures above generated ones, on average; hinge has no gradient left beyond
    2."""
    return torch.stack([r.mean() - f.mean() for r, f in zip(real, fake, strict=True)]).mean()


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """E |grad_x D(x)|^2 / 2 on pictures [N, C, H, W]: R1 on real ones, R2 on generated ones (Mescheder et al.,
    2018)."""
    pictures = pictures.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(pictures).sum(), pictures, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean() / 2
