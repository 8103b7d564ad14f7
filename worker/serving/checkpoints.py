"""Checkpoints on this machine's disk: fetched from the store once, never used under a digest that is not theirs."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from app.contract import store
from app.contract.errors import BadCheckpoint, UnknownVersion


@dataclass(frozen=True)
class Files:
    """One version's files on this machine."""

    digest: str
    checkpoint: Path
    onnx: Path | None

    @property
    def size_bytes(self) -> int:
        """What the network's weights take: the graph holds them, too, and is then the one that is loaded."""
        return (self.onnx or self.checkpoint).stat().st_size


class Checkpoints:
    """Local copies of what the store keeps under `checkpoints/`.

    Args:
        source: the store they come from.
        folder: where the copies lie; several workers of one machine may share it.
        budget_bytes: the longest unused copies are removed when all of them together are larger.
    """

    def __init__(self, source: store.Store, *, folder: Path, budget_bytes: int) -> None:
        self._store = source
        self._folder = folder
        self._budget_bytes = budget_bytes

    def fetch(self, digest: str) -> Files:
        """The files of the version `digest`.

        Raises:
            UnknownVersion: the store has it no longer: it was removed after the request was let in.
            BadCheckpoint: the bytes that the store has for it have another digest.
        """
        checkpoint = self._folder / f"{digest}.safetensors"
        if not self._holds(checkpoint, digest):
            if not self._download(store.checkpoint_path(digest), checkpoint):
                raise UnknownVersion(
                    f"The version sha256:{digest[:12]} was removed; GET /v1/models lists what there is."
                )
            if not self._holds(checkpoint, digest):
                checkpoint.unlink(missing_ok=True)
                raise BadCheckpoint(reason=f"the bytes stored as {digest[:12]} have another digest")
        onnx: Path | None = self._folder / f"{digest}.onnx"
        assert onnx is not None
        if not onnx.exists() and not self._download(store.onnx_path(digest), onnx):
            onnx = None
        for path in (checkpoint, onnx):
            if path is not None:
                os.utime(path)
        self._prune(keep=digest)
        return Files(digest=digest, checkpoint=checkpoint, onnx=onnx)

    def _holds(self, path: Path, digest: str) -> bool:
        try:
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except FileNotFoundError:
            return False

    def _download(self, source: store.StorePath, target: Path) -> bool:
        """Whether there was something to copy."""
        try:
            self._store.download(source, target)
        except FileNotFoundError:
            return False
        return True

    def _prune(self, *, keep: str) -> None:
        """Remove the copies that were not used for the longest time; an open file outlives its name."""
        found = []
        for path in self._folder.iterdir():
            try:
                found.append((path.stat().st_mtime, path.stat().st_size, path))
            except FileNotFoundError:  # another worker removed it
                continue
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._budget_bytes:
                return
            if path.stem != keep:
                path.unlink(missing_ok=True)
                total -= size
