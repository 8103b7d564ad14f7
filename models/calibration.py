"""Confidence that means something, fitted on pictures that the training never saw.

A temperature makes probabilities match frequencies (Guo et al. 2017). An energy score tells pictures that belong to
no class (Liu et al. 2020). A confidence below which to abstain buys accuracy with coverage.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

KEPT = 0.95  # of the validation pictures stay below the energy threshold
TRUSTED = 0.99  # accuracy that the answered validation pictures reach


@dataclass(frozen=True)
class Calibration:
    """Constants that travel in a checkpoint's header."""

    temperature: float = 1.0  # divides the network's logits
    energy: float = math.inf  # a picture with a higher energy looks like none of the classes
    abstain: float = 0.0  # the confidence below which an answer is not to be trusted
    coverage: float = 1.0  # of the validation pictures are answered at that confidence


def fit(logits: Tensor, labels: Tensor) -> Calibration:
    """Fit all constants to a validation part: logits float [N, classes], labels int64 [N]."""
    temperature = fit_temperature(logits, labels)
    calibrated = logits.float() / temperature
    threshold, coverage = fit_abstention(calibrated, labels)
    limit = energy(calibrated).quantile(KEPT).item()
    return Calibration(temperature=temperature, energy=limit, abstain=threshold, coverage=coverage)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T > 0 that minimises the negative log-likelihood of logits / T.

    The target of a true class is (N + 1) / (N + 2) rather than one (Platt 1999): N pictures that are all right are no
    proof of certainty. The loss is convex in 1 / T, so a golden-section search of log T from a twentieth to twenty
    cannot miss the minimum.
    """
    count, classes = logits.shape
    smoothing = classes / (classes - 1) / (count + 2)

    def loss(log_t: float) -> float:
        return F.cross_entropy(logits.double() / math.exp(log_t), labels, label_smoothing=smoothing).item()

    ratio = (math.sqrt(5) - 1) / 2
    low, high = math.log(1 / 20), math.log(20)
    while high - low > 1e-4:
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return math.exp((low + high) / 2)


def energy(logits: Tensor) -> Tensor:
    """E(x) = -logsumexp of the calibrated logits, float [N]; high for pictures unlike any class."""
    return -torch.logsumexp(logits, 1)


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
