"""Seeds to styles, with NumPy alone: the mapping network of `models.gan`, truncation, walks, edits and mixing.

    z = seed_latent(seed), or a point on the arc to a second seed      [latent_size]
    w = mapping(z, label);  w' = mean + psi (w - mean) + sum_k strength_k direction_k      [style_size]
    styles = w' for every stage, or the second half of the stages from another seed        [stages, style_size]

Each picture's style is computed by itself, so it cannot depend on what it is batched with. An inference engine then
needs the synthesis network alone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models import latents
from models.checkpoint import DIRECTION, read_header

Array = NDArray[np.float32]

LEAK = 0.2
GAIN = np.float32(np.sqrt(2 / (1 + LEAK**2)))  # as in `models.gan`, which cannot be imported without torch

_PARTS = ("mapping.", "w_average", DIRECTION)


class Styles:
    """The part of a generator that lies before its synthesis network.

    Args:
        weights: the tensors `mapping.*`, `w_average` and `direction.*` of a checkpoint; others are not looked at.
        stages: how many stages the synthesis network has.
    """

    def __init__(self, weights: Mapping[str, NDArray], *, stages: int) -> None:
        part = {name: np.asarray(value, np.float32) for name, value in weights.items() if name.startswith(_PARTS)}
        self.stages = stages
        self.directions = {
            name.removeprefix(DIRECTION): value for name, value in part.items() if name.startswith(DIRECTION)
        }
        self._first = part["mapping.first.weight"], part["mapping.first.bias"]
        self._second = part["mapping.second.weight"], part["mapping.second.bias"]
        self._embedding = part.get("mapping.embedding.weight")
        self._average = part["w_average"]

    @property
    def classes(self) -> int:
        """How many classes the generator draws; 0 for one without."""
        return 0 if self._embedding is None else len(self._embedding)

    @property
    def latent_size(self) -> int:
        """Numbers in a latent."""
        return int(self._first[0].shape[1]) // (2 if self.classes else 1)

    @property
    def style_size(self) -> int:
        """Numbers in a style."""
        return int(self._second[0].shape[0])

    def mapping(self, z: Array, label: int | None = None) -> Array:
        """The untruncated style [style_size] of a latent [latent_size]. Raises `ValueError` if a label is missing."""
        x = _unit_variance(z)
        if self._embedding is not None:
            if label is None:
                raise ValueError("This generator draws classes and needs a label for each latent.")
            x = np.concatenate((x, _unit_variance(self._embedding[label])))
        return _dense(_dense(x, self._first), self._second)

    def survey(self, seeds: Sequence[str], label: int | None = None) -> Array:
        """The untruncated styles [N, style_size] of many seeds at once, to compare them with one another.

        Four times as fast as one by one, and good to some digits only: the last ones depend on how many there are.
        """
        x = _unit_variance(np.stack([latents.seed_latent(seed, self.latent_size) for seed in seeds]))
        if self._embedding is not None:
            assert label is not None
            x = np.concatenate((x, np.tile(_unit_variance(self._embedding[label]), (len(x), 1))), axis=1)
        for weight, bias in (self._first, self._second):
            y = x @ weight.T + bias
            x = np.where(y < 0, np.float32(LEAK) * y, y) * GAIN
        return x.astype(np.float32)

    def draw(
        self,
        seed: str,
        *,
        label: int | None = None,
        truncation: float = 1.0,
        edits: Sequence[tuple[str, float]] = (),
        mix: str | None = None,
        toward: str | None = None,
        position: float = 0.0,
    ) -> Array:
        """The styles [stages, style_size] of one picture.

        `toward` and `position` (0 to 1) walk to a second seed; `mix` takes the finer half of the stages from another
        one; `edits` are named directions with how far to go. Where the generator draws classes and no `label` is given,
        the seed decides. Raises `KeyError` for a direction that the checkpoint does not have.
        """
        if self.classes and label is None:
            label = label_of(seed, self.classes)
        z = latents.seed_latent(seed, self.latent_size)
        if toward is not None and position:
            z = latents.slerp(z, latents.seed_latent(toward, self.latent_size), position)
        styles = np.tile(self._truncated(z, label, truncation), (self.stages, 1))
        if mix is not None:
            finer = self._truncated(latents.seed_latent(mix, self.latent_size), label, truncation)
            styles[self.stages // 2 :] = finer
        for name, strength in edits:
            styles += np.float32(strength) * self.directions[name]
        return styles

    def _truncated(self, z: Array, label: int | None, psi: float) -> Array:
        mean = self._average[label if self.classes and label is not None else 0]
        return latents.truncate(self.mapping(z, label), mean, psi)


def read(path: Path) -> Styles:
    """The styles of the generator checkpoint at `path`. Raises `ValueError` for a checkpoint of another kind."""
    from safetensors import safe_open

    header = read_header(path)
    if header.kind != "generator":
        raise ValueError(f"A {header.kind} has no styles.")
    with safe_open(path, framework="np") as file:
        weights = {name: file.get_tensor(name) for name in file.keys() if name.startswith(_PARTS)}  # noqa: SIM118
    return Styles(weights, stages=len(header.network["widths"]))


def label_of(seed: str, classes: int) -> int:
    """The class that a seed stands for where none is named: the same always, and all classes alike."""
    digest = hashlib.sha256(b"label\0" + latents.canonical(seed).encode()).digest()
    return int.from_bytes(digest[:8], "big") % classes


def _dense(x: Array, layer: tuple[Array, Array]) -> Array:
    weight, bias = layer
    # Not `@`, whose BLAS shares the rows out to threads, and so might round differently on another number of cores.
    y: Array = np.einsum("oi,i->o", weight, x) + bias
    return np.where(y < 0, np.float32(LEAK) * y, y) * GAIN


def _unit_variance(x: Array) -> Array:
    return x / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + np.float32(1e-8))
