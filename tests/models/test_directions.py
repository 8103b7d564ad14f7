"""Directions: the closed form finds what the network answers to, the regression finds what was put in."""

import re
from pathlib import Path

import pytest
import torch

from models import checkpoint, directions
from models.gan import Generator, GeneratorConfig

CONFIG = GeneratorConfig(widths=(8, 8, 8), latent_size=8, style_size=8)


def tiny() -> Generator:
    torch.manual_seed(0)
    return Generator(CONFIG).eval().requires_grad_(False)


def test_the_strongest_principal_direction_is_the_one_every_layer_reads():
    network = tiny()
    loud = torch.nn.functional.normalize(torch.arange(8.0) + 1, dim=0)
    for layer in (m for m in network.modules() if isinstance(m, torch.nn.Linear) and m.in_features == 8):
        layer.weight += 20 * torch.outer(torch.ones(layer.out_features), loud)
    found = directions.principal(network, 3)
    assert torch.allclose(found @ found.T, torch.eye(3), atol=1e-5)
    assert abs(float(found[0] @ loud)) > 0.99


def test_principal_directions_of_a_stage_move_that_stage():
    network = tiny()
    with torch.no_grad():
        for module in network.stages[2].modules():
            if isinstance(module, torch.nn.Linear):
                module.weight[:, 1:] = 0  # the last stage reads the first number of a style alone
    found = directions.principal(network, 1, stages=[2])
    assert abs(float(found[0, 0])) > 0.999


def test_the_regression_finds_the_direction_that_made_the_scores():
    styles = torch.randn(500, 8, generator=torch.Generator().manual_seed(0))
    truth = torch.nn.functional.normalize(torch.tensor([1.0, -2.0, 0, 0, 3.0, 0, 0, 0.5]), dim=0)
    found = directions.towards(styles, styles @ truth * 7 + 100)
    assert float(found @ truth) > 0.98
    assert directions.agreement(styles, styles @ truth, found) > 0.98


def test_equal_scores_point_nowhere():
    with pytest.raises(ValueError, match="same score"):
        directions.towards(torch.randn(10, 8), torch.ones(10))


def test_without_leaves_the_others_alone():
    a, b = torch.nn.functional.normalize(torch.randn(2, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    cleaned = directions.without(a, [b])
    assert float(cleaned @ b) == pytest.approx(0.0, abs=1e-6)
    assert float(cleaned.norm()) == pytest.approx(1.0)


def test_a_strength_of_one_is_one_standard_deviation():
    styles = torch.randn(2000, 8, generator=torch.Generator().manual_seed(0)) * 3
    found = directions.scaled(torch.eye(8)[2] * 55, styles)
    assert float(found.norm()) == pytest.approx(3.0, rel=0.05)


def test_the_command_adds_directions_that_work_and_changes_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(directions, "PICTURES", 128)
    network, before, after = tiny(), tmp_path / "before.safetensors", tmp_path / "after.safetensors"
    checkpoint.save(before, kind="generator", network=CONFIG.to_dict(), weights=network.state_dict(), header={})
    directions.main([str(before), "--out", str(after), "--principal", "2", "--keep", "principal-1=turn", "brightness"])
    written = checkpoint.load(after)
    assert written.header.extras["directions"] == ["brightness", "turn"]
    drawn, z = checkpoint.build(written), torch.randn(16, 8)
    assert torch.equal(drawn(z), network(z))
    w, brighter = drawn.mapping(z), written.weights["direction.brightness"]
    assert (
        drawn.synthesis(w + 2 * brighter).mean() > drawn.synthesis(w).mean() > drawn.synthesis(w - 2 * brighter).mean()
    )


@pytest.mark.parametrize(
    ("cell", "number"), [("20-29", 20.0), ("60+", 60.0), ("71.7", 71.7), ("", None), ("n/a", None)]
)
def test_a_cell_begins_with_its_number(cell: str, number: float | None):
    assert directions._number(cell) == number


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("age", ("age", "age", 1.0)),
        ("principal-4=glasses*0.5", ("principal-4", "glasses", 0.5)),
        ("age*4", ("age", "age", 4.0)),
    ],
)
def test_a_direction_can_be_renamed_and_made_longer(text: str, asked: tuple[str, str, float]):
    assert directions._kept(text) == asked


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--keep", "principal-2"], "no 'principal-2' among brightness"),
        (["--keep", "brightness*much"], r"'much' of 'brightness\*much' is not a number"),
        (["--column", "age"], "'age' is not NAME=COLUMN"),
    ],
)
def test_a_wish_that_cannot_be_met_is_told_before_the_work(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(directions, "find", lambda *_, **__: pytest.fail("the work has begun"))
    path = tmp_path / "g.safetensors"
    checkpoint.save(path, kind="generator", network=CONFIG.to_dict(), weights=tiny().state_dict(), header={})
    with pytest.raises(SystemExit) as left:
        directions.main([str(path), "--out", str(tmp_path / "out"), *arguments])
    assert left.value.code == 2
    assert re.search(told, capsys.readouterr().err)


def test_a_table_without_the_column_is_named(tmp_path: Path):
    (tmp_path / "people.csv").write_text("name,split\na.png,train\n")
    with pytest.raises(ValueError, match=r"people.csv has no column age; it has name, split"):
        directions.find(tiny(), table=tmp_path / "people.zip", columns={"age": "age"}, count=0)
