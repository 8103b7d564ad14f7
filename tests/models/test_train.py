"""The command, on a folder of stripes, with a network eight channels wide."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from models import checkpoint, presets, train
from models.gan_presets import GanConfig
from tests.models.pictures import write_folder

TINY = ["--threads", "1"] + [
    part
    for setting in ("network.widths=8,8", "network.blocks=0,1", "batch=16", "report_images=64", "snapshot_images=160")
    for part in ("--set", setting)
]


def test_a_run_leaves_its_settings_its_figures_and_a_checkpoint(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", count=120)
    command = ["pictures-tiny", "--data", str(data), "--out", str(tmp_path / "out"), "--images", "320", *TINY]
    assert train.main(command) == 0
    resolved = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (resolved["images"], resolved["batch"]) == (320, 16)
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert max(line["images"] for line in lines) == 320
    assert any("validation_accuracy" in line for line in lines)
    assert checkpoint.read_header(tmp_path / "out" / "checkpoint.safetensors").labels == ("lying", "standing")


def test_a_resumed_run_keeps_the_pictures_it_was_to_see(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", count=120)
    common = ["pictures-tiny", "--data", str(data), "--out", str(tmp_path / "out"), *TINY]
    assert train.main([*common, "--images", "160"]) == 0
    assert train.main([*common, "--resume"]) == 0
    assert checkpoint.read_header(tmp_path / "out" / "checkpoint.safetensors").training["images"] == 160
    assert train.main([*common, "--resume", "--set", "images=192"]) == 0
    assert checkpoint.read_header(tmp_path / "out" / "checkpoint.safetensors").training["images"] == 192


def test_a_dry_run_trains_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = write_folder(tmp_path / "data", count=120)
    assert train.main(["pictures-tiny", "--data", str(data), "--dry-run", *TINY]) == 0
    told = capfd.readouterr().err
    assert "network.widths (8, 8)" in told
    assert "images/s here" in told
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]


def test_a_generator_of_classes_is_fitted_to_those_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    data = write_folder(tmp_path / "data", count=20)
    probed: list[presets.Config] = []
    monkeypatch.setattr(presets, "probe", lambda config, _: probed.append(config) or 1.0)  # which needs a frozen trunk
    assert train.main(["clothing-gan-tiny", "--data", str(data), "--dry-run"]) == 0
    assert "generator.classes 2" in capfd.readouterr().err
    assert [config.generator.classes for config in probed if isinstance(config, GanConfig)] == [2]


def test_minutes_become_pictures_by_timing(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", count=120)
    out = tmp_path / "out"
    assert train.main(["pictures-tiny", "--data", str(data), "--out", str(out), "--minutes", "0.02", *TINY]) == 0
    assert json.loads((out / "config.json").read_text())["images"] != 12_000


def test_a_wrong_setting_and_missing_data_are_usage_errors(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    common = ["pictures-tiny", "--out", str(tmp_path / "out"), "--data", str(tmp_path / "none")]
    assert train.main([*common, "--set", "batches=3"]) == 2
    assert "no setting 'batches'" in capfd.readouterr().err
    assert train.main(common) == 2
    assert "no data" in capfd.readouterr().err


@pytest.mark.parametrize("images", ["0", "-5"])
def test_no_pictures_at_all_are_a_usage_error(tmp_path: Path, images: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = write_folder(tmp_path / "data", count=120)
    assert train.main(["pictures-tiny", "--data", str(data), "--out", str(tmp_path / "out"), "--images", images]) == 2
    assert "images is at least 1" in capfd.readouterr().err


@pytest.mark.parametrize("option", ["--minutes", "--threads"])
def test_no_time_and_no_threads_are_usage_errors(
    tmp_path: Path, option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        train.main(["pictures-tiny", "--data", str(tmp_path), "--out", str(tmp_path / "out"), option, "0"])
    assert f"argument {option}: 0 is not above 0" in capfd.readouterr().err


def test_sigterm_saves_and_exits_with_zero_and_resume_goes_on(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", count=120)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "models.train", "pictures-tiny", "--data", data, "--out", out, *TINY]
    child = subprocess.Popen([*command, "--images", "100000000"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").read_text():
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=30) == 0
    seen = checkpoint.read_header(out / "checkpoint.safetensors").training["images_seen"]
    assert seen > 0
    arguments = ["pictures-tiny", "--data", str(data), "--out", str(out), "--resume", *TINY]
    assert train.main([*arguments, "--images", str(seen + 160)]) == 0
    assert checkpoint.read_header(out / "checkpoint.safetensors").training["images_seen"] == seen + 160


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """Without normalisation and randomness the gradients of two halves are those of the whole batch."""
    data = write_folder(tmp_path / "data", count=120)
    settings = ("network.family=plain", "network.dropout=0", "precision=fp32", "augment.flip=false")
    settings += ("augment.translate=0", "augment.cutout=0", "learning_rate=0.01")
    same = ["pictures-tiny", "--data", str(data), "--images", "160", *TINY, "--set", "network.blocks=1,1"]
    same += [part for setting in settings for part in ("--set", setting)]
    assert train.main([*same, "--out", str(tmp_path / "one")]) == 0
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    launcher += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "-m", "models.train"]
    done = subprocess.run(
        [*launcher, *same, "--out", str(tmp_path / "two")],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    one, two = (checkpoint.load(tmp_path / name / "checkpoint.safetensors").weights for name in ("one", "two"))
    for name, value in one.items():
        # What is stored in float16 may lie on the other side of a rounding.
        assert (value - two[name]).abs().max() < (2e-3 if value.dtype == torch.float16 else 1e-4), name
