import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from models import calibrated, checkpoint, explain, export, gan
from models.calibration import Calibration
from models.classifier import Classifier, NetworkConfig
from models.data import Pictures
from models.predict import predict


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = NetworkConfig(widths=(8, 16), blocks=(0, 1), size=12, classes=3, activation="prelu")
    network = Classifier(config)
    network.train()(torch.rand(64, 1, 12, 12))  # normalisation statistics of its own
    path = tmp_path_factory.mktemp("export") / "c.safetensors"
    header = {
        "input": {"size": 12, "channels": 1},
        "labels": ("a", "b", "c"),
        "calibration": {"temperature": 0.5, "exponent": 1.5, "bend": 0.2},
    }
    checkpoint.save(path, kind="classifier", network=asdict(config), weights=network.state_dict(), header=header)
    export.export(path, path.with_suffix(".onnx"))
    return path


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = gan.GeneratorConfig(widths=(16, 8, 8), classes=4, latent_size=8, style_size=16)
    path = tmp_path_factory.mktemp("export") / "g.safetensors"
    weights = gan.Generator(config).state_dict()
    checkpoint.save(path, kind="generator", network=config.to_dict(), weights=weights, header={})
    export.export(path, path.with_suffix(".onnx"))
    return path


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path.with_suffix(".onnx"), providers=["CPUExecutionProvider"])


def test_a_classifier_takes_raw_bytes_and_gives_calibrated_logits(classifier: Path) -> None:
    loaded = checkpoint.load(classifier)
    pixels = np.random.default_rng(0).integers(0, 256, (7, 12, 12, 1), dtype=np.uint8)
    (logits,) = session(classifier).run(["logits"], {"pixels": pixels})
    raw = predict(checkpoint.build(loaded), torch.from_numpy(pixels).permute(0, 3, 1, 2))
    expected = Calibration(temperature=0.5, exponent=1.5, bend=0.2).apply(raw)
    np.testing.assert_allclose(logits, expected.numpy(), atol=1e-4)


def test_the_energy_of_the_logits_tells_strangers_in_the_graph_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = NetworkConfig(widths=(8, 16), blocks=(0, 1), size=12, classes=3)
    network = Classifier(config)
    images = torch.randint(0, 256, (96, 1, 12, 12), dtype=torch.uint8)
    network.train()(images.float() / 255)
    names = tuple(map(str, range(48)))
    parts = [
        Pictures(images=half, labels=torch.arange(48) % 3, classes=("a", "b", "c"), names=names, digest="d")
        for half in images.split(48)
    ]
    made, _ = calibrated.fit(network, *parts)
    header = {"input": {"size": 12, "channels": 1}, "labels": ("a", "b", "c"), "calibration": asdict(made.fitted)}
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, kind="classifier", network=asdict(config), weights=made.tensors(), header=header)
    export.export(path, path.with_suffix(".onnx"))
    pixels = images[:5].permute(0, 2, 3, 1).numpy()
    logits, heat = session(path).run(["logits", "heat"], {"pixels": pixels})
    expected = calibrated.build(checkpoint.load(path))(images[:5].float() / 255)
    np.testing.assert_allclose(logits, expected.numpy(), atol=1e-4)
    assert heat.shape == (5, 12, 12)


def test_the_heat_map_is_that_of_the_likeliest_class(classifier: Path) -> None:
    network = checkpoint.build(checkpoint.load(classifier))
    assert isinstance(network, Classifier)
    pixels = np.random.default_rng(1).integers(0, 256, (5, 12, 12, 1), dtype=np.uint8)
    logits, heat = session(classifier).run(["logits", "heat"], {"pixels": pixels})
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    expected = (explain.heat_map(network, x, torch.from_numpy(logits).argmax(1)) * 255).round()
    assert heat.dtype == np.uint8
    assert expected.any()
    assert np.abs(heat - expected.numpy()).max() <= 1


