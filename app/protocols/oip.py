"""Our models in the terms of the Open Inference Protocol: which tensors they take, and what comes of them.

A classifier takes `pixels` or whole `files`, a generator `seeds`; both answer in batches of the first axis.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from app import seeds
from app.contract.errors import BadOption, InvalidRequest, TooManyImages
from app.contract.registry import Version
from app.contract.schemas.oip import InferRequest, ModelMetadata, TensorMetadata
from app.drawing import faces
from app.interactive.codec import Codec
from app.interactive.inference import Inference, Scores, Subject
from app.protocols.tensors import Tensor

EXTENSIONS = ["binary_tensor_data", "classification", "model_repository"]

_SEED_TYPES = ("BYTES", "INT64", "INT32", "UINT64", "UINT32")


class Interpreter:
    """Runs inference requests."""

    def __init__(self, inference: Inference, codec: Codec, *, most_images: int) -> None:
        self._inference, self._codec, self._most = inference, codec, most_images

    async def infer(self, version: Version, asked: InferRequest, tensors: dict[str, Tensor]) -> list[Tensor]:
        """The outputs that are wanted, in their order. Raises `LikenessError`."""
        found = await (self._classify if version.kind == "classifier" else self._draw)(version, asked, tensors)
        wanted = asked.outputs if asked.outputs is not None else []
        for output in wanted:
            if output.name not in found:
                raise BadOption(name="outputs", reason=f"names {output.name!r}; there are {', '.join(found)}")
        if not wanted:
            return list(found.values())
        return [_ranked(found[o.name], o.parameters.get("classification"), version.labels) for o in wanted]

    async def _classify(self, version: Version, asked: InferRequest, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        deadline = self._inference.deadline()
        match list(tensors.values()):
            case [Tensor(name="pixels", datatype="UINT8") as given]:
                side = (version.size, version.size, version.channels)
                if len(given.shape) != 4 or given.shape[1:] != side:
                    raise BadOption(name="pixels", reason=f"must have the shape [N, {', '.join(map(str, side))}]")
                self._limit(given.shape[0])
                step = version.size * version.size * version.channels
                pictures = [given.data[at : at + step] for at in range(0, len(given.data), step)]
            case [Tensor(name="files", datatype="BYTES") as given]:
                self._limit(len(given.elements))
                files = [_file(element) for element in given.elements]
                pictures = await self._codec.decode(files, version, deadline=deadline)
            case _:
                raise BadOption(name="inputs", reason="must be one tensor: `pixels` (UINT8) or `files` (BYTES)")
        subjects = [Subject(pixels) for pixels in pictures]
        answer = await self._inference.classify(version, subjects, deadline=deadline)
        return {tensor.name: tensor for tensor in _scores(answer.results, classes=len(version.labels))}

    async def _draw(self, version: Version, asked: InferRequest, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        match list(tensors.values()):
            case [Tensor(name="seeds") as given] if given.datatype in _SEED_TYPES:
                values: Sequence[Any] = given.elements if given.datatype == "BYTES" else given.numbers()
                self._limit(len(values))
            case _:
                raise BadOption(name="inputs", reason="must be one tensor `seeds`, BYTES or whole numbers")
        drawings = faces.plan(
            version,
            [seeds.canonical(_text(value), name=f"seeds[{position}]") for position, value in enumerate(values)],
            truncation=_truncation(asked.parameters.get("truncation")),
            label=_label(asked.parameters.get("label")),
            edits={},
        )
        answer = await self._inference.draw(version, drawings, deadline=self._inference.deadline())
        pixels = b"".join(drawn.pixels for drawn in answer.results)
        return {"pixels": Tensor("pixels", "UINT8", (len(drawings), *answer.results[0].shape), pixels)}

    def _limit(self, count: int) -> None:
        if not 1 <= count <= self._most:
            raise TooManyImages(limit=self._most) if count else InvalidRequest(reason="the batch is empty")


def metadata(version: Version) -> ModelMetadata:
    """What the model takes and gives. A classifier wants one of its two inputs."""
    picture = [-1, version.size, version.size, version.channels]
    if version.kind == "generator":
        inputs = [TensorMetadata(name="seeds", datatype="BYTES", shape=[-1])]
        outputs = [TensorMetadata(name="pixels", datatype="UINT8", shape=picture)]
    else:
        inputs = [
            TensorMetadata(name="pixels", datatype="UINT8", shape=picture),
            TensorMetadata(name="files", datatype="BYTES", shape=[-1]),
        ]
        outputs = [
            TensorMetadata(name="probabilities", datatype="FP32", shape=[-1, len(version.labels)]),
            TensorMetadata(name="energies", datatype="FP32", shape=[-1]),
        ]
    return ModelMetadata(
        name=version.model,
        versions=[version.digest],
        platform="likeness_generator" if version.kind == "generator" else "likeness_classifier",
        inputs=inputs,
        outputs=outputs,
    )


def _scores(scores: Sequence[Scores], *, classes: int) -> tuple[Tensor, Tensor]:
    values = [value for score in scores for value in score.probabilities]
    return (
        Tensor.of("probabilities", "FP32", (len(scores), classes), values),
        Tensor.of("energies", "FP32", (len(scores),), [score.energy for score in scores]),
    )


def _ranked(tensor: Tensor, count: Any, labels: Sequence[str]) -> Tensor:
    """The classification extension: of each row the `count` largest values as `value:index:label`."""
    if count is None:
        return tensor
    if tensor.name != "probabilities":
        raise BadOption(name="classification", reason="is for probabilities")
    if type(count) is not int or count < 1:
        raise BadOption(name="classification", reason="is a whole number from 1")
    values, most = tensor.numbers(), min(count, len(labels))
    told: list[bytes] = []
    for row in range(tensor.shape[0]):
        part = values[row * len(labels) : (row + 1) * len(labels)]
        best = sorted(range(len(labels)), key=lambda index: (-part[index], index))[:most]
        told += [f"{part[index]:f}:{index}:{labels[index]}".encode() for index in best]
    return Tensor(tensor.name, "BYTES", (tensor.shape[0], most), elements=tuple(told))


def _file(element: bytes) -> bytes:
    """A picture's file: as it is, or, as JSON has to have it, in base64."""
    try:
        return base64.b64decode(element, validate=True)
    except binascii.Error:
        return element


def _text(value: bytes | int) -> str | int:
    if isinstance(value, int):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadOption(name="seeds", reason="must be UTF-8") from None


def _truncation(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadOption(name="truncation", reason="is a number from 0 to 1")
    return float(value)


def _label(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BadOption(name="label", reason="is a text")
    return value
