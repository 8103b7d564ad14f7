"""What can be told of a run's health from its figures and samples: findings with the number, the limit and what
helps."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from models.levels import from_levels
from models.progress import Finding

QUIET_UNTIL = 20_000  # pictures: before, every run looks collapsed and every judge wins
LEAST_VARIETY = 0.55  # of the real pictures' variety
LEAST_SPREAD = 0.85  # of the real pictures' in the trunk's space; faces of a dozen kinds had 0.8
MOST_PIXEL_LOSS = 6.0  # a generator loss this high means that the pixel judge is certain
MOST_FEATURE_MARGIN = 3.0  # hinge has no gradient left beyond a margin of 2


class Health:
    """Judges a run against the variety of the real pictures it learns from, float [N, C, H, W] in [-1, 1]."""

    def __init__(self, real: Tensor) -> None:
        self.real_variety = variety(real)

    def check(self, images: int, means: Mapping[str, float], samples: Tensor) -> Iterator[Finding]:
        """Findings from mean losses since the last report and uint8 samples [N, H, W, C]."""
        wrong = [name for name, value in means.items() if not math.isfinite(value)]
        if wrong:
            yield Finding(
                images=images,
                code="not_finite",
                value=float(len(wrong)),
                threshold=0.0,
                suggestion=f"{', '.join(wrong)} is not a number. Resume with a lower learning_rate.",
            )
            return
        if images < QUIET_UNTIL:
            return
        share = variety(from_levels(samples.permute(0, 3, 1, 2))) / self.real_variety
        if share < LEAST_VARIETY:
            yield Finding(
                images=images,
                code="collapse",
                value=share,
                threshold=LEAST_VARIETY,
                suggestion="The samples look alike. Raise pixel_weight or penalty, or lower feature_weight.",
            )
        if means.get("spread", 1.0) < LEAST_SPREAD:  # told by runs with an energy distance alone
            yield Finding(
                images=images,
                code="narrow",
                value=means["spread"],
                threshold=LEAST_SPREAD,
                suggestion="Fewer looks are drawn than there are. Raise energy_weight or energy_pictures.",
            )
        if means["loss_pixels"] > MOST_PIXEL_LOSS:
            yield Finding(
                images=images,
                code="pixel_judge_wins",
                value=means["loss_pixels"],
                threshold=MOST_PIXEL_LOSS,
                suggestion="The pixel judge tells every picture apart. Raise penalty or augment.",
            )
        if means["margin_features"] > MOST_FEATURE_MARGIN:
            yield Finding(
                images=images,
                code="feature_judge_wins",
                value=means["margin_features"],
                threshold=MOST_FEATURE_MARGIN,
                suggestion="The feature judge tells every picture apart. Raise augment or lower feature_weight.",
            )


def variety(pictures: Tensor) -> float:
    """How much pictures [N, C, H, W] differ from their mean picture, in a rough 8-pixel view where noise does not
    count."""
    rough = torch.nn.functional.adaptive_avg_pool2d(pictures, 8)
    return float(rough.std(0, unbiased=False).mean())
