import logging

import pytest

from app.http import request_log
from app.http.request_log import RequestLog


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_failures_are_told_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    log = RequestLog()
    with caplog.at_level(logging.INFO):
        log.tell("/v1/models", "GET", 200, 0.001)
        for _ in range(2):
            log.tell("/v1/models", "GET", 404, 0.001)
            log.tell("/v1/models", "GET", 500, 0.001)
        log.tell("/readyz", "GET", 503, 0.001)
    assert (
        told(caplog)
        == [
            ("INFO", "GET /v1/models: 404 in 1 ms"),
            ("WARNING", "GET /v1/models: 500 in 1 ms"),
        ]
        * 2
    )


def test_many_refusals_alike_are_one_line_a_second(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, now = RequestLog(), 100.0
    monkeypatch.setattr(request_log.time, "monotonic", lambda: now)
    with caplog.at_level(logging.INFO):
        for _ in range(1000):
            log.tell("/v1/classify", "POST", 503, 0.001)
        log.tell("/v1/generate", "POST", 503, 0.002)
        now += 1.5
        log.tell("/v1/classify", "POST", 503, 0.003)
    assert [line for _, line in told(caplog)] == [
        "POST /v1/classify: 503 in 1 ms",
        "POST /v1/generate: 503 in 2 ms",
        "POST /v1/classify: 503 in 3 ms, as 999 before it",
    ]
