"""A bank of seeds indexed by style: which of them look most like a given face.

    z = (w - mean) / deviation over the bank;  distance = sqrt(mean((z_a - z_b)^2))

The untruncated style is what the synthesis network paints from, so neighbours in it are faces that look alike, and
finding them draws nothing. Two unrelated seeds are about sqrt(2) apart.
"""

import numpy as np
from numpy.typing import NDArray

from models.styles import Styles

SEEDS = 8192
"""The bank holds the seeds "0" to "8191". Indexing them takes a third of a second on one core, and 4 to 8 MB."""


class Bank:
    """The styles of the first `size` whole numbers as seeds: of one generator, and of one class if it has any."""

    def __init__(self, styles: Styles, *, label: int | None = None, size: int = SEEDS) -> None:
        rows = styles.survey([str(seed) for seed in range(size)], label)
        self._mean, self._deviation = rows.mean(0), rows.std(0) + 1e-6
        self._rows = ((rows - self._mean) / self._deviation).astype(np.float32)

    def nearest(self, style: NDArray[np.float32], *, count: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Distances [count] and seeds [count], the nearest first, of a picture's style [stages, style_size]."""
        wanted = (style.mean(0) - self._mean) / self._deviation
        distances = np.sqrt(np.mean(np.square(self._rows - wanted), axis=1))
        order = np.argsort(distances, kind="stable")[:count]
        return distances[order].astype(np.float32), order.astype(np.int32)
