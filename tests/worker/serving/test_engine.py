"""The batch shapes of a warm-up."""

import pytest

from worker.serving.engine import ladder


@pytest.mark.parametrize(
    ("largest", "shapes"), [(1, (1,)), (4, (1, 4)), (6, (1, 4, 6)), (64, (1, 4, 16, 64)), (100, (1, 4, 16, 64, 100))]
)
def test_the_ladder_ends_with_the_largest(largest, shapes):
    assert ladder(largest) == shapes
