"""The object store, in a directory and in a bucket."""

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from obstore.exceptions import BaseError

from app.contract.settings import Settings
from app.contract.store import Store
from tests import bucket

COMPOSE = Path(__file__).parents[3] / "docker-compose.yml"


@pytest.fixture(params=["directory", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "directory":
        return Store((tmp_path / "store").as_uri())
    endpoint = request.getfixturevalue("bucket_endpoint")
    return Store(f"s3://{bucket.NAME}/{uuid.uuid4().hex}", bucket.options(endpoint))


def test_an_object_comes_back_as_it_was_put(store: Store) -> None:
    store.put("jobs/a/output/0.png", b"picture")
    assert store.get("jobs/a/output/0.png") == b"picture"
    assert store.size("jobs/a/output/0.png") == 7


def test_a_missing_object_is_a_missing_file(store: Store) -> None:
    assert not store.exists("nothing")
    with pytest.raises(FileNotFoundError):
        store.get("nothing")


def test_a_path_cannot_leave_the_store(store: Store) -> None:
    with pytest.raises(ValueError, match="illegal"):
        store.put("../outside", b"x")


def test_a_stream_goes_in_and_a_file_comes_out(store: Store, tmp_path: Path) -> None:
    store.put("big", (bytes([number]) * 300_000 for number in range(5)))
    store.download("big", tmp_path / "deep" / "big")
    assert (tmp_path / "deep" / "big").read_bytes() == b"".join(bytes([number]) * 300_000 for number in range(5))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["big"]


def test_what_is_to_last_is_on_the_disk_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, settled = tmp_path / "a store", list[str]()
    monkeypatch.setattr(os, "fsync", lambda handle: settled.append(os.readlink(f"/proc/self/fd/{handle}")))
    store = Store(folder.as_uri())
    store.put("jobs/a/output/0.png", b"picture")
    assert settled == []
    store.put("jobs/a/input/0", b"picture", lasting=True)
    assert settled == [str(folder / "jobs/a/input/0"), str(folder / "jobs/a/input")]

    async def pieces() -> AsyncIterator[bytes]:
        yield b"zip"

    asyncio.run(store.put_stream("datasets/d/upload.zip", pieces()))
    assert settled[2:] == [str(folder / "datasets/d/upload.zip"), str(folder / "datasets/d")]


def test_listing_is_sorted_and_deleting_twice_is_no_error(store: Store) -> None:
    for path in ("x/b", "x/a", "y/c"):
        store.put(path, b"")
    assert store.list("x") == ["x/a", "x/b"]
    store.delete("x/a", "x/a")
    assert store.list("x") == ["x/b"]


def test_a_bucket_that_the_environment_alone_names_is_reached(
    bucket_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.options(bucket_endpoint).items():
        monkeypatch.setenv(f"AWS_{name.upper()}", value)
    store = Store(f"s3://{bucket.NAME}/{uuid.uuid4().hex}", {})
    store.put("picture", b"picture")
    assert store.get("picture") == b"picture"


def test_the_compose_file_reaches_its_bucket_also_with_one_option_more(
    bucket_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]["prepare"]["environment"].items():
        if name.startswith(("AWS_", "LIKENESS_STORE_")):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket_endpoint)
    settings = Settings()
    for options in (settings.store_options, {**settings.store_options, "timeout": "20s"}):
        assert not Store(settings.store, options).exists("nothing")


def test_a_bucket_that_is_away_is_told_within_seconds(free_port: int) -> None:
    store = Store(bucket.URL, bucket.options(f"http://127.0.0.1:{free_port}"))
    began = time.monotonic()
    with pytest.raises(BaseError):
        store.exists("anything")
    assert time.monotonic() - began < 10
