"""The job that looks an uploaded data set through: from hostile bytes to pictures that can be trained on."""

import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from app.contract import datasets, leases
from app.contract.database import Database
from app.contract.errors import UnknownDataset
from app.contract.store import Store
from worker.datasets import archives, idx, inspection
from worker.datasets.archives import Member
from worker.durable.runner import Work

SAY_SECONDS = 1.0


class DatasetJobs:
    """Runs jobs of the kind "dataset"; the output tells what was found.

    Args:
        folder: where uploads lie while they are looked through.
        limits: what an archive may hold.
    """

    def __init__(
        self, database: Database, store: Store, *, folder: Path, limits: archives.Limits = archives.LIMITS
    ) -> None:
        self._database = database
        self._store = store
        self._folder = folder
        self._limits = limits

    def run(self, work: Work) -> dict[str, Any]:
        """Look the data set of the job through.

        Raises:
            BadArchive, BadDataset: it cannot be used, and why.
            UnknownDataset: it was deleted.
            Stopped: the job should leave off.
        """
        request = work.job.request
        dataset_id, uploads = request["dataset"], [datasets.Upload(**upload) for upload in request["uploads"]]
        with tempfile.TemporaryDirectory(prefix="dataset-", dir=self._folder) as folder:
            files = self._download(dataset_id, uploads, Path(folder), check=work.check)
            target = Path(folder) / "pictures.zip"
            found = inspection.inspect(
                self._members(files, request["class_names"], check=work.check),
                target=target,
                scratch=Path(folder) / "scratch.zip",
                seen=_Teller(work),
            )
            work.check()
            self._store.put(datasets.pictures_path(dataset_id), target, lasting=True)
            self._store.put(datasets.sheet_path(dataset_id), found.sheet)
        try:
            self._mark_ready(work, dataset_id, found)
        except UnknownDataset:  # deleted meanwhile: what was put must not stay behind
            self._store.delete(datasets.pictures_path(dataset_id), datasets.sheet_path(dataset_id))
            raise
        return {"dataset": dataset_id, "images": found.images, "classes": found.classes}

    def _mark_ready(self, work: Work, dataset_id: str, found: inspection.Inspected) -> None:
        with self._database.session() as session:
            facts = {"images": found.images, "of": found.images}
            leases.append(session, work.job, "progress", facts, progress=facts)
            datasets.mark_ready(
                session,
                dataset_id,
                digest=found.digest,
                images=found.images,
                classes=found.classes,
                report=found.report,
            )

    def _download(
        self, dataset_id: str, uploads: Sequence[datasets.Upload], folder: Path, *, check: Callable[[], None]
    ) -> list[tuple[str, Path]]:
        files = []
        for number, upload in enumerate(uploads):
            check()
            local = folder / f"upload-{number}"
            try:
                self._store.download(datasets.upload_path(dataset_id, number), local)
            except FileNotFoundError:
                raise UnknownDataset(dataset=dataset_id) from None
            files.append((upload.name, local))
        return files

    def _members(
        self, files: Sequence[tuple[str, Path]], class_names: Sequence[str], *, check: Callable[[], None]
    ) -> Iterator[Member]:
        if all(idx.is_idx(name) for name, _ in files):
            with contextlib.ExitStack() as stack:
                opened: dict[str, IO[bytes]] = {name: stack.enter_context(open(path, "rb")) for name, path in files}
                yield from idx.pictures(opened, classes=class_names, limits=self._limits)
            return
        arrays: dict[str, IO[bytes]] = {}
        for upload, (_, path) in enumerate(files):
            for member in archives.members(path, self._limits, check=check):
                if idx.is_idx(member.name):
                    arrays[idx.plain(member.name)] = io.BytesIO(member.data)  # packed and unpacked it is the same one
                else:
                    yield replace(member, upload=upload)
        if arrays:
            yield from idx.pictures(arrays, classes=class_names, limits=self._limits)


class _Teller:
    """Tells how many files were looked at, now and then, and leaves off when the job should."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._next = time.monotonic() + SAY_SECONDS

    def __call__(self, seen: int) -> None:
        if seen % 16 == 0:
            self._work.check()
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SAY_SECONDS
            facts = {"images": seen, "of": None}
            self._work.say("progress", facts, progress=facts)
