"""What tests share: a real Redis on a private socket, and the whole service with its bundled checkpoints."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Service, running_redis, running_service

pytest.register_assert_rewrite("tests.browser")


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    """Keep the settings of whoever runs the tests out of them; the folder of training pictures is no setting."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("LIKENESS_") and name != "LIKENESS_DATA"]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A directory whose path is short enough for a unix socket inside, which pytest's own may not be."""
    with tempfile.TemporaryDirectory(prefix="likeness-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def redis_url(short_dir: Path) -> Iterator[str]:
    """URL of a real Redis that all tests share; one that fills it or restarts it starts its own."""
    socket_path = short_dir / "redis" / "redis.sock"
    with running_redis(socket_path):
        yield f"unix://{socket_path}"


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def service(short_dir: Path) -> Iterator[Service]:
    """The whole service with the bundled checkpoints, started once and shared by every test that asks for it."""
    with running_service(short_dir / "home") as running:
        yield running
