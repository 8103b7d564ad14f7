import time

import pytest
import redis
from typer.testing import CliRunner, Result

from app.cli.main import application
from app.contract.messages import WORKER_TTL_SECONDS, WORKERS_KEY, WorkerReport, WorkerState


def check(redis_url: str, name: str) -> Result:
    return CliRunner().invoke(
        application, ["worker", "infer", "--check", "--name", name], env={"LIKENESS_REDIS_URL": redis_url}
    )


def report(redis_url: str, name: str, *, seconds_ago: float) -> None:
    said = WorkerReport(
        name=name,
        boot="b",
        queue="infer",
        state=WorkerState.READY,
        device="cpu",
        engine="onnx",
        at=time.time() - seconds_ago,
    )
    with redis.Redis.from_url(redis_url) as client:
        client.hset(WORKERS_KEY, name, said.model_dump_json())


def test_a_worker_that_reports_is_alive(redis_url: str) -> None:
    report(redis_url, "check-alive", seconds_ago=1)
    result = check(redis_url, "check-alive")
    assert result.exit_code == 0
    assert "ready" in result.stdout


def test_a_worker_that_fell_silent_is_not(redis_url: str) -> None:
    report(redis_url, "check-silent", seconds_ago=WORKER_TTL_SECONDS + 5)
    assert check(redis_url, "check-silent").exit_code == 1


def test_a_worker_that_never_reported_is_not(redis_url: str) -> None:
    assert check(redis_url, "check-nobody").exit_code == 1


def test_without_redis_the_answer_is_no_and_says_why() -> None:
    result = check("unix:///nowhere/redis.sock", "check-nobody")
    assert result.exit_code == 1
    assert "Redis" in result.stderr


@pytest.mark.parametrize("arguments", [["worker"], ["worker", "cook"]])
def test_a_worker_of_no_known_kind_is_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(application, arguments).exit_code == 2
