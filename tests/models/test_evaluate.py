import json
from pathlib import Path

import pytest

from models import checkpoint, evaluate, images, train
from tests.models.pictures import write_folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data` and a classifier trained on it under `out`."""
    folder = tmp_path_factory.mktemp("evaluate")
    data = write_folder(folder / "data", count=160)
    small = ["--threads", "1", "--set", "network.widths=8,8", "--set", "network.blocks=0,1", "--set", "batch=16"]
    arguments = ["pictures-tiny", "--data", str(data), "--out", str(folder / "out"), "--images", "960", *small]
    assert train.main(arguments) == 0
    return folder


def measured(trained: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    path = trained / "out" / "checkpoint.safetensors"
    assert evaluate.main([str(path), "--data", str(trained / "data"), "--json", *options]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_figures_of_the_test_part_are_told(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(trained, capsys)
    assert found["count"] == 40
    assert isinstance(found["accuracy"], float)
    assert found["accuracy"] > 0.9
    assert found["checkpoint"] == checkpoint.digest(trained / "out" / "checkpoint.safetensors")
    assert sum(sum(row) for row in found["confusion"]) == 40  # type: ignore[attr-defined]


def test_test_time_augmentation_says_so(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measured(trained, capsys, "--tta")["test_time_augmentation"] is True


def test_less_precise_arithmetic_says_so_and_says_the_same(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exact, rounded = measured(trained, capsys), measured(trained, capsys, "--precision", "bf16")
    assert (exact["precision"], rounded["precision"]) == ("fp32", "bf16")
    assert exact["nll"] != rounded["nll"]
    assert rounded["nll"] == pytest.approx(exact["nll"], abs=0.02)
    assert rounded["accuracy"] == pytest.approx(exact["accuracy"], abs=0.05)


def test_people_get_a_table(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = trained / "out" / "checkpoint.safetensors"
    assert evaluate.main([str(path), "--data", str(trained / "data")]) == 0
    told = capsys.readouterr().out
    assert "of 40 test pictures" in told
    assert "confusion" in told


def test_data_with_other_classes_is_refused(trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = write_folder(tmp_path / "data", count=40)
    for split in ("train", "test"):
        (data / split / "lying").rename(data / split / "sitting")
    assert evaluate.main([str(trained / "out" / "checkpoint.safetensors"), "--data", str(data)]) == 2
    assert "sitting" in capfd.readouterr().err


def test_options_of_another_kind_are_refused(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = trained / "out" / "checkpoint.safetensors"
    asked = ["--count", "60", "--network", "efficientnet-lite1"]
    assert evaluate.main([str(path), "--data", str(trained / "data"), *asked]) == 2
    assert "--count, --network: not for a classifier" in capfd.readouterr().err


def test_strangers_are_told_from_the_test_part(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(80):  # flat grey pictures, where neither stripe can be seen
        png = images.encode(bytes([2 * index]) * 784, width=28, height=28, channels=1, format="png")
        (tmp_path / f"{index}.png").write_bytes(png)
    found = measured(trained, capsys, "--strangers", str(tmp_path))["strangers"]
    assert isinstance(found, dict)
    assert 0 < found["count"] < 80
    assert found["beyond_energy"] > 0.9
    assert found["auroc"] > 0.95
