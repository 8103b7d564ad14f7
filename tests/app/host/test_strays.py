import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.main import application
from app.contract import datasets, jobs, registry
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.store import Store
from app.host import strays
from tests.app.contract.test_registry import checkpoint

UPLOAD = datasets.Upload(name="a.zip", size_bytes=3, sha256="0" * 64)


class World:
    """A service's database and store."""

    def __init__(self, home: Path) -> None:
        settings = Settings(home=home)
        self.folder = home / "store"
        self.database, self.store = Database(settings.database), Store(settings.store)
        self.database.migrate()

    def age(self) -> None:
        """Let everything in the store be two days old."""
        for path in self.folder.rglob("*"):
            os.utime(path, (time.time() - 2 * 86_400,) * 2)

    def found(self) -> list[str]:
        return sorted(
            stray.place.name if isinstance(stray.place, Path) else stray.place
            for stray in strays.find(self.database, self.store)
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.database.close()


def test_what_a_row_speaks_of_is_no_stray(world: World) -> None:
    with world.database.session() as session:
        job = jobs.create(session, kind="generate", queue="q", request={})
        made = datasets.create(session, dataset_id=datasets.new_id(), name="a", uploads=[UPLOAD])
        registry.publish(
            session, world.store, name="faces", checkpoint=checkpoint(), onnx=b"graph", source=registry.BUNDLED
        )
    for path in (f"jobs/{job.id}/input/pixels", f"runs/{job.id}/samples/1.png", datasets.upload_path(made.id, 0)):
        world.store.put(path, b"x")
    world.age()
    assert len(world.store.list("")) == 5
    assert world.found() == []


def test_what_no_row_speaks_of_is_one_after_a_day(world: World) -> None:
    lost = ["checkpoints/ab.onnx", "checkpoints/ab.safetensors", "datasets/ds_x/upload/0", "jobs/job_x/input/pixels"]
    for path in lost:
        world.store.put(path, b"x")
    assert world.found() == []
    world.age()
    assert world.found() == lost


def test_a_file_that_was_never_written_to_its_end_is_one_after_a_day(world: World) -> None:
    world.store.put("jobs/job_x/output/0.png", b"x")
    partial = world.folder / "jobs" / "job_x" / "output" / "0.png#1"
    partial.write_bytes(b"half")
    world.age()
    world.store.put("jobs/job_x/output/0.png", b"new")
    assert world.found() == ["0.png#1"]


def test_the_command_lists_them_and_removes_them_when_that_is_asked(world: World, tmp_path: Path) -> None:
    world.store.put("jobs/job_x/input/pixels", bytes(1_500_000))
    world.age()
    listed = CliRunner().invoke(application, ["strays", "--data-dir", str(tmp_path)])
    assert listed.exit_code == 0, listed.output
    assert listed.stdout.splitlines() == [
        "jobs/job_x/input/pixels",
        "Strays: 1, 1.5 MB; --remove removes them.",
    ]
    assert world.store.exists("jobs/job_x/input/pixels")
    CliRunner().invoke(application, ["strays", "--remove", "--data-dir", str(tmp_path)])
    assert not world.store.exists("jobs/job_x/input/pixels")
