"""Uploads as they come: IDX files by themselves, and within an archive beside other things."""

import contextlib
import gzip
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.contract.database import Database
from app.contract.store import Store
from tests.worker.datasets.test_idx import blank
from tests.worker.datasets.test_inspection import picture
from worker.datasets import inspection
from worker.datasets.dataset_jobs import DatasetJobs
from worker.durable.runner import Stopped


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[DatasetJobs]:
    with contextlib.closing(Database(f"sqlite:///{tmp_path / 'jobs.db'}")) as database:
        yield DatasetJobs(database, Store((tmp_path / "store").as_uri()), folder=tmp_path)


def go_on() -> None:
    """The job should not leave off."""


def test_idx_files_are_read_as_they_were_uploaded(jobs: DatasetJobs, tmp_path: Path) -> None:
    files = []
    for name, data in blank(2, 8).items():
        (tmp_path / name).write_bytes(gzip.compress(data))
        files.append((f"{name}.gz", tmp_path / name))
    found = [member.name for member in jobs._members(files, [], check=go_on)]
    assert found == ["train/0/000000.png", "train/0/000001.png"]


def test_idx_files_in_an_archive_that_has_them_packed_and_unpacked_count_once(
    jobs: DatasetJobs, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "mnist.zip", "w") as archive:
        for name, data in blank(2, 8).items():
            archive.writestr(f"raw/{name}", data)
            archive.writestr(f"raw/{name}.gz", gzip.compress(data))
        archive.writestr("raw/extra-train-images-idx3-ubyte", b"of another kind")
    found = [member.name for member in jobs._members([("mnist.zip", tmp_path / "mnist.zip")], [], check=go_on)]
    assert found == ["raw/extra-train-images-idx3-ubyte", "train/0/000000.png", "train/0/000001.png"]


def test_the_classes_and_sides_of_two_archives_become_one(jobs: DatasetJobs, tmp_path: Path) -> None:
    files = []
    for number, side in enumerate(("train", "test")):
        with zipfile.ZipFile(tmp_path / f"{side}.zip", "w") as archive:
            for seed, name in enumerate(("cat", "dog")):
                archive.writestr(f"{side}/{name}/1.png", picture(10 * number + seed))
        files.append((f"{side}.zip", tmp_path / f"{side}.zip"))
    found = inspection.inspect(
        jobs._members(files, [], check=go_on),
        target=tmp_path / "out.zip",
        scratch=tmp_path / "scratch.zip",
        seen=lambda _: None,
    )
    assert found.classes == {"cat": 2, "dog": 2}
    assert (found.report["split"], found.report["train"], found.report["test"]) == ("given", 2, 2)


def test_a_job_can_leave_off_among_folders_without_a_picture(jobs: DatasetJobs, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "folders.tar", "w") as archive:
        for number in range(3):
            info = tarfile.TarInfo(f"{number}")
            info.type = tarfile.DIRTYPE
            archive.addfile(info)

    def leave_off() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        list(jobs._members([("folders.tar", tmp_path / "folders.tar")], [], check=leave_off))
