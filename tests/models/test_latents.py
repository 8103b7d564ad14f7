"""Seeds mean the same latent everywhere; walks and loops stay where latents live."""

import subprocess
import sys

import numpy as np
import pytest

from models import latents


def test_a_seed_is_these_numbers_for_ever():
    # Written down when the stream was fixed: a change here would change every face that anybody has bookmarked.
    expected = [-0.0753152, -0.6226820, -0.2464960, -2.6956258]
    assert latents.seed_latent("ada", 4) == pytest.approx(expected, abs=1e-6)


def test_a_number_and_its_text_are_the_same_seed():
    assert (latents.seed_latent(7, 16) == latents.seed_latent("7", 16)).all()


def test_a_longer_latent_is_another_cut_of_the_same_law():
    many = latents.seed_latents(range(400), 64)
    assert abs(many.mean()) < 0.02
    assert abs(many.std() - 1) < 0.02
    correlations = np.corrcoef(many[:40])
    assert np.abs(correlations - np.eye(40)).max() < 0.6


def test_latents_need_no_torch():
    code = "import sys, models.latents; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_slerp_keeps_its_length_on_the_way():
    a, b = latents.seed_latents(["a", "b"], 64)
    assert np.allclose(latents.slerp(a, b, 0.0), a, atol=1e-5)
    assert np.allclose(latents.slerp(a, b, 1.0), b, atol=1e-5)
    between = np.linalg.norm(latents.slerp(a, b, 0.5))
    assert between == pytest.approx((np.linalg.norm(a) + np.linalg.norm(b)) / 2, rel=1e-4)


def test_slerp_of_a_latent_with_itself_is_that_latent():
    a = latents.seed_latent("a", 32)
    assert np.allclose(latents.slerp(a, a, 0.3), a, atol=1e-5)


def test_a_closed_walk_loops_without_a_jump():
    stops = latents.seed_latents(["a", "b", "c"], 32)
    frames = latents.walk(stops, 30)
    steps = np.linalg.norm(np.roll(frames, -1, axis=0) - frames, axis=1)
    assert np.allclose(frames[0], stops[0], atol=1e-5)
    assert np.allclose(frames[10], stops[1], atol=1e-4)
    assert steps.max() < 2 * steps.min()


def test_an_open_walk_ends_at_its_last_stop():
    stops = latents.seed_latents(["a", "b"], 32)
    frames = latents.walk(stops, 5, closed=False)
    assert np.allclose(frames[-1], stops[1], atol=1e-5)


def test_a_walk_needs_somewhere_to_go():
    with pytest.raises(ValueError, match="two stops"):
        latents.walk([latents.seed_latent("a", 8)], 5)


def test_a_circle_starts_at_its_latent_and_keeps_within_its_radius():
    start, towards = latents.seed_latents(["a", "b"], 64)
    frames = latents.circle(start, towards, 24, radius=0.5)
    length = np.linalg.norm(start)
    angles = np.arccos(np.clip(frames @ start / length**2, -1, 1))
    assert np.allclose(frames[0], start, atol=1e-5)
    assert angles.max() == pytest.approx(0.5, abs=0.06)
    assert np.linalg.norm(frames, axis=1) == pytest.approx(length, rel=1e-5)


def test_truncation_moves_towards_the_mean():
    style, mean = latents.seed_latents(["style", "mean"], 8)
    assert (latents.truncate(style, mean, 1.0) == style).all() or np.allclose(latents.truncate(style, mean, 1.0), style)
    assert np.allclose(latents.truncate(style, mean, 0.0), mean)
