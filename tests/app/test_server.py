"""A real api process that is told to go."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from app.contract.settings import Settings
from tests.app import serving


def test_what_has_begun_is_answered_before_the_process_ends(redis_url: str, tmp_path: Path, free_port: int) -> None:
    settings = Settings(home=tmp_path, redis_url=redis_url, port=free_port)
    serving.publish(settings)
    environment = {
        **os.environ,
        "LIKENESS_HOME": str(tmp_path),
        "LIKENESS_REDIS_URL": redis_url,
        "LIKENESS_PORT": str(free_port),
    }
    address = f"http://127.0.0.1:{free_port}"
    answers: list[int] = []

    def ask() -> None:
        answers.append(httpx.get(f"{address}/v1/faces/slow.png", trust_env=False, timeout=30).status_code)

    with (
        serving.working(settings, name="slow", delay=1.5),
        subprocess.Popen([sys.executable, "-m", "app.server"], env=environment) as process,
    ):
        try:
            _wait_until_ready(address)
            asking = threading.Thread(target=ask)
            asking.start()
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            asking.join(60)
            code = process.wait(60)
        finally:
            process.kill()
    assert answers == [200]
    assert code in (0, -signal.SIGTERM)


def _wait_until_ready(address: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            if httpx.get(f"{address}/readyz", trust_env=False, timeout=60).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < until, "the api did not become ready"
        time.sleep(0.1)