def test_a_network_whose_heat_map_needs_a_gradient_has_none_in_its_graph(tmp_path: Path) -> None:
    config = NetworkConfig(family="plain", widths=(4,), blocks=(1,), size=8, classes=3)
    header = {"input": {"size": 8, "channels": 1}, "labels": ("a", "b", "c")}
    path = tmp_path / "plain.safetensors"
    weights = Classifier(config).state_dict()
    checkpoint.save(path, kind="classifier", network=asdict(config), weights=weights, header=header)
    export.export(path, path.with_suffix(".onnx"))
    assert [output.name for output in session(path).get_outputs()] == ["logits"]


def test_a_generator_takes_styles_and_gives_bytes(generator: Path) -> None:
    header = checkpoint.read_header(generator)
    inputs = export.example(header, batch=5, seed=3)
    (pixels,) = session(generator).run(["pixels"], inputs)
    network = checkpoint.build(checkpoint.load(generator))
    drawn = network.synthesis(torch.from_numpy(inputs["styles"]))  # type: ignore[operator]
    expected = ((drawn + 1) * 127.5).round().clamp(0, 255).permute(0, 2, 3, 1).numpy()
    assert pixels.dtype == np.uint8
    assert pixels.shape == (5, 16, 16, 3)
    assert np.abs(pixels - expected).max() <= 1


def test_a_picture_does_not_depend_on_its_batch(generator: Path) -> None:
    running = session(generator)
    styles = export.example(checkpoint.read_header(generator), batch=64, seed=4)["styles"]
    (whole,) = running.run(None, {"styles": styles})
    for count in (1, 2, 3, 8, 33):
        (part,) = running.run(None, {"styles": styles[-count:]})
        assert np.array_equal(part, whole[-count:]), count


def test_the_graph_says_which_checkpoint_it_is_of_and_what_that_says_of_itself(classifier: Path) -> None:
    said = session(classifier).get_modelmeta().custom_metadata_map
    assert said["checkpoint"] == checkpoint.digest(classifier)
    assert json.loads(said["likeness"])["labels"] == ["a", "b", "c"]


def test_the_graph_tells_nothing_of_the_machine_it_was_made_on(classifier: Path, generator: Path) -> None:
    for path in (classifier, generator):
        content = path.with_suffix(".onnx").read_bytes()
        assert b"site-packages" not in content
        assert str(Path(export.__file__).parent).encode() not in content


def test_a_graph_that_computes_something_else_is_refused(classifier: Path) -> None:
    loaded = checkpoint.load(classifier)
    proto = onnx.load(classifier.with_suffix(".onnx"))
    (weight,) = [entry for entry in proto.graph.initializer if entry.name.endswith("head.1.weight")]
    weight.raw_data = (np.frombuffer(weight.raw_data, np.float32) + 0.01).tobytes()
    graph = export.ClassifierGraph(calibrated.build(loaded))
    with pytest.raises(export.ExportDiffers):
        export.check(proto.SerializeToString(), graph, loaded.header)


def test_weights_that_float16_holds_exactly_take_half_the_room_and_compute_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = gan.GeneratorConfig(widths=(32, 32), latent_size=8, style_size=16)
    rounded = {name: tensor.half() for name, tensor in gan.Generator(config).state_dict().items()}
    restored = {name: tensor.float() * (1 + 1e-4) for name, tensor in rounded.items()}
    graphs = {}
    for name, weights in {"half": rounded, "full": restored}.items():
        path = tmp_path / f"{name}.safetensors"
        checkpoint.save(path, kind="generator", network=config.to_dict(), weights=weights, header={})
        assert export.export(path, path.with_suffix(".onnx")) <= export.LEVELS_APART
        graphs[name] = path.with_suffix(".onnx")
    assert graphs["half"].stat().st_size < 0.65 * graphs["full"].stat().st_size


def test_the_command_says_what_is_wrong_with_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path := tmp_path / "no.safetensors").write_bytes(b"nothing")
    assert export.main([str(path)]) == 2
    assert capsys.readouterr().err == "no.safetensors is not a safetensors file.\n"
    assert export.main([str(tmp_path / "missing.safetensors")]) == 2
    assert not list(tmp_path.glob("*.onnx"))


def test_the_command_writes_no_graph_that_differs(
    classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(export, "LOGITS_APART", -1.0)
    assert export.main([str(classifier), "--out", str(tmp_path / "g.onnx")]) == 1
    assert "differs from the network" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
