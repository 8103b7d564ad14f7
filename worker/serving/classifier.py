"""A classifier at work: pictures to calibrated probabilities, energies and heat maps."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.contract.errors import BadOption, InvalidRequest
from models.checkpoint import Header
from worker.serving.engine import Engine, Network, ladder
from worker.serving.halving import halving


class Explainer(Protocol):
    """A network that can say where it looked."""

    def heat_maps(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Heat maps [N, H, W] of pictures [N, H, W, C], each for its likeliest class."""


class Classifier(Engine):
    """A classifier.

    Args:
        explainer: gives the network for heat maps, which may need torch; called when the first one is wanted.
    """

    kind = "classifier"

    def __init__(
        self,
        digest: str,
        *,
        weights_bytes: int,
        header: Header,
        network: Network,
        explainer: Callable[[], Explainer],
    ) -> None:
        super().__init__(digest, weights_bytes=weights_bytes)
        self._shape = (header.input["size"], header.input["size"], header.input["channels"])
        self._network = network
        self._make_explainer = explainer
        self._explainer: Explainer | None = None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        return self._shape

    def classify(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if pixels.shape[1:] != self._shape:
            raise InvalidRequest(reason=f"the pictures are {pixels.shape[1:]}, the network takes {self._shape}")
        return _softmax(halving(self._network.logits, pixels))

    def explain(self, pixels: NDArray[np.uint8], positions: Sequence[int]) -> NDArray[np.uint8]:
        if not all(0 <= position < len(pixels) for position in positions):
            raise BadOption(name="explain", reason=f"names a picture beyond the {len(pixels)} that were sent")
        if not positions:
            return np.zeros((0, *self._shape[:2]), np.uint8)
        if self._explainer is None:
            self._explainer = self._make_explainer()
        return halving(self._explainer.heat_maps, pixels[list(positions)])

    def warm_up(self, largest: int) -> None:
        for count in ladder(largest):
            halving(self._network.logits, np.zeros((count, *self._shape), np.uint8))


def _softmax(logits: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities, and energies -logsumexp(logits), without overflow."""
    top = logits.max(1, keepdims=True)
    powers = np.exp(logits - top)
    total = powers.sum(1, keepdims=True)
    return powers / total, -(top + np.log(total))[:, 0]
