import time

import pytest

from app import seeds
from app.contract.errors import BadOption


@pytest.mark.parametrize(
    ("seed", "canonical"),
    [("ada", "ada"), (7, "7"), ("7", "7"), (-7, "-7"), ("07", "07"), (" ", " "), ("e\u0301", "é"), ("🙂", "🙂")],
)
def test_a_seed_has_one_text(seed: str | int, canonical: str) -> None:
    assert seeds.canonical(seed) == canonical


@pytest.mark.parametrize("seed", ["", "x" * 257, 10**255, -(10**255), "a\0", "\ud800", "random"])
def test_what_is_no_seed_is_refused(seed: str | int) -> None:
    with pytest.raises(BadOption, match=r"seeds\[3\]"):
        seeds.canonical(seed, name="seeds[3]")


def test_a_number_that_python_would_not_print_is_refused() -> None:
    with pytest.raises(BadOption):
        seeds.canonical(10**5000)


def test_a_long_text_is_refused_before_its_accents_are_put_in_order() -> None:
    began = time.perf_counter()
    with pytest.raises(BadOption, match="more than 256 characters"):
        seeds.canonical("a" + "\u0301\u0316" * 20_000)
    assert time.perf_counter() - began < 0.2


def test_the_longest_seeds_are_taken() -> None:
    assert len(seeds.canonical("x" * 256)) == 256
    assert seeds.canonical("\u03b1\u0313\u0300\u0345" * 256) == "\u1f82" * 256
    assert len(seeds.canonical(10**254)) == 255


def test_fresh_seeds_differ() -> None:
    drawn = [seeds.fresh() for _ in range(1000)]
    assert len(set(drawn)) == 1000
    assert [seeds.canonical(seed) for seed in drawn] == drawn
