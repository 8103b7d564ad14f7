"""Local copies of checkpoints: complete, true to their digest, and within a budget."""

import os

import pytest

from app.contract.errors import BadCheckpoint, UnknownVersion
from app.contract.store import Store, checkpoint_path, onnx_path
from tests.worker import tiny
from worker.serving.checkpoints import Checkpoints


@pytest.fixture
def store(tmp_path) -> Store:
    return Store((tmp_path / "store").as_uri())


def add(store: Store, folder, *, seed: int) -> str:
    digest = tiny.save_classifier(folder / "c.safetensors", seed=seed)
    store.put(checkpoint_path(digest), folder / "c.safetensors")
    return digest


def test_files_come_from_the_store_once(store, tmp_path):
    digest = add(store, tmp_path, seed=1)
    store.put(onnx_path(digest), b"a graph")
    checkpoints = Checkpoints(store, folder=tmp_path / "cache", budget_bytes=10**9)
    files = checkpoints.fetch(digest)
    store.delete(checkpoint_path(digest), onnx_path(digest))
    assert checkpoints.fetch(digest) == files
    assert files.onnx is not None
    assert files.onnx.read_bytes() == b"a graph"


def test_a_version_without_a_graph_has_none(store, tmp_path):
    files = Checkpoints(store, folder=tmp_path / "cache", budget_bytes=10**9).fetch(add(store, tmp_path, seed=1))
    assert files.onnx is None


def test_bytes_of_another_digest_are_refused_and_not_kept(store, tmp_path):
    true, false = add(store, tmp_path, seed=1), "0" * 64
    store.put(checkpoint_path(false), store.get(checkpoint_path(true)))
    with pytest.raises(BadCheckpoint, match="another digest"):
        Checkpoints(store, folder=tmp_path / "cache", budget_bytes=10**9).fetch(false)
    assert not list((tmp_path / "cache").iterdir())


def test_a_copy_that_was_damaged_is_fetched_again(store, tmp_path):
    digest = add(store, tmp_path, seed=1)
    checkpoints = Checkpoints(store, folder=tmp_path / "cache", budget_bytes=10**9)
    copy = checkpoints.fetch(digest).checkpoint
    copy.write_bytes(copy.read_bytes()[:-1] + b"!")
    assert checkpoints.fetch(digest).checkpoint.read_bytes() == store.get(checkpoint_path(digest))


def test_a_version_that_was_removed_is_told(store, tmp_path):
    with pytest.raises(UnknownVersion, match="sha256:111111111111 was removed"):
        Checkpoints(store, folder=tmp_path / "cache", budget_bytes=10**9).fetch("1" * 64)


def test_the_longest_unused_copy_goes_when_the_budget_is_used(store, tmp_path):
    digests = [add(store, tmp_path, seed=seed) for seed in range(3)]
    size = store.size(checkpoint_path(digests[0]))
    checkpoints = Checkpoints(store, folder=tmp_path / "cache", budget_bytes=int(2.5 * size))
    for age, digest in enumerate(digests[:2]):
        os.utime(checkpoints.fetch(digest).checkpoint, (1000 + age, 1000 + age))
    checkpoints.fetch(digests[2])
    assert {path.stem for path in (tmp_path / "cache").iterdir()} == set(digests[1:])
