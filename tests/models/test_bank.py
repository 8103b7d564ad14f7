import numpy as np

from models.bank import Bank
from models.styles import Styles


def styles(classes: int = 0) -> Styles:
    """A mapping network eight numbers wide with weights drawn at random."""
    draw = np.random.default_rng(0)
    weights = {
        "mapping.first.weight": draw.standard_normal((8, 16 if classes else 8)) / 3,
        "mapping.first.bias": np.zeros(8),
        "mapping.second.weight": draw.standard_normal((8, 8)) / 3,
        "mapping.second.bias": np.zeros(8),
        "w_average": np.zeros((max(classes, 1), 8)),
    }
    if classes:
        weights["mapping.embedding.weight"] = draw.standard_normal((classes, 8))
    return Styles(weights, stages=3)


def test_a_seed_of_the_bank_is_its_own_nearest_neighbour() -> None:
    made = styles()

    distances, seeds = Bank(made, size=64).nearest(made.draw("17"), count=5)

    assert seeds[0] == 17
    assert distances[0] < 1e-4
    assert (np.diff(distances) >= 0).all()
    assert len(set(seeds.tolist())) == 5


def test_a_step_toward_a_seed_brings_it_nearer() -> None:
    made = styles()
    bank = Bank(made, size=64)

    def distance(position: float) -> float:
        distances, seeds = bank.nearest(made.draw("ada", toward="17", position=position), count=64)
        return float(distances[seeds.tolist().index(17)])

    assert distance(0.9) < distance(0.5) < distance(0.0)


def test_unrelated_seeds_are_about_the_square_root_of_two_apart() -> None:
    made = styles()
    bank = Bank(made, size=256)

    medians = [np.median(bank.nearest(made.draw(f"stranger {n}"), count=256)[0]) for n in range(20)]

    assert 1.1 < np.mean(medians) < 1.7


def test_each_class_has_a_bank_of_its_own() -> None:
    made = styles(classes=2)

    for label in (0, 1):
        distances, seeds = Bank(made, label=label, size=32).nearest(made.draw("5", label=label), count=1)
        assert (seeds[0], distances[0] < 1e-4) == (5, True)


def test_a_survey_agrees_with_drawing_one_by_one() -> None:
    for made, label in ((styles(), None), (styles(classes=2), 1)):
        alone = np.stack([made.draw(str(seed), label=label)[0] for seed in range(9)])

        assert np.allclose(made.survey([str(seed) for seed in range(9)], label), alone, atol=1e-5)
