"""The loop on pictures of stripes that lie or stand, with a network eight channels wide."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from models import checkpoint, classifier_snapshot, devices
from models.classifier import NetworkConfig
from models.classifier_augment import AugmentConfig
from models.classifier_config import ClassifierConfig
from models.classifier_run import ClassifierRun
from models.data import Pictures
from models.predict import predict
from models.progress import Finding, Metrics, Progress, Snapshot
from models.resume import load_state, save_state
from models.train_classifier import train

CONFIG = ClassifierConfig(
    network=NetworkConfig(widths=(8, 8), blocks=(0, 1), dropout=0.1),
    augment=AugmentConfig(flip=False, translate=1, cutout=2, mixup=0.2),
    images=640,
    batch=32,
    learning_rate=0.05,
    ema_images=100,
    validation=0.2,
    snapshot_images=160,
    report_images=160,
)
ALTERNATING = replace(CONFIG.augment, flip=True, alternate=True)


def stripes(count: int = 200) -> Pictures:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    images = torch.randint(0, 150, (count, 1, 12, 12), generator=generator)
    images[labels == 0, :, ::2] += 100
    images[labels == 1, :, :, ::2] += 100
    names = tuple(str(number) for number in range(count))
    return Pictures(
        images=images.to(torch.uint8), labels=labels, classes=("lying", "standing"), names=names, digest="d"
    )


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums in the same order here and in the child process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(out: Path, config: ClassifierConfig = CONFIG, *, resume: bool = False, stop_at: int = 10**9) -> list[object]:
    seen: list[object] = []

    def stop() -> bool:
        return any(isinstance(event, Progress) and event.images >= stop_at for event in seen)

    for event in train(config, stripes(), out=out, resume=resume, stop=stop):
        seen.append(event)
    return seen


def weights(out: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(out / "checkpoint.safetensors").weights


def assert_same(one: Path, other: Path) -> None:
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_it_learns_and_leaves_a_checkpoint_that_serves(tmp_path: Path) -> None:
    events = run(tmp_path)
    last = events[-1]
    assert isinstance(last, Snapshot)
    assert last.checkpoint is not None
    loaded = checkpoint.load(last.checkpoint)
    fresh = stripes(300)
    assert fresh.labels is not None
    logits = predict(checkpoint.build(loaded), fresh.images)
    assert (logits.argmax(1) == fresh.labels).float().mean() > 0.95
    assert loaded.header.labels == ("lying", "standing")
    assert loaded.header.input == {
        "size": 12,
        "channels": 1,
        "mean": list(loaded.header.network["mean"]),
        "std": list(loaded.header.network["std"]),
    }
    assert loaded.header.provenance["digest"] == "d"
    assert "enlarged" not in loaded.header.network  # which an older version does not know
    assert loaded.header.training["images_seen"] == 640
    assert loaded.header.calibration["temperature"] > 0
    assert {"strangers.means", "strangers.whitening"} <= loaded.weights.keys()


def test_events_count_images_and_end_in_a_snapshot(tmp_path: Path) -> None:
    events = run(tmp_path)
    assert [event.images for event in events if isinstance(event, Progress)] == [160, 320, 480, 640]
    assert [event.images for event in events if isinstance(event, Snapshot)] == [160, 320, 480, 640]
    names = {name for event in events if isinstance(event, Metrics) for name in event.values}
    assert {"loss", "learning_rate", "validation_accuracy", "validation_nll", "validation_ece"} <= names


@pytest.mark.parametrize("changes", [{}, {"filter_rate": 0.05, "whiten": True, "augment": ALTERNATING}])
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(changes: dict[str, Any], tmp_path: Path) -> None:
    config = replace(CONFIG, **changes)
    run(tmp_path / "whole", config)
    stopped = run(tmp_path / "parts", config, stop_at=320)
    assert isinstance(stopped[-1], Snapshot)
    assert stopped[-1].images == 320
    resumed = run(tmp_path / "parts", config, resume=True)
    assert isinstance(resumed[0], Progress)
    assert resumed[0].images == 480
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_a_run_that_is_killed_while_it_calibrates_at_the_stop_loses_nothing(tmp_path: Path) -> None:
    config = replace(CONFIG, snapshot_images=10_000)
    seen: list[object] = []
    for event in train(config, stripes(), out=tmp_path / "parts", resume=False, stop=lambda: len(seen) > 2):
        seen.append(event)
        if isinstance(event, Snapshot):
            break
    assert isinstance(event, Snapshot)
    assert (event.images, event.checkpoint) == (320, None)
    assert not (tmp_path / "parts" / "checkpoint.safetensors").exists()
    run(tmp_path / "whole", config)
    run(tmp_path / "parts", config, resume=True)
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_a_run_killed_with_signal_9_and_resumed_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    program = (
        "import sys, time, torch; sys.path[:0] = sys.argv[2:];"
        "torch.set_num_threads(1);"
        "import test_train_classifier as t; from pathlib import Path;"
        "events = t.train(t.CONFIG, t.stripes(), out=Path(sys.argv[1]), resume=False, stop=lambda: False);\n"
        "for event in events:\n"
        "    print(event.images, flush=True)\n"
        "    time.sleep(0.05 if event.images < 480 else 60)"  # so that the signal meets the run, however late it comes
    )
    here = Path(__file__)
    command = [sys.executable, "-c", program, tmp_path / "killed", here.parent, here.parents[2]]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) >= 320:
            break
    os.kill(child.pid, signal.SIGKILL)
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    run(tmp_path / "killed", resume=True)
    run(tmp_path / "whole")
    assert_same(tmp_path / "killed", tmp_path / "whole")


def test_another_seed_gives_another_network(tmp_path: Path) -> None:
    run(tmp_path / "a")
    run(tmp_path / "b", replace(CONFIG, seed=1))
    assert any(
        not torch.equal(a, b)
        for a, b in zip(weights(tmp_path / "a").values(), weights(tmp_path / "b").values(), strict=True)
    )


def test_resuming_another_run_is_refused_and_a_longer_one_is_not(tmp_path: Path) -> None:
    run(tmp_path, replace(CONFIG, images=160))
    with pytest.raises(ValueError, match="another learning_rate"):
        run(tmp_path, replace(CONFIG, learning_rate=0.1), resume=True)
    events = run(tmp_path, replace(CONFIG, images=320), resume=True)
    assert isinstance(events[-1], Snapshot)
    assert events[-1].images == 320


def test_a_state_from_before_a_setting_existed_goes_on_with_its_default(tmp_path: Path) -> None:
    run(tmp_path, replace(CONFIG, images=160))
    tensors, meta = load_state(tmp_path / "resume.safetensors")
    del meta["config"]["filter_rate"], meta["muon"], meta["config"]["augment"]["alternate"]
    save_state(tmp_path / "resume.safetensors", tensors, meta)
    with pytest.raises(ValueError, match="another filter_rate"):
        run(tmp_path, replace(CONFIG, filter_rate=0.05), resume=True)
    events = run(tmp_path, replace(CONFIG, images=320), resume=True)
    assert isinstance(events[-1], Snapshot)
    assert events[-1].images == 320


def test_muon_turns_the_filters_and_keeps_their_length(tmp_path: Path) -> None:
    run(tmp_path / "one", replace(CONFIG, images=32, filter_rate=0.05, ema_images=1))
    run(tmp_path / "two", replace(CONFIG, images=64, filter_rate=0.05, ema_images=1))
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    filters = [name for name, value in one.items() if value.ndim == 4 and not name.startswith("features.0.")]
    assert filters
    for name in filters:
        assert not torch.equal(one[name], two[name])
        assert two[name].norm().item() == pytest.approx(8**0.5, rel=0.05)


def test_a_whitened_run_begins_with_filters_that_follow_from_the_pictures(tmp_path: Path) -> None:
    short = replace(CONFIG, images=32, learning_rate=0.0, ema_images=1)
    run(tmp_path / "random", short)
    run(tmp_path / "whitened", replace(short, whiten=True))
    first = "features.0.0.weight"
    one, other = weights(tmp_path / "random")[first], weights(tmp_path / "whitened")[first]
    assert not torch.equal(one, other)
    torch.testing.assert_close(other[::2], -other[1::2])


def test_muon_is_refused_for_a_network_without_normalisation(tmp_path: Path) -> None:
    plain = replace(CONFIG, network=replace(CONFIG.network, family="plain", blocks=(1, 1)), filter_rate=0.05)
    with pytest.raises(ValueError, match="residual family"):
        run(tmp_path, plain)


def test_a_run_may_start_from_a_served_checkpoint_with_other_classes(tmp_path: Path) -> None:
    run(tmp_path / "first")
    pictures = stripes()
    assert pictures.labels is not None
    three = replace(pictures, classes=("a", "b", "c"), labels=torch.arange(200) % 3)
    config = replace(CONFIG, images=32, learning_rate=0.0, ema_images=1)
    initial = tmp_path / "first" / "checkpoint.safetensors"
    list(train(config, three, out=tmp_path / "second", resume=False, stop=lambda: False, initial=initial))
    before, after = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert torch.equal(before["features.0.0.weight"], after["features.0.0.weight"])
    assert after["head.1.1.weight" if "head.1.1.weight" in after else "head.2.weight"].shape[0] == 3
    header = checkpoint.read_header(tmp_path / "second" / "checkpoint.safetensors")
    assert header.training["initial"] == checkpoint.digest(initial)


@pytest.mark.parametrize(
    ("changes", "learnt", "shares"),
    [
        ({}, {}, []),
        ({"validation": 0.1}, {}, []),  # within the part that was held out before
        ({"validation": 0.4}, {}, [0.5]),
        ({"seed": 1}, {}, [0.8]),
        ({}, {"digest": "other"}, [0.8]),
        ({}, {"digest": "other", "classes": ("x", "y")}, []),  # of something else
        ({"seed": 1}, {"digest": ""}, []),  # of a checkpoint that does not say what its data was
    ],
)
def test_validation_pictures_that_the_initial_checkpoint_may_have_learnt_from_are_told(
    changes: dict[str, Any], learnt: dict[str, Any], shares: list[float], tmp_path: Path
) -> None:
    short = replace(CONFIG, images=32)
    list(train(short, replace(stripes(), **learnt), out=tmp_path / "a", resume=False, stop=lambda: False))
    initial = tmp_path / "a" / "checkpoint.safetensors"
    config = replace(short, **changes)
    events = list(train(config, stripes(), out=tmp_path / "b", resume=False, stop=lambda: False, initial=initial))
    findings = [event for event in events if isinstance(event, Finding)]
    assert [finding.value for finding in findings] == pytest.approx(shares)
    assert all(finding.code == "validation_seen" for finding in findings)


@pytest.mark.parametrize(
    ("pictures", "told"),
    [
        (replace(stripes(), labels=None, classes=()), "at least two classes"),
        (stripes(20), "too few"),
    ],
)
def test_pictures_that_cannot_be_learnt_from_are_refused(pictures: Pictures, told: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=told):
        next(iter(train(CONFIG, pictures, out=tmp_path, resume=False, stop=lambda: False)))


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="lower learning rate"):
        run(tmp_path, replace(CONFIG, learning_rate=1e12, precision="fp32"))


def test_a_run_that_is_stopped_right_after_it_was_spoilt_keeps_its_last_state(tmp_path: Path) -> None:
    run(tmp_path, replace(CONFIG, images=160))
    before = (tmp_path / classifier_snapshot.RESUME).read_bytes()
    going = ClassifierRun(CONFIG, stripes(), out=tmp_path, place=devices.place())
    classifier_snapshot.restore(going)
    going.restart_clock()
    with torch.no_grad():
        next(going.network.parameters()).fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="lower learning rate"):
        list(classifier_snapshot.write(going, stopped=True))
    assert (tmp_path / classifier_snapshot.RESUME).read_bytes() == before


def test_a_run_that_is_stopped_at_once_saves_and_takes_no_step(tmp_path: Path) -> None:
    events = list(train(CONFIG, stripes(), out=tmp_path, resume=False, stop=lambda: True))
    assert isinstance(events[-1], Snapshot)
    assert [event.images for event in events if not isinstance(event, Metrics)] == [0]
