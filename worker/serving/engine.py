"""What runs one version of a model. A classifier and a generator each answer their part; the rest is the wrong kind."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from app.contract.errors import WrongKind
from app.contract.messages import Drawing


class Network(Protocol):
    """A network in some library. Every array has the batch first."""

    engine: str
    device: str

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated logits [N, classes] of pictures [N, H, W, C]."""

    def pixels(self, styles: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pictures [N, H, W, C] of styles [N, stages, style_size]."""


class Engine:
    """One version, ready to answer. Its files have `weights_bytes` bytes."""

    kind: ClassVar[str]

    def __init__(self, digest: str, *, weights_bytes: int) -> None:
        self.digest = digest
        self.weights_bytes = weights_bytes

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """[H, W, C] of the pictures it classifies. Raises `WrongKind`."""
        raise WrongKind(model=self.digest[:12], kind=self.kind, wanted="classifier")

    def classify(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities [N, classes] and energies [N] of pictures [N, H, W, C].

        Raises:
            WrongKind: it is no classifier.
            OutOfMemory: half of them were too much as well. The same holds for the other methods.
        """
        raise WrongKind(model=self.digest[:12], kind=self.kind, wanted="classifier")

    def explain(self, pixels: NDArray[np.uint8], positions: Sequence[int]) -> NDArray[np.uint8]:
        """Heat maps [P, H, W] of the pictures at `positions`, each for its likeliest class. Raises `WrongKind`."""
        raise WrongKind(model=self.digest[:12], kind=self.kind, wanted="classifier")

    def generate(self, drawings: Sequence[Drawing]) -> NDArray[np.uint8]:
        """Pictures [N, H, W, C]; the same drawing is the same bytes whatever it is batched with.

        Raises:
            WrongKind: it is no generator.
            BadOption: it knows no such label or edit.
        """
        raise WrongKind(model=self.digest[:12], kind=self.kind, wanted="generator")

    def similar(self, drawing: Drawing, count: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Distances [count] and seeds [count] of the bank that look most like a drawing. Raises as `generate` does."""
        raise WrongKind(model=self.digest[:12], kind=self.kind, wanted="generator")

    def warm_up(self, largest: int) -> None:
        """Run the batch shapes that are met most, up to `largest` pictures, so that no request is the first."""
        raise NotImplementedError


def ladder(largest: int) -> tuple[int, ...]:
    """1, 4, 16 ... and `largest` itself: the batch shapes that a warm-up runs. The largest takes the most memory."""
    steps, step = [], 1
    while step < largest:
        steps.append(step)
        step *= 4
    return (*steps, largest)
