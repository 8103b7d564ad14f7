"""Each finding fires on the trouble it names, and a healthy run has none."""

import pytest
import torch

from models.health import QUIET_UNTIL, Health, not_finite, validation_seen, variety

FINE = {"loss_pixels": 1.0, "loss_features": 0.5, "margin_features": 1.0}


def noise(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def as_sample(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.add(1).mul(127.5).byte().permute(0, 2, 3, 1)


def codes(means: dict[str, float], sample: torch.Tensor, *, images: int = QUIET_UNTIL) -> list[str]:
    return [finding.code for finding in Health(noise(64)).check(images, means, as_sample(sample))]


def test_a_healthy_run_has_no_findings():
    assert codes(FINE, noise(32)) == []


def test_samples_that_look_alike_are_a_collapse():
    assert codes(FINE, noise(1).expand(32, -1, -1, -1)) == ["collapse"]


def test_one_picture_a_class_is_a_collapse_however_different_the_classes_are():
    labels = torch.arange(80) % 10
    classes = noise(10)[labels]
    health = Health(0.7 * classes + 0.3 * noise(80), labels)
    assert variety(classes) > 0.55 * variety(0.7 * classes + 0.3 * noise(80))  # which is all that they would be told by

    def codes(samples: torch.Tensor) -> list[str]:
        return [finding.code for finding in health.check(QUIET_UNTIL, FINE, as_sample(samples), labels=labels)]

    assert codes(classes) == ["collapse"]
    assert codes(0.7 * classes + 0.3 * noise(80).flip(0)) == []


def test_few_pictures_of_a_class_vary_as_much_as_many_and_a_single_one_tells_nothing():
    labels = torch.arange(400) % 2
    many, few = variety(noise(400), labels), variety(noise(16), labels[:16])
    assert few == pytest.approx(many, rel=0.05)
    assert variety(noise(400), labels.index_fill(0, torch.tensor([0]), 2)) == pytest.approx(many, rel=0.01)
    assert variety(noise(4), torch.arange(4)) == 0


def test_real_pictures_without_variety_ask_for_none():
    plain = torch.zeros(8, 3, 8, 8)
    assert list(Health(plain).check(QUIET_UNTIL, FINE, as_sample(noise(32)))) == []


def test_pictures_nearer_to_each_other_than_real_ones_are_narrow():
    assert codes({**FINE, "spread": 0.7}, noise(32)) == ["narrow"]
    assert codes({**FINE, "spread": 1.0}, noise(32)) == []


def test_what_is_no_number_is_named():
    found = not_finite(64, {**FINE, "loss_pixels": float("nan")})
    assert (found.code, found.images, found.value) == ("not_finite", 64, 1.0)
    assert found.suggestion.startswith("loss_pixels is not a number.")
    assert not_finite(64, FINE).suggestion.startswith("a weight is not a number.")


def test_validation_pictures_that_were_learnt_from_are_told_with_their_share():
    found = validation_seen(0, 0.95)
    assert (found.code, found.value) == ("validation_seen", 0.95)
    assert "may flatter" in found.suggestion
    assert "test part" in found.suggestion


def test_a_judge_that_wins_is_named():
    assert codes({**FINE, "loss_pixels": 9.0}, noise(32)) == ["pixel_judge_wins"]
    assert codes({**FINE, "margin_features": 4.0}, noise(32)) == ["feature_judge_wins"]


def test_the_first_pictures_are_not_held_against_a_run():
    assert codes({**FINE, "margin_features": 4.0}, noise(1).expand(32, -1, -1, -1), images=QUIET_UNTIL - 1) == []


def test_variety_ignores_noise_that_a_rough_view_does_not_see():
    flat = torch.zeros(16, 3, 64, 64)
    noisy = flat + torch.rand(16, 3, 64, 64) * 0.2
    different = flat + torch.linspace(-1, 1, 16)[:, None, None, None]
    assert variety(noisy) < 0.1 * variety(different)
