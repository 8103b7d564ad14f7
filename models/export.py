"""A checkpoint as an ONNX graph: `python -m models.export CHECKPOINT [--out FILE]`.

Bytes go in and bytes come out, so that a serving worker does no arithmetic of its own:

    classifier    pixels uint8 [N, H, W, C]                      -> logits float32 [N, classes], calibrated,
                                                                    their energy telling strangers;
                                                                    heat uint8 [N, H, W], for the likeliest class
    generator     styles float32 [N, stages, style_size]         -> pixels uint8 [N, H, W, C]

The heat map is there for networks that `models.explain.likeliest` explains, for nearly nothing beside the logits.
A generator's graph begins at the styles, where truncation, edits, mixing and walks have been applied; the small
mapping network in front of them runs elsewhere, one row at a time. The graph carries the checkpoint's header and
digest in its metadata. Before it is written it is checked against torch, and shown to give the same for an input
whatever stands beside it in the batch: the same bytes of a face, which must not depend on who else asked, and the same
logits but for their last digit.
"""

import argparse
import json
import os
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models import calibrated, checkpoint, explain
from models.calibrated import Calibrated
from models.gan import Generator
from models.levels import to_levels

OPSET = 20
CHECKED_BATCHES = (1, 5, 64)
LOGITS_APART = 1e-3  # what rounding in another order may change
LOGITS_BESIDE = 1e-5  # what a logarithm taken of several numbers at once may change
LEVELS_APART = 1  # of 255: a value may round to the neighbouring level
META = "likeness"
SMALL_BYTES = 4_096  # weights below stay as they are: nothing to gain


class ExportDiffers(ArithmeticError):
    """The exported graph does not compute what the network computes."""


