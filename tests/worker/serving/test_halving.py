"""A batch that does not fit is halved once."""

import numpy as np
import pytest

from app.contract.errors import OutOfMemory
from worker.serving.halving import halving


def fits(most: int):
    """A network for at most `most` pictures at once, which writes down how many it was asked for."""
    asked = []

    def run(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        if len(batch) > most:
            raise MemoryError
        return batch * 2

    return run, asked


def test_a_batch_that_fits_runs_whole():
    run, asked = fits(8)
    assert halving(run, np.arange(8)).tolist() == list(range(0, 16, 2))
    assert asked == [8]


def test_a_batch_that_does_not_fit_runs_in_halves_and_keeps_its_order():
    run, asked = fits(4)
    assert halving(run, np.arange(7)).tolist() == list(range(0, 14, 2))
    assert asked == [7, 3, 4]


@pytest.mark.parametrize("count", [8, 1])
def test_a_half_that_does_not_fit_ends_it(count):
    run, _ = fits(0)
    with pytest.raises(OutOfMemory):
        halving(run, np.arange(count))


def test_any_other_failure_is_not_taken_for_memory():
    def run(batch: np.ndarray) -> np.ndarray:
        raise RuntimeError("a shape is wrong")

    with pytest.raises(RuntimeError, match="a shape is wrong"):
        halving(run, np.arange(8))
