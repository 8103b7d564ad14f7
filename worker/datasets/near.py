"""Pictures that are nearly the same: found by small grey views of them, compared by their correlation."""

import numpy as np
from numpy.typing import NDArray

VIEW_SIDE = 16
ALIKE = 0.995
"""Correlation above which two views count as the same picture: recompressed or resized copies reach 0.998, while
different garments of Fashion-MNIST, which look much alike, seldom reach 0.99."""

_BLOCK = 1024
_LEAST_SPREAD = 4.0  # in levels of 255: nearly blank pictures resemble each other without being copies


def leaked(train: NDArray[np.uint8], test: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which views of `test` (uint8 [N, 256]) have a near copy in `train` (uint8 [M, 256])."""
    known, _ = _normal(train)
    asked, spread = _normal(test)
    found = np.zeros(len(asked), bool)
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK]
        for other in range(0, len(known), _BLOCK * 16):
            found[start : start + len(block)] |= (block @ known[other : other + _BLOCK * 16].T).max(1) > ALIKE
    return found & spread


def _normal(views: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Rows without their mean and of length one, and whether each shows anything at all."""
    x = views.astype(np.float32)
    x -= x.mean(1, keepdims=True)
    spread = x.std(1) >= _LEAST_SPREAD
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6), spread
