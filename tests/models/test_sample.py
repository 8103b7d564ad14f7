"""The command that draws: the same seed is the same picture alone and in a grid, and mistakes are named."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models import checkpoint, images, sample
from models.gan import Generator, GeneratorConfig

CONFIG = GeneratorConfig(widths=(8, 8), base=4, latent_size=8, style_size=8)


def written(path: Path, *, classes: int = 0) -> Path:
    torch.manual_seed(0)
    config = GeneratorConfig(**{**CONFIG.to_dict(), "widths": CONFIG.widths, "classes": classes})
    weights = {**Generator(config).state_dict(), "direction.smile": torch.randn(8)}
    labels = tuple(f"class {index}" for index in range(classes))
    checkpoint.save(path, kind="generator", network=config.to_dict(), weights=weights, header={"labels": labels})
    return path


def pixels(path: Path, *, size: int) -> np.ndarray:
    return np.frombuffer(images.decode(path.read_bytes(), size=size, channels=3), np.uint8).reshape(size, size, 3)


def test_a_seed_is_the_same_picture_alone_and_in_a_grid(tmp_path: Path):
    source = written(tmp_path / "faces.safetensors")
    sample.main([str(source), "--seeds", "0:3", "ada", "--columns", "2", "--out", str(tmp_path / "grid.png")])
    sample.main([str(source), "--seeds", "ada", "--separate", "--out", str(tmp_path / "alone")])
    grid = pixels(tmp_path / "grid.png", size=16)
    assert (grid[8:, 8:] == pixels(tmp_path / "alone" / "00000.png", size=8)).all()


def test_edits_truncation_and_mixing_change_the_picture(tmp_path: Path):
    source, drawn = written(tmp_path / "faces.safetensors"), {}
    for name, extra in {
        "plain": [],
        "edited": ["--edit", "smile=2"],
        "truncated": ["--truncation", "0.1"],
        "mixed": ["--mix", "grace"],
    }.items():
        sample.main([str(source), "--seeds", "ada", "--out", str(tmp_path / f"{name}.png"), *extra])
        drawn[name] = (tmp_path / f"{name}.png").read_bytes()
    assert len(set(drawn.values())) == 4


def test_a_label_by_name_draws_that_class(tmp_path: Path):
    source, drawn = written(tmp_path / "clothes.safetensors", classes=2), []
    for label in ("class 0", "class 1"):
        sample.main([str(source), "--seeds", "7", "--label", label, "--out", str(tmp_path / "one.png")])
        drawn.append((tmp_path / "one.png").read_bytes())
    assert drawn[0] != drawn[1]


def test_a_checkpoint_names_its_truncation(tmp_path: Path):
    source, drawn = written(tmp_path / "faces.safetensors"), {}
    loaded = checkpoint.load(source)
    named = tmp_path / "named.safetensors"
    header = {"labels": (), "extras": {"truncation": 0.3}}
    checkpoint.save(named, kind="generator", network=loaded.header.network, weights=loaded.weights, header=header)
    for name, arguments in {
        "none": [source],
        "whole": [source, "--truncation", "1"],
        "named": [named],
        "asked": [source, "--truncation", "0.3"],
    }.items():
        out = tmp_path / f"{name}.png"
        sample.main([*map(str, arguments), "--seeds", "ada", "--out", str(out)])
        drawn[name] = out.read_bytes()
    assert drawn["none"] == drawn["whole"] != drawn["named"] == drawn["asked"]


def test_what_draws_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "labels.safetensors"
    checkpoint.save(path, kind="classifier", network={}, weights={"x": torch.zeros(1)}, header={})
    for arguments, told in (([str(path)], "is a classifier"), ([str(tmp_path / "none")], "No such file")):
        with pytest.raises(SystemExit):
            sample.main(arguments)
        assert told in capsys.readouterr().err


@pytest.mark.parametrize("mistake", [["--label", "shoe"], ["--edit", "frown=1"]])
def test_a_mistake_is_answered_with_what_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mistake: list[str]
):
    source = written(tmp_path / "clothes.safetensors", classes=2)
    with pytest.raises(SystemExit):
        sample.main([str(source), *mistake])
    assert "known are" in capsys.readouterr().err


def test_ranges_are_spelled_out_and_texts_left_alone():
    assert sample.seeds(["0:3", "ada", "a:b", "7"]) == ["0", "1", "2", "ada", "a:b", "7"]
