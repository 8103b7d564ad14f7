import math

import pytest
import torch

from models import metrics

# Four pictures in two classes: right with 0.9, right with 0.6, wrong with 0.8, wrong with 0.6.
PROBABILITIES = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.4, 0.6]])
LOGITS = PROBABILITIES.log()
LABELS = torch.tensor([0, 1, 1, 0])


def test_figures_are_those_computed_by_hand() -> None:
    report = metrics.report(LOGITS, LABELS)
    assert report.count == 4
    assert report.accuracy == 0.5
    assert report.nll == pytest.approx(-sum(map(math.log, (0.9, 0.6, 0.2, 0.4))) / 4, rel=1e-5)
    # One bin each for 0.9 and 0.8, one for the two of 0.6, where one of two is right.
    assert report.ece == pytest.approx((0.1 + 0.8 + 2 * 0.1) / 4, rel=1e-4)
    assert report.confusion == ((1, 1), (1, 1))


def test_the_most_confident_mistake_comes_first() -> None:
    worst = metrics.report(LOGITS, LABELS).worst
    assert [(entry.index, entry.label, entry.predicted) for entry in worst] == [(2, 1, 0), (3, 0, 1)]
    assert worst[0].confidence == pytest.approx(0.8)
    assert metrics.mistakes(LOGITS, LABELS, most=1) == worst[:1]


def test_a_perfect_forecaster_has_no_calibration_error() -> None:
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand(200_000, 1, generator=generator)
    probabilities = torch.cat((probabilities, 1 - probabilities), 1)
    labels = (torch.rand(200_000, generator=generator) > probabilities[:, 0]).long()
    assert metrics.ece(probabilities.log(), labels) < 0.005
    assert metrics.ece(3 * probabilities.log(), labels) > 0.05


def test_auroc_is_the_chance_of_standing_above() -> None:
    assert metrics.auroc(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])) == 1.0
    assert metrics.auroc(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 3.0])) == 0.5
    assert metrics.auroc(torch.tensor([1.0, 1.0]), torch.tensor([1.0])) == 0.5
    assert metrics.auroc(torch.tensor([2.0]), torch.tensor([2.0, 1.0, 3.0])) == 0.5
