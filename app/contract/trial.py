"""A trial: one small batch with which a serving worker uses a version before anybody else does, and what is made of it.

The api tries what people promote or import, a train worker what it has trained: both ask the same and judge alike.
"""

import math
from collections.abc import Sequence

from app.contract.messages import Drawing
from app.contract.registry import Version

TRIAL_SECONDS = 60.0
"""How long a serving worker may take, which loads the version first."""

FAULT = "its output on a serving worker is not sane"


def picture(classifier: Version) -> bytes:
    """The picture [H, W, C] that a classifier is asked about: every level of brightness, in no order."""
    return bytes(position * 37 % 256 for position in range(classifier.size**2 * classifier.channels))


def drawing(generator: Version) -> Drawing:
    """What a generator is asked to draw."""
    return Drawing(seed="0", label=0 if generator.labels else None)


def are_probabilities(found: Sequence[float], classifier: Version) -> bool:
    """Whether an answer has a probability for each class, all of them together one."""
    complete = len(found) == len(classifier.labels) and all(math.isfinite(each) for each in found)
    return complete and abs(sum(found) - 1) < 1e-3


def shows_something(pixels: bytes) -> bool:
    """Whether a drawn picture is more than one even grey."""
    return len(set(pixels)) > 1
