"""One small service that the tests of routes share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.contract.settings import Settings
from app.main import create_app
from tests.app import serving
from tests.running import running_redis


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of tests that are coroutines."""
    return "asyncio"


@pytest.fixture(scope="session")
def api_redis() -> Iterator[str]:
    """A Redis of the api's tests alone: real workers of other tests would take their batches."""
    with tempfile.TemporaryDirectory(prefix="likeness-") as directory:
        path = Path(directory) / "redis.sock"
        with running_redis(path):
            yield f"unix://{path}"


@pytest.fixture(scope="session")
def settings(api_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home with three models."""
    settings = serving.home_settings(tmp_path_factory.mktemp("home"), api_redis)
    serving.publish(settings)
    return settings


@pytest.fixture(scope="session")
def worker(settings: Settings) -> Iterator[serving.ProtocolWorker]:
    """A worker for `client`."""
    with serving.working(settings) as running:
        yield running


@pytest.fixture(scope="session")
def client(settings: Settings, worker: serving.ProtocolWorker) -> Iterator[TestClient]:
    """A client of a running api."""
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        yield client
