from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from models import calibrated, calibration, checkpoint, metrics
from models.classifier import Classifier, NetworkConfig
from models.data import Pictures
from models.strangers import energy

CONFIG = NetworkConfig(widths=(8, 8), blocks=(0, 1), size=12, classes=2)
CLASSES = ("lying", "standing")


def stripes(count: int, *, seed: int) -> Pictures:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    images = torch.randint(0, 150, (count, 1, 12, 12), generator=generator)
    images[labels == 0, :, ::2] += 100
    images[labels == 1, :, :, ::2] += 100
    names = tuple(map(str, range(count)))
    return Pictures(images=images.to(torch.uint8), labels=labels, classes=CLASSES, names=names, digest="d")


@pytest.fixture(scope="module")
def network() -> Classifier:
    """Untrained: its logits say little, what its stages see is known all the same."""
    torch.manual_seed(0)
    made = Classifier(CONFIG)
    made.train()(stripes(200, seed=9).images.float() / 255)
    return made.eval()


def test_the_score_changes_no_probability_and_is_the_energy(network: Classifier) -> None:
    made, _ = calibrated.fit(network, stripes(300, seed=0), stripes(100, seed=1))
    x = stripes(40, seed=2).images.float() / 255
    logits, raw = made(x), made.fitted.apply(network(x))
    assert made.known is not None
    torch.testing.assert_close(logits.softmax(1), raw.softmax(1))
    features = torch.cat([maps.mean((2, 3)) for maps in network.stages(x)], 1)
    torch.testing.assert_close(energy(logits), made.known(features, raw), atol=1e-4, rtol=1e-4)


def test_what_was_fitted_is_what_a_checkpoint_gives_back(network: Classifier, tmp_path: Path) -> None:
    validation = stripes(100, seed=1)
    made, logits = calibrated.fit(network, stripes(300, seed=0), validation)
    header = {"calibration": asdict(made.fitted), "labels": CLASSES}
    checkpoint.save(tmp_path / "c", kind="classifier", network=asdict(CONFIG), weights=made.tensors(), header=header)
    again = calibrated.build(checkpoint.load(tmp_path / "c"))
    torch.testing.assert_close(again(validation.images.float() / 255), logits, atol=1e-4, rtol=1e-4)
    beyond = energy(logits) > again.fitted.energy
    assert beyond.float().mean().item() == pytest.approx(1 - calibration.KEPT, abs=0.011)


def test_pictures_without_stripes_are_strangers(network: Classifier) -> None:
    made, _ = calibrated.fit(network, stripes(300, seed=0), stripes(100, seed=1))
    flat = torch.arange(0, 250, 5)[:, None, None, None].expand(-1, 1, 12, 12).float() / 255
    known = energy(made(stripes(100, seed=2).images.float() / 255))
    assert metrics.auroc(known, energy(made(flat))) > 0.95


def test_a_checkpoint_without_a_score_has_the_energy_of_its_calibrated_logits(
    network: Classifier, tmp_path: Path
) -> None:
    header = {"calibration": {"temperature": 0.5, "energy": 0.0, "abstain": 0.0}}
    checkpoint.save(
        tmp_path / "c", kind="classifier", network=asdict(CONFIG), weights=network.state_dict(), header=header
    )
    made = calibrated.build(checkpoint.load(tmp_path / "c"))
    x = stripes(4, seed=2).images.float() / 255
    assert made.known is None
    torch.testing.assert_close(made(x), network(x) / 0.5)
