"""From a digest to an engine: ONNX Runtime where there is a graph, torch where there is none or where it is wanted."""

import pytest

from app.contract.errors import BadCheckpoint
from app.contract.store import Store, checkpoint_path, onnx_path
from worker.serving.checkpoints import Checkpoints
from worker.serving.classifier import Classifier
from worker.serving.generator import Generator
from worker.serving.loader import Loader


@pytest.fixture
def store(tmp_path, versions) -> Store:
    store = Store((tmp_path / "store").as_uri())
    store.put(checkpoint_path(versions.classifier), versions.folder / "clothing.safetensors")
    store.put(checkpoint_path(versions.generator), versions.folder / "faces.safetensors")
    store.put(onnx_path(versions.generator), versions.folder / "faces.onnx")
    return store


def loader(store, tmp_path, *, cpu_engine="onnx") -> Loader:
    checkpoints = Checkpoints(store, folder=tmp_path / "cache", budget_bytes=10**9)
    return Loader(checkpoints, device="cpu", cpu_engine=cpu_engine, threads=1, largest_batch=4)


@pytest.mark.parametrize(
    ("version", "cpu_engine", "made", "network"),
    [
        ("generator", "onnx", Generator, "onnx"),
        ("generator", "torch", Generator, "torch"),
        ("classifier", "onnx", Classifier, "torch"),  # it has no graph
    ],
)
def test_what_runs_a_version(store, tmp_path, versions, version, cpu_engine, made, network):
    engine = loader(store, tmp_path, cpu_engine=cpu_engine).load(getattr(versions, version))
    assert isinstance(engine, made)
    assert engine._network.engine == network
    assert engine.weights_bytes > 0


def test_a_checkpoint_of_a_stranger_is_told(store, tmp_path):
    import hashlib

    stranger = b"\x02\0\0\0\0\0\0\0{}"
    digest = hashlib.sha256(stranger).hexdigest()
    store.put(checkpoint_path(digest), stranger)
    with pytest.raises(BadCheckpoint, match="without a Likeness header"):
        loader(store, tmp_path).load(digest)
