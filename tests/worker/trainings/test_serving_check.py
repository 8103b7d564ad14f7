"""A serving worker tries a version, whatever lies beside its report."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.contract.database import now
from app.contract.messages import WORKERS_KEY
from app.contract.registry import Version
from app.contract.settings import Settings
from tests.app import serving
from tests.running import running_redis
from worker.trainings.serving_check import ServingCheck


@pytest.fixture(scope="module")
def settings(short_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A Redis in which no other worker reports."""
    path = short_dir / "serving-check" / "redis.sock"
    with running_redis(path):
        yield serving.home_settings(tmp_path_factory.mktemp("serving-check"), f"unix://{path}")


def fault(settings: Settings, *, labels: tuple[str, ...]) -> str:
    """What is wrong with a classifier of these classes."""
    version = Version(
        model="shop",
        digest="0" * 64,
        kind="classifier",
        header={"input": {"size": serving.SIZE, "channels": 1}, "labels": labels, "extras": {}},
        card="",
        source="job_1",
        size_bytes=1,
        created_at=now(),
    )
    with redis.Redis.from_url(settings.redis) as client:
        client.hset(WORKERS_KEY, "killed", "{}")  # by a worker of another version that was killed, and stays for ever
        return ServingCheck(settings, client).fault(version, check=lambda: None)


def test_a_report_that_cannot_be_read_is_passed_over(settings: Settings) -> None:
    assert fault(settings, labels=serving.LABELS) == "no serving worker is there to try it"
    with serving.working(settings):
        assert fault(settings, labels=serving.LABELS) == ""


@pytest.mark.parametrize("labels", [serving.LABELS[:2], (*serving.LABELS, "glaring") * 3])
def test_an_answer_for_other_classes_is_not_sane(settings: Settings, labels: tuple[str, ...]) -> None:
    with serving.working(settings):
        assert fault(settings, labels=labels) == "its output on a serving worker is not sane"
