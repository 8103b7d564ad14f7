"""Durable classifying and drawing: the same bytes as the interactive way, in slices that survive their worker."""

import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import redis

from app.contract import events, jobs, leases, messages
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.states import JobState
from app.contract.store import Store
from models import images
from tests.worker import running, tiny
from worker.durable.runner import Stopped, Work
from worker.reporter import Reporter
from worker.serving.batch_jobs import BatchJobs
from worker.serving.checkpoints import Checkpoints
from worker.serving.loaded import Loaded
from worker.serving.loader import Loader

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)


class Log:
    """What a job says, and when it is told to stop."""

    def __init__(self, *, stop_after: int = 99) -> None:
        self.said: list[dict] = []
        self._stop_after = stop_after

    def append(self, kind: str, data: dict, **columns) -> None:
        self.said.append(data)

    def stopping(self) -> bool:
        return len(self.said) >= self._stop_after


@pytest.fixture
def store(tmp_path, versions) -> Store:
    store = Store((tmp_path / "store").as_uri())
    for digest, name in ((versions.classifier, "clothing"), (versions.generator, "faces")):
        for kind in ("safetensors", "onnx"):
            store.put(f"checkpoints/{digest}.{kind}", versions.folder / f"{name}.{kind}")
    return store


@pytest.fixture
def loaded(store, tmp_path) -> Loaded:
    checkpoints = Checkpoints(store, folder=tmp_path / "cache", budget_bytes=10**9)
    loader = Loader(checkpoints, device="cpu", cpu_engine="onnx", threads=1, largest_batch=8)
    return Loaded(loader.load, budget_bytes=10**9)


@pytest.fixture
def reporter(redis_url) -> Iterator[Reporter]:
    with redis.Redis.from_url(redis_url) as client:
        yield Reporter(client, name="batch", queue="infer", device="cpu", engine="onnx", loaded=tuple)


@pytest.fixture
def batch_jobs(store, loaded, reporter) -> BatchJobs:
    return BatchJobs(store, loaded=loaded, turns=threading.Lock(), slice_images=2, reporter=reporter)


