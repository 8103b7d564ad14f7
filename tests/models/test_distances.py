"""Distances against cases whose answer is known."""

import pytest
import torch

from models import distances


def cloud(count: int, *, seed: int, shift: float = 0.0, spread: float = 1.0) -> torch.Tensor:
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)) * spread + shift


def test_frechet_of_shifted_clouds_is_the_squared_shift():
    a = cloud(500, seed=0)
    assert distances.frechet(a, a + 2.0) == pytest.approx(8 * 4.0, rel=1e-6)
    assert distances.frechet(a, a) == pytest.approx(0.0, abs=1e-6)


def test_frechet_of_scaled_clouds_is_the_squared_difference_of_deviations():
    a = cloud(500, seed=0)
    centred = a - a.mean(0)
    assert distances.frechet(centred, centred * 3) == pytest.approx(float(centred.square().sum() / 500) * 4, rel=1e-6)


def test_frechet_agrees_with_the_textbook_formula():
    a, b = cloud(60, seed=1).double(), cloud(80, seed=2, shift=0.3, spread=1.5).double()
    root = torch.linalg.eigvals(torch.cov(a.T, correction=0) @ torch.cov(b.T, correction=0)).sqrt().real.sum()
    traces = torch.cov(a.T, correction=0).trace() + torch.cov(b.T, correction=0).trace()
    expected = (a.mean(0) - b.mean(0)).square().sum() + traces - 2 * root
    assert distances.frechet(a, b) == pytest.approx(float(expected), rel=1e-6)


def test_kernel_distance_is_near_zero_for_one_law_and_large_for_two():
    a, b, far = cloud(400, seed=0), cloud(400, seed=1), cloud(400, seed=2, shift=1.0)
    assert abs(distances.kernel(a, b)) < 30
    assert distances.kernel(a, far) > 10 * abs(distances.kernel(a, b))


def test_a_collapsed_set_is_precise_and_has_no_recall():
    real = cloud(300, seed=0)
    collapsed = cloud(300, seed=1, spread=0.05)
    found = distances.distances(collapsed, real)
    assert found.precision > 0.95
    assert found.recall < 0.05
    assert found.coverage < 0.5


def test_a_faithful_set_covers_as_the_floor_does():
    found = distances.distances(cloud(300, seed=1), cloud(300, seed=0))
    assert found.recall > 0.8
    assert found.coverage > 0.9
    assert found.density == pytest.approx(1.0, abs=0.15)


def test_copies_of_training_pictures_are_suspected_and_new_ones_are_not():
    real, held_out = cloud(300, seed=0), cloud(200, seed=1)
    copied = distances.memorisation(real[:200] + 1e-3, real, held_out)
    fresh = distances.memorisation(cloud(200, seed=2), real, held_out)
    assert copied.suspected_copies > 0.99
    assert fresh.suspected_copies < 0.06


def test_memory_does_not_follow_from_how_many_pictures_are_looked_for(monkeypatch: pytest.MonkeyPatch):
    cdist, rows = torch.cdist, []
    monkeypatch.setattr(torch, "cdist", lambda a, b: rows.append(len(a)) or cdist(a, b))  # type: ignore[func-returns-value]
    near, real = cloud(2_500, seed=0), cloud(30, seed=1)
    found = distances.memorisation(near, real, near)
    assert max(rows) <= 1_000
    expected = cdist(torch.nn.functional.normalize(near), torch.nn.functional.normalize(real)).min(1).values.median()
    assert found.generated_median == pytest.approx(float(expected), rel=1e-5)


def test_a_report_names_its_network_and_count_and_carries_the_floor():
    found = distances.report(cloud(120, seed=1, shift=0.5), cloud(300, seed=0), cloud(100, seed=2))
    assert found.count == 100
    assert "efficientnet-lite0" in found.network
    assert found.floor.frechet < found.generated.frechet


def test_the_floor_does_not_depend_on_the_order_of_the_sources():
    near, far = cloud(300, seed=0), cloud(300, seed=1, shift=4.0)
    found = distances.report(cloud(100, seed=2), torch.cat((near, far)), torch.cat((cloud(50, seed=3), far[:50] + 0.1)))
    assert found.floor.frechet < found.generated.frechet


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match="at least 50"):
        distances.report(cloud(20, seed=0), cloud(100, seed=1), cloud(100, seed=2))


def test_frechet_is_the_same_from_whichever_side_it_is_worked_out():
    a, b = cloud(12, seed=1).double(), cloud(500, seed=2, shift=0.3).double()
    wide = torch.cat((a, torch.zeros(12, 8, dtype=torch.float64)), dim=1)  # more numbers than pictures
    beside = torch.cat((b, torch.zeros(500, 8, dtype=torch.float64)), dim=1)
    assert distances.frechet(wide, beside) == pytest.approx(distances.frechet(a, b), rel=1e-9)
