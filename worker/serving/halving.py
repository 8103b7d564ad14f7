"""Batches that do not fit into memory: halved, tried once more, and given up."""

from collections.abc import Callable
from typing import Any

import numpy as np

from app.contract.errors import OutOfMemory
from worker import memory


def halving(run: Callable[[Any], np.ndarray], batch: np.ndarray) -> Any:
    """`run(batch)`, or `run` of its two halves put together where the whole is too much.

    Raises:
        OutOfMemory: a half was too much as well.
    """
    try:
        return run(batch)
    except Exception as error:
        if not memory.means_too_little(error):
            raise
    # Outside the handler: an exception keeps the frames alive, and with them the arrays that did not fit.
    memory.release()
    if len(batch) < 2:
        raise OutOfMemory
    middle = len(batch) // 2
    try:
        return np.concatenate([run(batch[:middle]), run(batch[middle:])])
    except Exception as error:
        if not memory.means_too_little(error):
            raise
    memory.release()
    raise OutOfMemory
