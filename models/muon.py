"""Muon (Jordan et al. 2024) for the filters of convolutions that a batch normalisation follows.

Filters W [out, in, k, k] are taken as a matrix [out, in k k]. With the gradient G and the rank r = min(out, in k k):

    M <- momentum M + G
    W <- W - lr orthogonal(G + momentum M)      all singular values of the step are about 1
    W <- W sqrt(r) / |W|                        so that W's are 1 in the mean of squares

A step then turns every direction of W alike, by `lr` of its length, where a plain gradient step turns the few
directions that the batch agrees on. The length of W is free to be fixed, because the normalisation divides by it; it
takes the place of weight decay.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

STEPS = 5
# The polynomial a x + b x^3 + c x^5 of Jordan et al.: five rounds take singular values of 0.003..1 into 0.68..1.21.
POLYNOMIAL = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Turns filters [out, in, ...] by `lr` of their length at every step."""

    def __init__(self, filters: Iterable[Tensor], *, lr: float, momentum: float) -> None:
        super().__init__(filters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step for every filter bank that has a gradient. A closure, which no caller here has, is refused."""
        if closure is not None:
            raise ValueError("Muon evaluates the loss once, before the step; it takes no closure.")
        for group in self.param_groups:
            for filters in group["params"]:
                if filters.grad is not None:
                    self._turn(filters, **{name: group[name] for name in ("lr", "momentum")})

    def _turn(self, filters: Tensor, *, lr: float, momentum: float) -> None:
        state: dict[str, Any] = self.state[filters]
        if not state:
            state["momentum"] = torch.zeros_like(filters)
        assert filters.grad is not None
        mean: Tensor = state["momentum"].mul_(momentum).add_(filters.grad)
        ahead = filters.grad.add(mean, alpha=momentum)  # as Nesterov looks
        length = math.sqrt(min(len(filters), filters[0].numel()))
        filters.mul_(length / filters.norm())
        filters.sub_(orthogonal(ahead.flatten(1)).view_as(filters), alpha=lr)
        filters.mul_(length / filters.norm())


def orthogonal(matrix: Tensor) -> Tensor:
    """[rows, columns] -> float32 of the same shape: U V' of the matrix's U S V', nearly.

    Newton-Schulz iterations in bfloat16, which forgive its rounding. A matrix of zeros stays one.
    """
    a, b, c = POLYNOMIAL
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).float()