@pytest.fixture
def database(tmp_path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    database.migrate()
    yield database
    database.close()


def lost(kind: str, data: dict, **columns) -> None:
    raise leases.LeaseLost


def claimed(database, kind: str, request: dict) -> jobs.Job:
    with database.session() as session:
        job = jobs.create(session, kind=kind, queue="infer", request=request)
        claimed = leases.claim(session, job.id, worker="w", lease_seconds=30)
    assert claimed is not None
    return claimed


def drawing_request(versions, count: int, **options) -> dict:
    drawings = [messages.Drawing(seed=str(number)).model_dump(mode="json") for number in range(count)]
    digest = versions.generator
    return {"model": f"faces@sha256:{digest}", "digest": digest, "drawings": drawings, "format": "png", **options}


def test_drawings_are_stored_encoded_with_what_is_said_of_them(batch_jobs, store, loaded, database, versions, reporter):
    metadata = [{"Seed": str(number)} for number in range(5)]
    job, log = claimed(database, "generate", drawing_request(versions, 5, size=32, metadata=metadata)), Log()
    output = batch_jobs.generate(Work(job, stopping=log.stopping, append=log.append))
    assert [picture["name"] for picture in output["images"]] == ["0.png", "1.png", "2.png", "3.png", "4.png"]
    assert output["images"][3] | {"sha256": ""} == {
        "seed": "3", "name": "3.png", "content_type": "image/png", "width": 32, "height": 32, "sha256": "",
    }  # fmt: skip
    assert log.said == [{"images": 2, "of": 5}, {"images": 4, "of": 5}, {"images": 5, "of": 5}]
    told = reporter.report()
    assert (told.batches, told.images) == (3, 5)
    assert told.busy_seconds > 0
    alone = loaded.engine(versions.generator).generate([messages.Drawing(seed="3")])[0]
    wanted = images.encode(
        alone.tobytes(), width=16, height=16, channels=3, format="png", size=32, metadata=metadata[3]
    )
    assert store.get(f"jobs/{job.id}/output/3.png") == wanted


def test_a_stopped_job_goes_on_from_its_progress(batch_jobs, store, database, versions):
    job, log = claimed(database, "generate", drawing_request(versions, 5)), Log(stop_after=2)
    with pytest.raises(Stopped):
        batch_jobs.generate(Work(job, stopping=log.stopping, append=log.append))
    before = store.get(f"jobs/{job.id}/output/0.png")
    again, rest = job.model_copy(update={"progress": log.said[-1]}), Log()
    output = batch_jobs.generate(Work(again, stopping=rest.stopping, append=rest.append))
    assert rest.said == [{"images": 5, "of": 5}]
    assert len(output["images"]) == 5
    assert store.get(f"jobs/{job.id}/output/0.png") == before


def test_a_classified_job_leaves_the_reply_of_one_large_batch(batch_jobs, store, loaded, database, versions):
    digest = versions.classifier
    request = {"model": "clothing", "digest": digest, "count": 5, "shape": [8, 8, 1], "explain": True}
    job, log = claimed(database, "classify", request), Log()
    store.put(f"jobs/{job.id}/input/pixels", PIXELS.tobytes())
    work = Work(job, stopping=log.stopping, append=log.append)
    output = batch_jobs.classify(work)
    reply, body = messages.unpack(store.get(output["reply"]))
    probabilities, energies = loaded.engine(digest).classify(PIXELS)
    assert reply.shape == (5, 4)
    np.testing.assert_allclose(np.frombuffer(body[:80], np.float32), probabilities.ravel(), rtol=1e-5)
    np.testing.assert_allclose(np.frombuffer(body[80:100], np.float32), energies, rtol=1e-5)
    assert len(body) == 100 + 5 * 64
    assert store.list(f"jobs/{job.id}/output") == [output["reply"]]
    assert store.list(f"jobs/{job.id}/parts") == work.needless


def test_a_classified_job_whose_end_was_not_written_down_is_answered_with_the_same_bytes(
    batch_jobs, store, database, versions
):
    request = {"model": "clothing", "digest": versions.classifier, "count": 5, "shape": [8, 8, 1], "explain": True}
    job, log = claimed(database, "classify", request), Log()
    store.put(f"jobs/{job.id}/input/pixels", PIXELS.tobytes())
    output = batch_jobs.classify(Work(job, stopping=log.stopping, append=log.append))
    reply = messages.unpack(store.get(output["reply"]))[1]
    again = job.model_copy(update={"progress": log.said[-1]})
    output = batch_jobs.classify(Work(again, stopping=log.stopping, append=log.append))
    assert messages.unpack(store.get(output["reply"]))[1] == reply


@pytest.mark.parametrize(("before", "after"), [(2, 3), (3, 2), (1, 4), (4, 1)])
def test_another_attempt_may_have_slices_of_another_size(store, loaded, reporter, database, versions, before, after):
    request = {"model": "clothing", "digest": versions.classifier, "count": 5, "shape": [8, 8, 1], "explain": False}
    job, log = claimed(database, "classify", request), Log(stop_after=1)
    store.put(f"jobs/{job.id}/input/pixels", PIXELS.tobytes())

    def of(slice_images: int) -> BatchJobs:
        return BatchJobs(store, loaded=loaded, turns=threading.Lock(), slice_images=slice_images, reporter=reporter)

    with pytest.raises(Stopped):
        of(before).classify(Work(job, stopping=log.stopping, append=log.append))
    frozen = of(before)  # a worker that lost its lease, and wakes to write one more slice
    late = job.model_copy(update={"progress": log.said[-1]})
    output = of(after).classify(Work(late, stopping=lambda: False, append=Log().append))
    with pytest.raises(leases.LeaseLost):
        frozen.classify(Work(late, stopping=lambda: False, append=lost))
    reply = messages.unpack(store.get(output["reply"]))[1]
    output = of(after).classify(
        Work(late.model_copy(update={"progress": {"images": 5}}), stopping=lambda: False, append=lost)
    )
    assert messages.unpack(store.get(output["reply"]))[1] == reply
    probabilities, _ = loaded.engine(versions.classifier).classify(PIXELS)
    np.testing.assert_allclose(np.frombuffer(reply[:80], np.float32), probabilities.ravel(), rtol=1e-5)


def test_a_job_whose_worker_is_killed_is_done_once_by_the_next(redis_url, tmp_path, versions):
    settings = Settings(home=tmp_path, redis_url=redis_url)
    tiny.publish(versions, settings)
    database = Database(settings.database)
    with database.session() as session:
        request = drawing_request(versions, 800)
        job_id = jobs.create(session, kind="generate", queue="infer", request=request).id

    def job() -> jobs.Job:
        with database.session() as session:
            job = jobs.get(session, job_id)
        assert job is not None
        return job

    lease = {"LIKENESS_LEASE_SECONDS": "2", "LIKENESS_MAX_BATCH_IMAGES": "16"}
    with running.client(settings) as client:
        client.redis.flushall()
        with running.worker(settings, client, name="first-0", **lease) as first:
            client.job(job_id, queue="infer")
            running.until(lambda: job().progress.get("images", 0) > 0)
            first.send_signal(signal.SIGKILL)
            first.wait()
        done = job().progress["images"]
        assert 0 < done < 800
        time.sleep(2)
        with database.session() as session:
            released = leases.release_lost(session, max_attempts=3, error={})
        assert [lost.id for lost in released] == [job_id]
        with running.worker(settings, client, name="second-0", **lease):
            client.job(job_id, queue="infer")
            client.job(job_id, queue="infer")
            running.until(lambda: job().state.final, seconds=60)
    ended = job()
    assert (ended.state, ended.attempt) == (JobState.SUCCEEDED, 2)
    with database.session() as session:
        told = events.page(session, job_id, limit=10_000)
    database.close()
    assert [event.number for event in told] == list(range(1, len(told) + 1))
    progress = [event.data["images"] for event in told if event.type == "progress"]
    assert progress == sorted(set(progress))  # no slice twice
    assert [event.data["status"] for event in told if event.type == "status"] == [
        "queued", "running", "queued", "running", "succeeded",
    ]  # fmt: skip


def test_a_worker_told_to_end_hands_its_job_over(redis_url, tmp_path, versions):
    settings = Settings(home=tmp_path, redis_url=redis_url)
    tiny.publish(versions, settings)
    database = Database(settings.database)
    with database.session() as session:
        request = drawing_request(versions, 800)
        job_id = jobs.create(session, kind="generate", queue="infer", request=request).id
    with running.client(settings) as client:
        client.redis.flushall()
        with running.worker(settings, client, name="leaver-0", LIKENESS_MAX_BATCH_IMAGES="16") as process:
            client.job(job_id, queue="infer")

            def progress() -> int:
                with database.session() as session:
                    job = jobs.get(session, job_id)
                return 0 if job is None else job.progress.get("images", 0)

            running.until(lambda: progress() > 0)
            # Interactive work comes in between the slices of the job.
            client.generate(versions.generator, messages.Drawing(seed="a"), batch="between")
            assert client.reply("between")[0].code is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    with database.session() as session:
        job = jobs.get(session, job_id)
    database.close()
    assert job is not None
    assert job.state is JobState.QUEUED
    assert 0 < job.progress["images"] < 800
