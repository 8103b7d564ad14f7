"""What can be told of a run's health from its figures and samples: findings with the number, the limit and what
helps."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from models.levels import from_levels
from models.progress import Finding

QUIET_UNTIL = 20_000  # pictures: before, every run looks collapsed and every judge wins

PLAIN = 1e-6  # variety of pictures that are all alike


@dataclass(frozen=True)
class Limit:
    """Between what a figure of a healthy run lies, and what helps where it does not."""

    code: str
    figure: str
    suggestion: str
    least: float = -math.inf
    most: float = math.inf


LIMITS = (
    Limit(
        "collapse",
        "variety",
        "The samples look alike. Raise pixel_weight or penalty, or lower feature_weight.",
        least=0.55,  # of the real pictures', both within their classes where there are any
    ),
    Limit(
        "narrow",
        "spread",  # told by runs with an energy distance alone
        "Fewer looks are drawn than there are. Raise energy_weight or energy_pictures.",
        least=0.85,  # of the real pictures' in the trunk's space; faces of a dozen kinds had 0.8
    ),
    Limit(
        "pixel_judge_wins",
        "loss_pixels",
        "The pixel judge tells every picture apart. Raise penalty or augment.",
        most=6.0,  # a generator's loss this high means that the judge is certain
    ),
    Limit(
        "feature_judge_wins",
        "margin_features",
        "The feature judge tells every picture apart. Raise augment or lower feature_weight.",
        most=3.0,  # hinge has no gradient left beyond a margin of 2
    ),
)


class Health:
    """Judges a run against the variety of the real pictures it learns from, float [N, C, H, W] in [-1, 1].

    `labels`, int64 [N], are their classes if the generator draws classes; then samples have labels, too.
    """

    def __init__(self, real: Tensor, labels: Tensor | None = None) -> None:
        self.real_variety = max(variety(real, labels), PLAIN)

    def check(
        self, images: int, means: Mapping[str, float], samples: Tensor, *, labels: Tensor | None = None
    ) -> Iterator[Finding]:
        """Findings from mean losses since the last report and uint8 samples [N, H, W, C]."""
        if images < QUIET_UNTIL:
            return
        found = variety(from_levels(samples.permute(0, 3, 1, 2)), labels)
        figures = {**means, "variety": found / self.real_variety}
        for limit in LIMITS:
            value = figures.get(limit.figure)
            if value is None or limit.least <= value <= limit.most:
                continue
            passed = limit.least if value < limit.least else limit.most
            yield Finding(images=images, code=limit.code, value=value, threshold=passed, suggestion=limit.suggestion)


def not_finite(images: int, values: Mapping[str, float]) -> Finding:
    """That a step came to a loss, or left a weight, that is no number; `values` are its losses."""
    wrong = [name for name, value in values.items() if not math.isfinite(value)]
    told = f"{', '.join(wrong) or 'a weight'} is not a number. The run goes back to its last snapshot and on from there"
    told += " with half the learning rates. Begin with a lower learning_rate."
    return Finding(images=images, code="not_finite", value=float(len(wrong)), threshold=0.0, suggestion=told)


def validation_seen(images: int, share: float) -> Finding:
    """That a classifier's run began with weights that may have learnt from this share of its validation pictures."""
    told = "Validation figures may flatter: some of the pictures held out now may be among those that the initial"
    told += " checkpoint was trained on. Judge the classifier by a test part."
    return Finding(images=images, code="validation_seen", value=share, threshold=0.0, suggestion=told)


def variety(pictures: Tensor, labels: Tensor | None = None) -> float:
    """How much pictures [N, C, H, W] differ from their mean picture, in a rough 8-pixel view where noise does not
    count.

    With `labels`, int64 [N], from the mean picture of their class: the same picture again and again has no variety,
    however little it is like those of other classes.
    """
    rough = torch.nn.functional.adaptive_avg_pool2d(pictures, 8)
    if labels is None:
        return float(rough.std(0, unbiased=False).mean())
    members = [rough[labels == label] for label in labels.unique()]
    # Unbiased, for there are fewer samples of a class than real pictures; a single picture tells nothing.
    spreads = [few.std(0).mean() for few in members if len(few) > 1]
    return float(torch.stack(spreads).mean()) if spreads else 0.0
