"""How good a classifier is: accuracy, negative log-likelihood, calibration error, confusion, and its worst mistakes.

All take logits float [N, classes] and labels int64 [N].
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 15  # of confidence, as Guo et al. 2017


@dataclass(frozen=True)
class Mistake:
    """A picture that was called something else with confidence."""

    index: int
    label: int
    predicted: int
    confidence: float


@dataclass(frozen=True)
class Report:
    """Figures over `count` labelled pictures."""

    count: int
    accuracy: float
    nll: float  # nats
    ece: float
    confusion: tuple[tuple[int, ...], ...]  # rows are true classes, columns predictions
    worst: tuple[Mistake, ...]


def report(logits: Tensor, labels: Tensor, *, worst: int = 16) -> Report:
    """Everything at once."""
    return Report(
        count=len(labels),
        accuracy=accuracy(logits, labels),
        nll=nll(logits, labels),
        ece=ece(logits, labels),
        confusion=tuple(tuple(row) for row in confusion(logits, labels).tolist()),
        worst=mistakes(logits, labels, most=worst),
    )


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """The share of pictures whose most likely class is theirs."""
    return (logits.argmax(1) == labels).float().mean().item()


def nll(logits: Tensor, labels: Tensor) -> float:
    """Mean negative log-likelihood in nats."""
    return F.cross_entropy(logits.float(), labels).item()


def ece(logits: Tensor, labels: Tensor, *, bins: int = BINS) -> float:
    """Expected calibration error: mean over pictures of |confidence - accuracy| in bins of equal width (Guo et al.
    2017)."""
    confidence, predicted = logits.softmax(1).max(1)
    right = (predicted == labels).float()
    which = (confidence * bins).long().clamp(max=bins - 1)
    gap = torch.zeros(bins).index_add(0, which, confidence.float() - right)
    return (gap.abs().sum() / len(labels)).item()


def auroc(known: Tensor, strange: Tensor) -> float:
    """The chance that a `strange` score, float [M], is above a `known` one, float [N]; ties count as one half."""
    scores = torch.cat((known, strange)).double()
    _, place, counts = scores.unique(return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[place]  # from one; equal scores share their mean rank
    above = ranks[len(known) :].sum() - len(strange) * (len(strange) + 1) / 2
    return (above / (len(known) * len(strange))).item()


def confusion(logits: Tensor, labels: Tensor) -> Tensor:
    """int64 [classes, classes]; row t, column p counts the pictures of class t called p."""
    classes = logits.shape[1]
    return torch.bincount(labels * classes + logits.argmax(1), minlength=classes**2).view(classes, classes)


def mistakes(logits: Tensor, labels: Tensor, *, most: int) -> tuple[Mistake, ...]:
    """The mistakes made with the highest confidence, most confident first."""
    confidence, predicted = logits.softmax(1).max(1)
    score = torch.where(predicted == labels, torch.full_like(confidence, -1.0), confidence)
    order = score.argsort(descending=True)[:most]
    return tuple(
        Mistake(index=i, label=int(labels[i]), predicted=int(predicted[i]), confidence=float(confidence[i]))
        for i in order.tolist()
        if predicted[i] != labels[i]
    )
