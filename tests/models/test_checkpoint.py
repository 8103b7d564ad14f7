import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models import checkpoint, classifier
from models.classifier import Classifier, NetworkConfig

NETWORK = {"widths": [8, 8], "blocks": [0, 1], "size": 16, "classes": 3}


def saved(path: Path, **header: object) -> str:
    torch.manual_seed(0)
    network = classifier.build(NETWORK)
    return checkpoint.save(path, kind="classifier", network=NETWORK, weights=network.state_dict(), header=header)


def test_a_network_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    saved(tmp_path / "a.safetensors", labels=("x", "y", "z"), calibration={"temperature": 0.7})
    loaded = checkpoint.load(tmp_path / "a.safetensors")
    torch.manual_seed(0)
    original = Classifier(NetworkConfig(widths=(8, 8), blocks=(0, 1), size=16, classes=3)).eval()
    x = torch.rand(4, 1, 16, 16)
    assert torch.equal(checkpoint.build(loaded)(x), original(x))
    assert loaded.header.labels == ("x", "y", "z")
    assert loaded.header.calibration == {"temperature": 0.7}


def test_the_name_is_the_hash_of_the_bytes_and_the_same_for_the_same_arguments(tmp_path: Path) -> None:
    digests = {saved(tmp_path / name, labels=("x",), created="2026-01-01T00:00:00+00:00") for name in ("a", "b")}
    assert digests == {checkpoint.digest(tmp_path / "a")}


def test_reading_a_header_imports_neither_torch_nor_numpy(tmp_path: Path) -> None:
    saved(tmp_path / "a.safetensors")
    program = (
        "import sys; from pathlib import Path; from models import checkpoint;"
        "print(checkpoint.read_header(Path(sys.argv[1])).kind, 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "a.safetensors"], capture_output=True, text=True)
    assert done.stdout.split() == ["classifier", "False", "False"], done.stderr


@pytest.mark.parametrize("content", [b"", b"short", b"\x80\x04" * 40, b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(checkpoint.NotACheckpoint):
        checkpoint.load(tmp_path / "a")


def test_safetensors_without_our_header_are_refused(tmp_path: Path) -> None:
    save_file({"w": torch.zeros(1)}, tmp_path / "a")
    with pytest.raises(checkpoint.NotACheckpoint, match="without a Likeness header"):
        checkpoint.read_header(tmp_path / "a")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[:-100])
    with pytest.raises(checkpoint.NotACheckpoint, match="damaged"):
        checkpoint.load(tmp_path / "a")


def test_a_field_that_no_header_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        saved(tmp_path / "a", lables=("x",))


def test_directions_travel_beside_the_weights(tmp_path: Path) -> None:
    network = classifier.build(NETWORK)
    weights = {**network.state_dict(), "direction.age": torch.ones(4)}
    checkpoint.save(tmp_path / "a", kind="classifier", network=NETWORK, weights=weights, header={})
    loaded = checkpoint.load(tmp_path / "a")
    assert checkpoint.build(loaded)(torch.zeros(1, 1, 16, 16)).shape == (1, 3)
    assert torch.equal(loaded.weights["direction.age"], torch.ones(4))


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    digest = saved(tmp_path / "a")
    with pytest.raises(TypeError):
        saved(tmp_path / "a", metrics={"bad": object()})
    assert checkpoint.digest(tmp_path / "a") == digest
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
