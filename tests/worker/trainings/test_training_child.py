"""What a training child tells."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import progress
from tests.worker import trainable
from worker.trainings import reports, training_child


class Heard(reports.Pipe):
    """A pipe that nobody is at the other end of."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def tell(self, report: object) -> None:
        self.told.append(report)


@pytest.fixture
def _signals() -> Iterator[None]:
    """A child takes signals in its own way; this process gets its own back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals")
def test_minutes_that_earlier_attempts_have_spent_are_told_with_the_snapshot(tmp_path: Path) -> None:
    trainable.archive(tmp_path / "pictures.zip")
    request = {
        "preset": "pictures-tiny",
        "settings": trainable.FAST,
        "pictures": "pictures.zip",
        "dataset_name": "squares",
        "images": 1_600,
        "minutes": 0.5,
        "seconds_spent": 31.0,
        "resume": False,
        "initial": None,
    }
    pipe = Heard()
    training_child.train(request, tmp_path, pipe)
    last = pipe.told[-1]
    assert isinstance(last, reports.Snapshot)
    assert (last.images, last.final) == (0, True)
    assert 31 < last.seconds < 61


def test_a_state_without_a_checkpoint_does_not_end_a_run(tmp_path: Path) -> None:
    state = tmp_path / "resume.safetensors"
    state.write_bytes(b"a state")
    event = progress.Snapshot(320, state, None)
    told = [training_child._told(event, tmp_path, seconds=1.0, final=True) for _ in range(2)]
    assert [report.final for report in told] == [False, False]
    assert all((tmp_path / report.resume).read_bytes() == b"a state" for report in told)
    assert told[0].resume != told[1].resume  # the owner removes the first after the second was told, perhaps
