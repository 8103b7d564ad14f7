"""A worker's reports: there from the start, every two seconds, and gone after an end in order."""

import threading
import time

import redis

from app.contract.messages import WORKERS_CHANNEL, WORKERS_KEY, WorkerReport, WorkerState
from worker.reporter import Reporter


def reporter(client: redis.Redis, name: str) -> Reporter:
    return Reporter(client, name=name, queue="infer", device="cpu", engine="onnx", loaded=lambda: ("d",))


def read(client: redis.Redis, name: str) -> WorkerReport | None:
    text = client.hget(WORKERS_KEY, name)
    return None if text is None else WorkerReport.model_validate_json(text)


def test_a_worker_is_starting_then_ready_and_then_gone(redis_url):
    with redis.Redis.from_url(redis_url) as client, client.pubsub(ignore_subscribe_messages=True) as follower:
        follower.subscribe(WORKERS_CHANNEL)
        follower.get_message(timeout=5)
        with reporter(client, "r-0") as reporting:
            while (first := read(client, "r-0")) is None:
                time.sleep(0.01)
            assert (first.state, first.loaded) == (WorkerState.STARTING, ("d",))
            reporting.count(images=3, seconds=0.5)
            reporting.ready()
            now = read(client, "r-0")
            assert now is not None
            assert (now.state, now.batches, now.images, now.busy_seconds) == (WorkerState.READY, 1, 3, 0.5)
            assert now.boot == first.boot
            while (told := follower.get_message(timeout=5)) is None:
                pass
            assert WorkerReport.model_validate_json(told["data"]) == now
        assert read(client, "r-0") is None


def test_reports_go_on_by_themselves(redis_url):
    with redis.Redis.from_url(redis_url) as client, reporter(client, "r-1") as reporting:
        reporting.ready()
        ready = read(client, "r-1")
        assert ready is not None
        deadline = time.monotonic() + 60
        while (later := read(client, "r-1")) is None or later.at == ready.at:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_work_is_counted_while_it_goes_on_and_once_where_it_overlaps(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        reporting, began = reporter(client, "r-4"), time.monotonic()
        with reporting.working(), reporting.working():
            time.sleep(0.05)
            underway = reporting.report().busy_seconds
        total, elapsed = reporting.report().busy_seconds, time.monotonic() - began
        assert 0.049 < underway <= total < elapsed + 0.001


def test_every_start_is_another_boot(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        assert reporter(client, "r-2").boot != reporter(client, "r-2").boot


def test_a_redis_that_is_away_is_no_failure(tmp_path):
    with redis.Redis(unix_socket_path=str(tmp_path / "none.sock")) as client, reporter(client, "r-3") as reporting:
        reporting.ready()


def test_a_report_that_cannot_be_made_is_not_the_last_one(redis_url, monkeypatch):
    monkeypatch.setattr("worker.reporter.EVERY_SECONDS", 0.02)
    failing = threading.Event()
    failing.set()

    def loaded() -> tuple[str, ...]:
        if failing.is_set():
            raise AttributeError("another thread is importing torch")
        return ("d",)

    with (
        redis.Redis.from_url(redis_url) as client,
        Reporter(client, name="r-9", queue="infer", device="cpu", engine="onnx", loaded=loaded),
    ):
        time.sleep(0.1)
        assert read(client, "r-9") is None
        failing.clear()
        until = time.monotonic() + 60
        while read(client, "r-9") is None:
            assert time.monotonic() < until
            time.sleep(0.01)
