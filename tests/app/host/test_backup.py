"""A backup is taken while the service works, and a service restored from it serves the same models and faces."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.access import keys
from app.contract import jobs, registry
from app.contract.database import Database
from app.contract.settings import Settings
from app.contract.store import Store, checkpoint_path
from app.host import backup
from app.host.backup import BackupRefused
from app.main import create_app
from tests.app import serving
from tests.running import running_redis


@pytest.fixture
def own_redis(short_dir: Path) -> Iterator[str]:
    """A Redis in which no worker of another test takes the batches."""
    socket = short_dir / "backup" / "redis.sock"
    with running_redis(socket):
        yield f"unix://{socket}"


def test_a_restored_service_serves_the_same_faces_models_and_keys(own_redis: str, tmp_path: Path) -> None:
    before = Settings(home=tmp_path / "before", redis_url=own_redis, admin_key="secret")
    serving.publish(before)
    database = Database(before.database)
    with database.session() as session:
        _, secret = keys.create(session, name="shop", scopes=["predict"])
    database.close()
    asked = {"headers": {"Authorization": f"Bearer {secret}"}}
    with serving.working(before, name="backup"):
        with TestClient(create_app(before)) as client:
            face = client.get("/v1/faces/ada.png", **asked)  # type: ignore[arg-type]
            models = client.get("/v1/models", **asked).json()  # type: ignore[arg-type]
            backup.backup(before, tmp_path / "copy")
        after = Settings(home=tmp_path / "after", redis_url=own_redis, admin_key="secret")
        backup.restore(after, tmp_path / "copy")
        with TestClient(create_app(after)) as client:
            again = client.get("/v1/faces/ada.png", **asked)  # type: ignore[arg-type]
            assert client.get("/v1/models", **asked).json() == models  # type: ignore[arg-type]
    assert face.status_code == again.status_code == 200
    assert face.content == again.content
    assert face.headers["X-Likeness-Model"] == again.headers["X-Likeness-Model"]


def test_whatever_the_copied_rows_name_is_among_the_copied_objects(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    serving.publish(settings)
    stop, begun = threading.Event(), threading.Event()

    def publish() -> None:
        database, store = Database(settings.database), Store(settings.store)
        for number in range(500):
            if stop.is_set():
                break
            data = serving.checkpoint("generator", size=8, channels=1, number=number)
            with database.session() as session:
                registry.publish(session, store, name="busy", checkpoint=data, onnx=None, source="test")
                jobs.create(session, kind="generate", queue="infer", request={})
            begun.set()
        database.close()

    writer = threading.Thread(target=publish)
    writer.start()
    assert begun.wait(30)
    for number in range(3):
        backup.backup(settings, tmp_path / f"copy-{number}")
    stop.set()
    writer.join()
    restored = Settings(home=tmp_path / "restored")
    backup.restore(restored, tmp_path / "copy-2")
    database, store = Database(restored.database), Store(restored.store)
    with database.session() as session:
        found = {model.name: model.versions for model in registry.models(session)}
    assert len(found) == 4
    for versions in found.values():
        assert all(store.exists(checkpoint_path(version.digest)) for version in versions)
    database.close()


def test_a_second_backup_copies_only_what_is_new(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    serving.publish(settings)
    Store(settings.store).put("jobs/job_1/output/0.png", bytes(1_000_000))
    assert backup.backup(settings, tmp_path / "copy") > 1_000_000
    assert backup.backup(settings, tmp_path / "copy") < 500_000


def test_nothing_is_restored_over_a_service_or_from_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    serving.publish(settings)
    backup.backup(settings, tmp_path / "copy")
    with pytest.raises(BackupRefused, match="already"):
        backup.restore(settings, tmp_path / "copy")
    with pytest.raises(BackupRefused, match="no backup"):
        backup.restore(Settings(home=tmp_path / "other"), tmp_path / "empty")


def test_a_folder_without_a_service_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    for home in ("home", "missing"):
        with pytest.raises(BackupRefused, match="holds no service"):
            backup.backup(Settings(home=tmp_path / home), tmp_path / "copy")
    assert [path.name for path in tmp_path.rglob("*")] == ["home"]


def test_a_database_that_cannot_be_read_is_not_copied(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    serving.publish(settings)
    (tmp_path / "home" / backup.DATABASE).write_bytes(b"no database" * 1000)
    with pytest.raises(BackupRefused, match="cannot be copied"):
        backup.backup(settings, tmp_path / "copy")


def test_what_is_kept_elsewhere_is_not_copied_by_halves(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="postgresql://db/likeness")
    with pytest.raises(BackupRefused, match="pg_dump"):
        backup.backup(settings, tmp_path / "copy")
