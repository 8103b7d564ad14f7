"""From a digest to an engine: ONNX Runtime where there is a graph, torch where there is none or where it is wanted."""

import hashlib
from dataclasses import asdict, replace

import pytest
from onnxruntime.capi import onnxruntime_pybind11_state

from app.contract.errors import BadCheckpoint, OutOfMemory
from app.contract.store import Store, checkpoint_path, onnx_path
from models import checkpoint, classifier
from tests.worker import tiny
from worker.serving.checkpoints import Checkpoints
from worker.serving.classifier import Classifier
from worker.serving.engine import Engine
from worker.serving.generator import Generator
from worker.serving.loader import Loader


@pytest.fixture
def store(tmp_path, versions) -> Store:
    store = Store((tmp_path / "store").as_uri())
    store.put(checkpoint_path(versions.classifier), versions.folder / "clothing.safetensors")
    store.put(checkpoint_path(versions.generator), versions.folder / "faces.safetensors")
    store.put(onnx_path(versions.generator), versions.folder / "faces.onnx")
    return store


def loader(store, tmp_path, *, cpu_engine="onnx", device="cpu") -> Loader:
    checkpoints = Checkpoints(store, folder=tmp_path / "cache", budget_bytes=10**9)
    return Loader(checkpoints, device=device, cpu_engine=cpu_engine, threads=1, largest_batch=4)


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
    stranger = b"\x02\0\0\0\0\0\0\0{}"
    digest = hashlib.sha256(stranger).hexdigest()
    store.put(checkpoint_path(digest), stranger)
    with pytest.raises(BadCheckpoint, match="without a Likeness header"):
        loader(store, tmp_path).load(digest)


def test_a_graph_that_asks_for_an_unknown_operation_is_told(store, tmp_path, versions):
    graph = (versions.folder / "faces.onnx").read_bytes()
    store.put(onnx_path(versions.generator), graph.replace(b"Gemm", b"Gums").replace(b"Conv", b"Cony"))
    with pytest.raises(BadCheckpoint, match="cannot read the graph"):
        loader(store, tmp_path).load(versions.generator)


def test_tensors_of_another_network_are_told(store, tmp_path):
    described = replace(tiny.CLASSIFIER, widths=(8, 16))
    weights = classifier.Classifier(tiny.CLASSIFIER).state_dict()
    path = tmp_path / "odd.safetensors"
    network = asdict(described)
    digest = checkpoint.save(path, kind="classifier", network=network, weights=weights, header={"input": {"size": 8}})
    store.put(checkpoint_path(digest), path)
    with pytest.raises(BadCheckpoint, match="not those of the network"):
        loader(store, tmp_path).load(digest)


@pytest.mark.parametrize(
    ("error", "device", "told"),
    [
        (onnxruntime_pybind11_state.Fail("a shape is wrong"), "cpu", BadCheckpoint),
        (onnxruntime_pybind11_state.RuntimeException("Failed to allocate memory"), "cpu", OutOfMemory),
        (RuntimeError("the device has fallen off the bus"), "cuda", RuntimeError),
    ],
)
def test_a_version_that_fails_when_it_is_first_run_is_told(store, tmp_path, versions, monkeypatch, error, device, told):
    class Failing(Engine):
        def warm_up(self, largest: int) -> None:
            raise error

    monkeypatch.setattr(Loader, "_build", lambda *_: Failing("d", weights_bytes=1))
    with pytest.raises(told):
        loader(store, tmp_path, device=device).load(versions.classifier)
