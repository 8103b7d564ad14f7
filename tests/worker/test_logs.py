"""Log lines: one format for ours and for the libraries'."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import logging, structlog
from worker import logs
logs.configure(level="info", style={style!r}, worker="infer-0")
structlog.get_logger().info("loaded", digest="d", megabytes=7)
structlog.get_logger().debug("too much")
logging.getLogger("celery.worker").info("task received")
logging.getLogger("kombu").warning("away %s", "again")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("it broke")
"""


def lines(style: str) -> list[str]:
    script = SCRIPT.format(style=style)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_people_read_one_line_an_event_and_the_trace_below_it():
    loaded, away, broke, *trace = lines("text")
    assert loaded[9:] == "INFO    loaded digest=d megabytes=7"
    assert away[9:] == "WARNING away again"
    assert broke[9:] == "ERROR   it broke"
    assert trace[-1] == "ZeroDivisionError: division by zero"


def test_machines_read_json_with_the_worker_in_it():
    loaded, away, broke = map(json.loads, lines("json"))
    assert loaded | {"timestamp": ""} == {
        "event": "loaded", "digest": "d", "megabytes": 7, "level": "info", "timestamp": "", "worker": "infer-0",
    }  # fmt: skip
    assert away["event"] == "away again"
    assert "ZeroDivisionError" in broke["exception"]


@pytest.mark.parametrize("style", ["text", "json"])
def test_what_celery_says_of_every_task_is_left_out(style):
    assert not any("task received" in line for line in lines(style))
