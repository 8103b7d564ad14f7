"""Data sets, presets and webhooks as rows, on SQLite and on PostgreSQL."""

import threading

import pytest

from app.contract import datasets, jobs, leases, presets, training, webhooks
from app.contract.database import Database
from app.contract.errors import DatasetInUse, DatasetNotReady, UnknownDataset, UnknownPreset
from app.contract.states import JobState
from tests.app.contract.meanwhile import meanwhile

UPLOADS = [datasets.Upload(name="a.zip", size_bytes=3, sha256="0" * 64)]


def create(database: Database, owner: str | None = None) -> datasets.Dataset:
    with database.session() as session:
        return datasets.create(session, dataset_id=datasets.new_id(), name="a", uploads=UPLOADS, owner=owner)


def ready(database: Database) -> datasets.Dataset:
    made = create(database)
    with database.session() as session:
        datasets.mark_ready(session, made.id, digest="0" * 64, images=2, classes={"a": 2}, report={"train": 2})
        jobs.ask(session, made.job, JobState.CANCELLED, "test")
    return made


def read(database: Database, dataset_id: str) -> datasets.Dataset | None:
    with database.session() as session:
        return datasets.get(session, dataset_id)


def test_a_new_data_set_waits_for_its_job(database: Database) -> None:
    made = create(database)
    assert (made.state, made.size_bytes, made.classes) == ("validating", 3, {})
    with database.session() as session:
        job = jobs.get(session, made.job)
    assert job is not None
    assert (job.kind, job.queue, job.request["dataset"]) == ("dataset", "train", made.id)


def test_what_was_found_is_kept(database: Database) -> None:
    found = read(database, ready(database).id)
    assert found is not None
    assert (found.state, found.images, found.classes, found.report) == ("ready", 2, {"a": 2}, {"train": 2})


def test_a_data_set_whose_job_failed_has_failed_for_its_reason(database: Database) -> None:
    made = create(database)
    with database.session() as session:
        job = leases.claim(session, made.job, worker="train-0", lease_seconds=30)
        assert job is not None
        leases.finish(session, job, JobState.FAILED, "bad_archive", error={"code": "bad_archive"})
    found = read(database, made.id)
    assert found is not None
    assert (found.state, found.error) == ("failed", {"code": "bad_archive"})


def test_only_a_ready_data_set_can_be_trained_on(database: Database) -> None:
    with database.session() as session:
        with pytest.raises(UnknownDataset):
            datasets.take(session, "ds_none")
        assert datasets.take(session, ready_in(session)).state == "ready"
    waiting = create(database)
    with database.session() as session, pytest.raises(DatasetNotReady):
        datasets.take(session, waiting.id)


def ready_in(session: object) -> str:
    made = datasets.create(session, dataset_id=datasets.new_id(), name="a", uploads=UPLOADS)  # type: ignore[arg-type]
    datasets.mark_ready(session, made.id, digest="0" * 64, images=1, classes={}, report={})  # type: ignore[arg-type]
    return made.id


def test_a_data_set_goes_once_nobody_trains_on_it(database: Database) -> None:
    made = ready(database)
    with database.session() as session:
        job = jobs.create(session, kind=training.KIND, queue="train", request={"dataset": made.id})
    with database.session() as session, pytest.raises(DatasetInUse, match=job.id):
        datasets.delete(session, made.id)
    with database.session() as session:
        jobs.ask(session, job.id, JobState.CANCELLED, "test")
    with database.session() as session:
        datasets.delete(session, made.id)
    assert read(database, made.id) is None


def test_deletion_and_training_at_once_never_leave_a_training_without_pictures(database: Database) -> None:
    for _ in range(10):
        made, outcomes = ready(database), []

        def train(dataset_id: str = made.id, told: list[str] = outcomes) -> None:
            try:
                with database.session() as session:
                    datasets.take(session, dataset_id)
                    jobs.create(session, kind=training.KIND, queue="train", request={"dataset": dataset_id})
                told.append("trained")
            except UnknownDataset:
                told.append("was gone")

        def delete(dataset_id: str = made.id, told: list[str] = outcomes) -> None:
            try:
                with database.session() as session:
                    datasets.delete(session, dataset_id)
                told.append("deleted")
            except DatasetInUse:
                told.append("was in use")

        threads = [threading.Thread(target=each) for each in (train, delete)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) in (["trained", "was in use"], ["deleted", "was gone"])


def test_pages_hold_the_owners_own_newest_first(database: Database) -> None:
    mine = [create(database, "key_1") for _ in range(3)]
    create(database, "key_2")
    with database.session() as session:
        first = datasets.page(session, owner="key_1", limit=2)
        rest = datasets.page(session, owner="key_1", limit=2, after=first[-1].id)
    assert [each.id for each in (*first, *rest)] == [each.id for each in reversed(mine)]


def test_presets_are_offered_again_and_keep_their_measured_cost(database: Database) -> None:
    told = {"name": "tiny", "kind": "classifier", "description": "old", "settings": {"properties": {}}}
    with database.session() as session:
        presets.offer(session, [told])
        presets.measured(session, "tiny", images_per_second=12.5, device="cpu")
        presets.offer(session, [{**told, "description": "new"}])
    with database.session() as session:
        found = presets.get(session, "tiny")
        with pytest.raises(UnknownPreset):
            presets.get(session, "huge")
    assert found.cost is not None
    assert (found.description, found.cost.images_per_second) == ("new", 12.5)


def test_the_last_snapshot_is_what_a_run_goes_on_from(database: Database) -> None:
    with database.session() as session:
        made = jobs.create(session, kind=training.KIND, queue="train", request={})
        job = leases.claim(session, made.id, worker="train-0", lease_seconds=30)
        assert job is not None
        assert training.snapshots(session, job.id) == []
        for images in (10, 20):
            snapshot = training.Snapshot(images=images, seconds=1, resume="x", resume_sha256="y", final=False)
            leases.append(session, job, "snapshot", snapshot.model_dump(mode="json"))
        leases.append(session, job, "progress", {"images": 25})
    with database.session() as session:
        last = training.snapshots(session, job.id)[-1]
    assert last is not None
    assert last.images == 20


def test_an_owners_secret_is_made_once(database: Database) -> None:
    with database.session() as session:
        first = webhooks.secret(session, "key_1")
        assert webhooks.secret(session, "key_1") == first
        assert webhooks.secret(session, None) != first
    assert first.startswith("whsec_")


def test_two_who_ask_for_a_secret_first_get_the_same(database: Database) -> None:
    def ask() -> str:
        with database.session() as session:
            return webhooks.secret(session, "key_1")

    with meanwhile(database, "INSERT INTO webhook_secrets", ask):
        secret = ask()
    assert ask() == secret