def export(checkpoint_path: Path, out_path: Path) -> float:
    """Write the ONNX graph of a checkpoint and return how far it is from torch at most (logits, or levels of 255).

    Raises `ExportDiffers` and then writes nothing.
    """
    loaded = checkpoint.load(checkpoint_path)
    graph = _graph(loaded)
    content = _to_onnx(graph, loaded.header, digest=checkpoint.digest(checkpoint_path))
    apart = check(content, graph, loaded.header)
    out_path.parent.mkdir(parents=True, exist_ok=True)
    partial = out_path.with_name(f".{out_path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    os.replace(partial, out_path)
    return apart


def check(content: bytes, graph: nn.Module, header: checkpoint.Header) -> float:
    """The largest difference between the ONNX graph and `graph` on random inputs of several batch sizes.

    Raises `ExportDiffers` if it is too large, or if an output changes with the batch around it.
    """
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    allowed, beside = (LOGITS_APART, LOGITS_BESIDE) if header.kind == "classifier" else (LEVELS_APART, 0)
    worst = 0.0
    for batch in CHECKED_BATCHES:
        inputs = example(header, batch=batch, seed=batch)
        with torch.no_grad():
            outputs = graph(*(torch.from_numpy(value) for value in inputs.values()))
        # A heat map is left out: divided by its own maximum, an empty one may differ without bounds.
        expected = (outputs[0] if isinstance(outputs, tuple) else outputs).numpy().astype(np.float64)
        found = session.run(None, inputs)[0]
        worst = max(worst, float(np.abs(expected - found).max()))
        last = session.run(None, {name: value[-1:] for name, value in inputs.items()})[0]
        if not np.abs(last[0].astype(np.float64) - found[-1]).max() <= beside:
            raise ExportDiffers(f"An output differs between a batch of {batch} and a batch of one.")
    if not worst <= allowed:
        raise ExportDiffers(f"The exported graph differs from the network by {worst:.3g}; {allowed} is allowed.")
    return worst


def example(header: checkpoint.Header, *, batch: int, seed: int) -> dict[str, NDArray[Any]]:
    """Random inputs for the graph of a checkpoint, by name and in the graph's order."""
    random = np.random.default_rng(seed)
    if header.kind == "classifier":
        size, channels = header.input["size"], header.input["channels"]
        return {"pixels": random.integers(0, 256, (batch, size, size, channels), dtype=np.uint8)}
    shape = (batch, len(header.network["widths"]), header.network["style_size"])
    return {"styles": random.standard_normal(shape, dtype=np.float32)}


class ClassifierGraph(nn.Module):
    """pixels uint8 [N, H, W, C] -> logits float32 [N, classes] as `Calibrated` gives them, and a heat map if cheap."""

    def __init__(self, calibrated: Calibrated) -> None:
        super().__init__()
        self.calibrated, self.network = calibrated, calibrated.network
        self.outputs = ["logits", "heat"] if explain.has_closed_form(self.network) else ["logits"]

    def forward(self, pixels: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = pixels.permute(0, 3, 1, 2).float() / 255
        if len(self.outputs) == 1:
            logits: Tensor = self.calibrated(x)
            return logits
        maps = self.network.stages(x)
        raw = self.network.head(maps[-1])
        heat = explain.likeliest(self.network, maps[-1], raw, side=self.network.config.size)
        return self.calibrated.levelled(raw, maps), (heat * 255).round().to(torch.uint8)


class GeneratorGraph(nn.Module):
    """styles float32 [N, stages, style_size] -> pixels uint8 [N, H, W, C]."""

    def __init__(self, network: Generator) -> None:
        super().__init__()
        self.network = network
        self.outputs = ["pixels"]

    def forward(self, styles: Tensor) -> Tensor:
        return to_levels(self.network.synthesis(styles)).permute(0, 2, 3, 1)


def _graph(loaded: checkpoint.Checkpoint) -> ClassifierGraph | GeneratorGraph:
    if loaded.header.kind == "classifier":
        return ClassifierGraph(calibrated.build(loaded)).eval()
    network = checkpoint.build(loaded)
    assert isinstance(network, Generator)
    return GeneratorGraph(network).eval()


def _to_onnx(graph: ClassifierGraph | GeneratorGraph, header: checkpoint.Header, *, digest: str) -> bytes:
    # A batch of two, because one would be taken for a constant.
    inputs = {name: torch.from_numpy(value) for name, value in example(header, batch=2, seed=0).items()}
    batch = torch.export.Dim("batch", min=1, max=4096)
    with warnings.catch_warnings():
        # torch's exporter calls what torch itself has deprecated, and comments on names of axes.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            tuple(inputs.values()),
            dynamo=True,
            dynamic_shapes={name: {0: batch} for name in inputs},
            input_names=list(inputs),
            output_names=graph.outputs,
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    _forget_origin(proto)
    _halve_exact(proto)
    onnx.helper.set_model_props(proto, {META: json.dumps(asdict(header), sort_keys=True), "checkpoint": digest})
    onnx.checker.check_model(proto)
    return proto.SerializeToString(deterministic=True)


def _halve_exact(proto: onnx.ModelProto) -> None:
    """Store weights that float16 holds exactly as float16, and cast them where the session loads the graph.

    A checkpoint whose weights were rounded to float16 has an export of half the size that computes the same bits.
    """
    casts = []
    for tensor in proto.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.raw_data) < SMALL_BYTES:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.float16"))
        casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(casts + nodes)


def _forget_origin(proto: onnx.ModelProto) -> None:
    """Drop the exporter's notes on every node, which name source files of the machine that exported it."""
    for function in proto.functions:
        del function.metadata_props[:]
        for node in function.node:
            del node.metadata_props[:]
    del proto.graph.metadata_props[:]
    for entry in (
        *proto.graph.node,
        *proto.graph.value_info,
        *proto.graph.input,
        *proto.graph.output,
        *proto.graph.initializer,
    ):
        del entry.metadata_props[:]
        entry.doc_string = ""


def main(arguments: list[str] | None = None) -> int:
    """The command. 0: written; 1: the graph computes something else; 2: wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m models.export", description="Write a checkpoint as an ONNX graph.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, help="the checkpoint's name with .onnx by default")
    options = parser.parse_args(arguments)
    out = options.out or options.checkpoint.with_suffix(".onnx")
    try:
        apart = export(options.checkpoint, out)
    except (checkpoint.NotACheckpoint, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except ExportDiffers as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, at most {apart:.3g} from torch at batches {CHECKED_BATCHES}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
