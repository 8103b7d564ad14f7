"""A real worker process: it says that it is ready, answers, survives what it is sent, and leaves in order."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.contract import messages
from app.contract.messages import Drawing
from app.contract.settings import Settings
from models import styles
from tests import recorded
from tests.worker import running, tiny

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def settings(redis_url, tmp_path_factory, versions) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("home"), redis_url=redis_url)
    tiny.publish(versions, settings)
    return settings


@pytest.fixture(scope="module")
def client(settings) -> Iterator[running.Client]:
    with running.client(settings) as connected:
        connected.redis.flushall()
        yield connected


@pytest.fixture(scope="module")
def served(settings, client) -> Iterator[subprocess.Popen]:
    """One worker that the tests share which leave it alive."""
    with running.worker(settings, client, name="shared-0") as process:
        yield process


def test_a_worker_that_is_ready_has_loaded_what_is_in_production(served, client, versions):
    report = client.report("shared-0")
    assert report is not None
    assert set(report.loaded) == {versions.classifier, versions.generator}
    assert (report.queue, report.device, report.engine) == ("infer", "cpu", "onnx")


def test_a_classify_batch_is_answered_and_its_pixels_are_gone(served, client, versions):
    client.classify(versions.classifier, PIXELS.tobytes(), batch="c1", count=3)
    reply, body = client.reply("c1")
    assert reply.code is None, reply.detail
    assert reply.shape == (3, 4)
    probabilities = np.frombuffer(body[:48], np.float32).reshape(3, 4)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    assert len(body) == 48 + 12
    assert reply.queue_ms > 0
    assert reply.compute_ms > 0
    assert client.redis.get(messages.pixels_key("c1")) is None


def test_heat_maps_follow_where_they_are_asked_for(served, client, versions):
    client.classify(versions.classifier, PIXELS.tobytes(), batch="c2", count=3, explain=(0, 2))
    reply, body = client.reply("c2")
    assert reply.code is None, reply.detail
    assert len(body) == 48 + 12 + 2 * 64


def test_a_generate_batch_is_answered_with_pixels(served, client, versions):
    client.generate(versions.generator, Drawing(seed="ada", label=1), Drawing(seed="bob"), batch="g1")
    reply, body = client.reply("g1")
    assert reply.shape == (2, 16, 16, 3)
    client.generate(versions.generator, Drawing(seed="bob", label=styles.label_of("bob", 2)), batch="g2")
    assert body[768:] == client.reply("g2")[1]


@pytest.mark.parametrize("more", [{}, recorded.FROM_THE_FUTURE], ids=["earlier", "later"])
def test_messages_of_an_earlier_and_of_a_later_api_are_answered(served, client, versions, more):
    now = {"sent_at": time.time(), "deadline": time.time() + 30, **more}
    for kind, digest in (("classify", versions.classifier), ("generate", versions.generator)):
        message = recorded.RECORDED["messages"][kind]
        said = {**recorded.argument(message), "digest": digest, **now}
        if kind == "classify":
            client.redis.set(said["pixels"], PIXELS[:2].tobytes(), ex=60)
        else:
            said["drawings"] = [{**drawing, **more} for drawing in said["drawings"]]
        client.redis.lpush(f"{messages.PREFIX}{messages.INFER_QUEUE}", recorded.with_argument(message, said))
        got = client.redis.blpop([said["reply_to"]], timeout=30)
        reply, _ = messages.unpack(got[1])
        assert (reply.batch, reply.code) == (said["id"], None), reply.detail


@pytest.mark.parametrize(
    ("digest", "drawing", "code"),
    [
        ("generator", Drawing(seed="a", edits=(("age", 1.0),)), "bad_option"),
        ("classifier", Drawing(seed="a"), "wrong_kind"),
        ("0" * 64, Drawing(seed="a"), "unknown_version"),
    ],
)
def test_what_cannot_be_done_is_told(served, client, versions, digest, drawing, code):
    client.generate(getattr(versions, digest, digest), drawing, batch=f"bad-{code}")
    reply, body = client.reply(f"bad-{code}")
    assert reply.code == code
    assert reply.detail
    assert not body


def test_pixels_that_are_gone_or_of_another_number_are_told(served, client, versions):
    client.classify(versions.classifier, PIXELS.tobytes(), batch="short", count=4)
    assert client.reply("short")[0].code == "invalid_request"
    client.classify(versions.classifier, PIXELS.tobytes(), batch="gone", count=3)
    client.reply("gone")
    message = messages.ClassifyBatch(
        id="again",
        reply_to=messages.replies_key("again"),
        digest=versions.classifier,
        sent_at=time.time(),
        deadline=time.time() + 90,
        pixels=messages.pixels_key("gone"),
        count=3,
        attempt=2,
    )
    client.celery.send_task(messages.CLASSIFY_TASK, args=[message.model_dump(mode="json")])
    assert client.reply("again")[0].code == "deadline_exceeded"


def test_a_batch_past_its_deadline_is_dropped(served, client, versions):
    client.generate(versions.generator, Drawing(seed="late"), batch="late", deadline=time.time() - 1)
    client.generate(versions.generator, Drawing(seed="in time"), batch="in time")
    client.reply("in time")
    assert client.redis.llen(messages.replies_key("late")) == 0


def test_messages_that_are_none_do_not_end_the_worker(served, client, versions):
    client.celery.send_task(messages.CLASSIFY_TASK, args=[{"what": "?"}])
    client.celery.send_task(messages.GENERATE_TASK, args=["text"])
    client.celery.send_task(messages.GENERATE_TASK, args=[])
    client.celery.send_task("likeness.unknown", args=[], queue=messages.INFER_QUEUE)
    client.generate(versions.generator, Drawing(seed="a"), batch="after")
    assert client.reply("after")[0].code is None
    assert served.poll() is None


def test_batches_and_images_are_counted(served, client, versions):
    def reported_after(moment: float) -> messages.WorkerReport:
        running.until(lambda: (report := client.report("shared-0")) is not None and report.at > moment)
        report = client.report("shared-0")
        assert report is not None
        return report

    before = reported_after(time.time())
    client.generate(versions.generator, Drawing(seed="a"), Drawing(seed="b"), batch="counted")
    client.reply("counted")
    after = reported_after(time.time())
    assert (after.batches, after.images) == (before.batches + 1, before.images + 2)
    assert after.busy_seconds > before.busy_seconds


def test_an_end_in_order_answers_what_was_begun_and_takes_the_report_away(settings, client, versions):
    ready = client.redis.pubsub(ignore_subscribe_messages=True)
    ready.subscribe(messages.WORKERS_CHANNEL)
    ready.get_message(timeout=5)
    with running.worker(settings, client, name="leaver-0") as process:
        running.until(lambda: (said := ready.get_message(timeout=1)) is not None and b"leaver-0" in said["data"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    ready.close()
    assert client.report("leaver-0") is None


def test_sigterm_while_networks_load_ends_in_order_too(settings, client):
    command = [sys.executable, "-m", "worker", "infer", "--name", "early-0"]
    environment = {"LIKENESS_HOME": str(settings.home / "no-schema"), "LIKENESS_REDIS_URL": settings.redis}
    with subprocess.Popen(command, env=environment) as process:
        running.until(lambda: client.report("early-0") is not None)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert client.report("early-0") is None


def test_a_train_worker_reports_and_never_loads_a_network(settings, client):
    with running.worker(settings, client, queue="train", name="train-0") as process:
        report = client.report("train-0")
        assert report is not None
        assert report.queue == "train"
        assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
