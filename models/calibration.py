"""Confidence that means something, fitted on pictures that the training never saw.

Let m be the largest logit of a picture and d_i = m - l_i. The calibrated logits are

    l'_i = (m - d_i (1 + (b d_i)^4)) / T

With b = 0 that is temperature scaling (Guo et al. 2017). Label smoothing asks for one distance between the right class
and all others, ln(0.91 / 0.01) = 4.5 for 0.1 over ten classes, and for no more however sure the picture, while small
distances mean what they say: one temperature cannot suit both. So 1 / b, the distance that is doubled, comes out near
4.5, and the fourth power leaves small ones alone. The order of the classes never changes.

A confidence below which to abstain buys accuracy with coverage. An energy tells pictures that belong to no class; what
it is made of stands in `models.strangers`.
"""

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

KEPT = 0.95  # of the validation pictures stay below the energy threshold
TRUSTED = 0.99  # accuracy that the answered validation pictures reach
ENOUGH_FOR_TWO = 1000  # validation pictures from which two constants are fitted rather than one
BENDS = tuple(step / 50 for step in range(31))  # 0 to 0.6


@dataclass(frozen=True)
class Calibration:
    """Constants that travel in a checkpoint's header."""

    temperature: float = 1.0  # T
    exponent: float = 1.0  # of the distances before they are bent: what older checkpoints have in place of b
    energy: float = math.inf  # a picture with a higher energy looks like none of the classes
    abstain: float = 0.0  # the confidence below which an answer is not to be trusted
    coverage: float = 1.0  # of the validation pictures are answered at that confidence
    bend: float = 0.0  # b

    def apply(self, logits: Tensor) -> Tensor:
        """Calibrated logits of a network's logits, float [N, classes]."""
        if self.exponent == 1.0 and self.bend == 0.0:
            return logits / self.temperature
        most = logits.amax(1, keepdim=True)
        distance = most - logits
        if self.exponent != 1.0:
            distance = distance**self.exponent
        if self.bend != 0.0:
            distance = distance * (1 + (self.bend * distance).square().square())
        return (most - distance) / self.temperature


def fit(logits: Tensor, labels: Tensor) -> Calibration:
    """Fit what concerns confidence to a validation part: logits float [N, classes], labels int64 [N]."""
    fitted = fit_confidence(logits.double(), labels)
    threshold, coverage = fit_abstention(fitted.apply(logits.double()), labels)
    return replace(fitted, abstain=threshold, coverage=coverage)


def fit_confidence(logits: Tensor, labels: Tensor) -> Calibration:
    """The temperature, and for many pictures the bend, of the least negative log-likelihood.

    The target of a true class is (N + 1) / (N + 2) rather than one (Platt 1999): N pictures that are all right are no
    proof of certainty.
    """
    count, classes = logits.shape
    smoothing = classes / (classes - 1) / (count + 2)

    def loss(candidate: Calibration) -> float:
        return F.cross_entropy(candidate.apply(logits), labels, label_smoothing=smoothing).item()

    def coolest(bend: float) -> Calibration:
        """The loss is convex in 1 / T, so a golden-section search of log T from a twentieth to twenty cannot miss."""
        ratio = (math.sqrt(5) - 1) / 2
        low, high = math.log(1 / 20), math.log(20)
        while high - low > 1e-3:
            a, b = (
                Calibration(math.exp(high - ratio * (high - low)), bend=bend),
                Calibration(math.exp(low + ratio * (high - low)), bend=bend),
            )
            low, high = (low, math.log(b.temperature)) if loss(a) < loss(b) else (math.log(a.temperature), high)
        return Calibration(math.exp((low + high) / 2), bend=bend)

    bends = BENDS if count >= ENOUGH_FOR_TWO else (0.0,)
    return min((coolest(bend) for bend in bends), key=loss)


def limit(energies: Tensor) -> float:
    """The energy that most validation pictures stay below, from those of all of them, float [N]."""
    return energies.double().quantile(KEPT).item()


def fit_abstention(logits: Tensor, labels: Tensor, *, accuracy: float = TRUSTED) -> tuple[float, float]:
    """The lowest confidence at which the answered pictures reach `accuracy`, and the share of pictures answered there.

    (1, 0) where no confidence is enough.
    """
    confidence, predicted = logits.softmax(1).max(1)
    confidence, order = confidence.sort(descending=True)
    right = (predicted == labels)[order].double().cumsum(0)
    answered = torch.arange(1, len(labels) + 1)
    enough = (right / answered >= accuracy).nonzero()
    if not len(enough):
        return 1.0, 0.0
    last = int(enough[-1])
    return confidence[last].item(), (last + 1) / len(labels)
