"""A served checkpoint: one safetensors file that says of itself what it is.

The weights are the network's averaged (EMA) weights. The header is a JSON document in the file's metadata: how to
build the network, what its input looks like, its labels, calibration, figures, training configuration and the
provenance of its data. Reading the header needs no torch. A file is named by the SHA-256 of its bytes, and nothing is
ever unpickled.
"""

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = 1
LARGEST_HEADER_BYTES = 16 * 2**20
DIRECTION = "direction."  # tensors whose name starts so are named latent directions, not weights of the network
STRANGERS = "strangers."  # and these the constants of `models.strangers`

Kind = Literal["generator", "classifier"]

_META = "likeness"


@dataclass(frozen=True)
class Header:
    """What a checkpoint says of itself."""

    kind: Kind
    network: dict[str, Any]  # the network's configuration, as `models.gan` or `models.classifier` take it
    input: dict[str, Any] = field(default_factory=dict)  # size, channels, and for a classifier mean and std per channel
    labels: tuple[str, ...] = ()
    calibration: dict[str, Any] = field(default_factory=dict)  # the fields of `models.calibration.Calibration`
    metrics: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)  # the resolved training configuration
    provenance: dict[str, Any] = field(default_factory=dict)  # data, digest, licence, credit
    extras: dict[str, Any] = field(default_factory=dict)  # what one kind alone knows, such as the names of directions
    created: str = ""  # ISO 8601, UTC
    format: int = FORMAT


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint in memory."""

    header: Header
    weights: dict[str, "Tensor"]


class NotACheckpoint(ValueError):
    """The file is not a checkpoint that this version can read."""


def save(
    path: Path,
    *,
    kind: Kind,
    network: Mapping[str, Any],
    weights: Mapping[str, "Tensor"],
    header: Mapping[str, Any],
) -> str:
    """Write a checkpoint and return the SHA-256 of the file in hex.

    `header` holds any further field of `Header`; an unknown one raises `TypeError`. The bytes depend on the arguments
    alone once `created` is given, which otherwise is the time of the call.
    """
    from safetensors.torch import save as to_bytes

    described = Header(kind=kind, network=dict(network), **{"created": _now(), **header})
    owned = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    # One metadata key alone: with several their order in the file, and so the digest, would change between runs.
    content = to_bytes(owned, metadata={_META: json.dumps(asdict(described), sort_keys=True)})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with open(partial, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    return hashlib.sha256(content).hexdigest()


def read_header(path: Path) -> Header:
    """The header of the checkpoint at `path`, read without torch. Raises `NotACheckpoint`."""
    name = Path(path).name
    with open(path, "rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= LARGEST_HEADER_BYTES:
            raise NotACheckpoint(f"{name} is not a safetensors file.")
        raw = file.read(length)
    try:
        document = json.loads(json.loads(raw)["__metadata__"][_META])
        known = {entry.name for entry in fields(Header)}
        if document["format"] != FORMAT:
            raise NotACheckpoint(f"{name} has format {document['format']}; this version reads format {FORMAT}.")
        if document["kind"] not in ("generator", "classifier"):
            raise NotACheckpoint(f"{name} holds a {document['kind']!r}, which is no kind of network known here.")
        return Header(
            **{**{key: document[key] for key in known & document.keys()}, "labels": tuple(document["labels"])}
        )
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, NotACheckpoint):
            raise
        raise NotACheckpoint(f"{name} is a safetensors file without a Likeness header.") from error


def load(path: Path) -> Checkpoint:
    """Header and tensors (on the CPU) of the checkpoint at `path`. Raises `NotACheckpoint`."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = read_header(path)
    try:
        return Checkpoint(header=header, weights=load_file(path))
    except SafetensorError as error:
        raise NotACheckpoint(f"{Path(path).name} is damaged: {error}.") from error


def build(checkpoint: Checkpoint) -> "nn.Module":
    """The network with its weights, in eval mode and without gradients. Tensors that are no weights are left aside."""
    if checkpoint.header.kind == "generator":
        from models import gan

        network: nn.Module = gan.build(checkpoint.header.network)
    else:
        from models import classifier

        network = classifier.build(checkpoint.header.network)
    network.load_state_dict(
        {name: value for name, value in checkpoint.weights.items() if not name.startswith((DIRECTION, STRANGERS))}
    )
    return network.eval().requires_grad_(False)


def digest(path: Path) -> str:
    """The SHA-256 of the file's bytes in hex, which is the checkpoint's name in the registry."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
