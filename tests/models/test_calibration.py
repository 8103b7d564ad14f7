import pytest
import torch

from models import calibration, metrics


def drawn(count: int = 4_000) -> tuple[torch.Tensor, torch.Tensor]:
    """Honest logits over five classes, and labels drawn from them."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(count, 5, generator=generator)
    return logits, torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize("true_temperature", [0.3, 1.0, 4.0])
def test_the_temperature_that_spoilt_the_logits_is_found(true_temperature: float) -> None:
    logits, labels = drawn(calibration.ENOUGH_FOR_TWO - 1)
    fitted = calibration.fit_confidence(logits * true_temperature, labels)
    assert fitted.temperature == pytest.approx(true_temperature, rel=0.1)
    assert fitted.bend == 0.0


def test_distances_that_were_drawn_together_are_spread_again() -> None:
    generator = torch.Generator().manual_seed(0)
    squeezed = 2 * torch.randn(4_000, 5, generator=generator)
    logits = calibration.Calibration(temperature=1.5, bend=0.3).apply(squeezed)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    fitted = calibration.fit_confidence(squeezed, labels)
    assert fitted.bend == pytest.approx(0.3, abs=0.05)
    assert fitted.temperature == pytest.approx(1.5, abs=0.2)
    plain = calibration.fit_confidence(squeezed[:999], labels[:999])
    honest, mended, scaled = (metrics.nll(x, labels) for x in (logits, fitted.apply(squeezed), plain.apply(squeezed)))
    assert mended < honest + 0.002 < scaled


@pytest.mark.parametrize(
    "fitted",
    [calibration.Calibration(2.0, exponent=1.5), calibration.Calibration(0.5, bend=0.3), calibration.Calibration()],
)
def test_the_order_of_classes_and_the_likeliest_class_stay(fitted: calibration.Calibration) -> None:
    logits, _ = drawn(100)
    found = fitted.apply(logits)
    assert torch.equal(found.argsort(1), logits.argsort(1))
    torch.testing.assert_close(found.amax(1), logits.amax(1) / fitted.temperature)


def test_bent_distances_are_as_by_hand() -> None:
    found = calibration.Calibration(temperature=2.0, bend=0.5).apply(torch.tensor([[4.0, 2.0, 3.0]]))
    torch.testing.assert_close(found, torch.tensor([[4.0, 4 - 2 * 2, 4 - 1 * (1 + 1 / 16)]]) / 2)


def test_a_few_pictures_that_are_all_right_are_no_proof_of_certainty() -> None:
    labels = torch.arange(18) % 3
    logits = 2.0 * torch.eye(3)[labels]
    fitted = calibration.fit_confidence(logits, labels)
    assert fitted.apply(logits).softmax(1).amax(1).mean().item() == pytest.approx(19 / 20, abs=1e-3)


def test_a_fitted_temperature_mends_calibration_and_leaves_accuracy() -> None:
    logits, labels = drawn()
    spoilt = 3 * logits
    fitted = calibration.fit(spoilt, labels)
    mended = fitted.apply(spoilt)
    assert metrics.ece(spoilt, labels) > 0.1
    assert metrics.ece(mended, labels) < 0.03
    assert metrics.accuracy(mended, labels) == metrics.accuracy(spoilt, labels)


def test_answers_above_the_abstention_threshold_reach_the_promised_accuracy() -> None:
    logits, labels = drawn()
    threshold, coverage = calibration.fit_abstention(logits, labels, accuracy=0.95)
    answered = logits.softmax(1).amax(1) >= threshold
    assert answered.float().mean().item() == pytest.approx(coverage, abs=1e-3)
    assert metrics.accuracy(logits[answered], labels[answered]) == pytest.approx(0.95, abs=0.002)
    assert 0 < coverage < 1


def test_where_no_confidence_is_enough_nothing_is_answered() -> None:
    logits = torch.tensor([[2.0, 0.0], [1.0, 0.0]])
    assert calibration.fit_abstention(logits, torch.tensor([1, 1])) == (1.0, 0.0)


def test_few_pictures_lie_beyond_the_limit_of_energies() -> None:
    energies = torch.randn(4_000, generator=torch.Generator().manual_seed(0))
    beyond = energies > calibration.limit(energies)
    assert beyond.float().mean().item() == pytest.approx(1 - calibration.KEPT, abs=0.002)
