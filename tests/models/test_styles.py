"""The NumPy way from seeds to styles computes what the torch network computes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models import checkpoint, gan, latents, styles


def small(path: Path, *, classes: int = 0) -> gan.Generator:
    torch.manual_seed(0)
    config = gan.GeneratorConfig(widths=(8, 8, 8), latent_size=16, style_size=24, classes=classes)
    network = gan.Generator(config).eval().requires_grad_(False)
    network.w_average.normal_()
    checkpoint.save(
        path,
        kind="generator",
        network=config.to_dict(),
        weights={**network.state_dict(), "direction.age": torch.arange(24.0), "direction.hue": torch.ones(3, 24)},
        header={"labels": tuple("abcd"[:classes])},
    )
    return network


@pytest.mark.parametrize(("classes", "label"), [(0, None), (4, 3)])
def test_the_mapping_and_the_truncation_equal_those_of_the_network(tmp_path, classes, label):
    network = small(tmp_path / "generator.safetensors", classes=classes)
    read = styles.read(tmp_path / "generator.safetensors")
    z = torch.from_numpy(latents.seed_latent("ada", 16))[None]
    labels = None if label is None else torch.tensor([label])
    wanted = network.truncate(network.mapping(z, labels), torch.tensor([0.7]), labels)[0].numpy()
    drawn = read.draw("ada", label=label, truncation=0.7)
    assert drawn.shape == (3, 24)
    np.testing.assert_allclose(drawn, np.tile(wanted, (3, 1)), rtol=1e-5, atol=1e-5)


def test_an_edit_adds_its_direction_and_zero_truncation_is_the_average(tmp_path):
    network = small(tmp_path / "generator.safetensors")
    read = styles.read(tmp_path / "generator.safetensors")
    average = network.w_average[0].numpy()
    edited = read.draw("ada", truncation=0.0, edits=(("age", 2.0), ("hue", -1.0)))
    np.testing.assert_allclose(edited, np.tile(average + 2 * np.arange(24) - 1, (3, 1)), rtol=1e-6)
    with pytest.raises(KeyError, match="smile"):
        read.draw("ada", edits=(("smile", 1.0),))


def test_mixing_takes_the_finer_stages_and_a_walk_ends_at_its_second_seed(tmp_path):
    small(tmp_path / "generator.safetensors")
    read = styles.read(tmp_path / "generator.safetensors")
    ada, bob, mixed = read.draw("ada"), read.draw("bob"), read.draw("ada", mix="bob")
    assert (mixed[:1] == ada[:1]).all()
    assert (mixed[1:] == bob[1:]).all()
    np.testing.assert_allclose(read.draw("ada", toward="bob", position=1.0), bob, rtol=1e-4, atol=1e-5)
    assert not np.allclose(read.draw("ada", toward="bob", position=0.5), ada)


def test_a_seed_without_a_label_has_one_of_its_own(tmp_path):
    small(tmp_path / "generator.safetensors", classes=4)
    read = styles.read(tmp_path / "generator.safetensors")
    assert (read.draw("ada") == read.draw("ada", label=styles.label_of("ada", 4))).all()
    assert {styles.label_of(str(seed), 4) for seed in range(40)} == {0, 1, 2, 3}


def test_only_generators_have_styles(tmp_path):
    checkpoint.save(tmp_path / "c.safetensors", kind="classifier", network={}, weights={}, header={})
    with pytest.raises(ValueError, match="classifier has no styles"):
        styles.read(tmp_path / "c.safetensors")
