"""From a digest to an engine: the files, then ONNX Runtime on a CPU where there is a graph, else torch."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import structlog

from app.contract.errors import BadCheckpoint, LikenessError, OutOfMemory
from models import checkpoint, styles
from worker import memory
from worker.serving.checkpoints import Checkpoints, Files
from worker.serving.classifier import Classifier, Explainer
from worker.serving.engine import Engine, Network
from worker.serving.generator import Generator
from worker.serving.onnx_network import OnnxNetwork

if TYPE_CHECKING:
    from worker.serving.torch_network import TorchNetwork

_log = structlog.get_logger()


class Loader:
    """Makes engines.

    Args:
        device: cpu, cuda or cuda:N.
        cpu_engine: what runs networks when the device is the CPU.
        threads: compute threads of one network.
        largest_batch: the most pictures an engine is asked for at once.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        *,
        device: str,
        cpu_engine: Literal["onnx", "torch"],
        threads: int,
        largest_batch: int,
    ) -> None:
        self._checkpoints = checkpoints
        self.device = device
        self._prefer_onnx = device == "cpu" and cpu_engine == "onnx"
        self._threads = threads
        self._largest_batch = largest_batch

    @property
    def engine(self) -> str:
        """What runs networks where both can: onnx or torch."""
        return "onnx" if self._prefer_onnx else "torch"

    def load(self, digest: str) -> Engine:
        """The engine of the version `digest`, warmed up.

        Raises:
            UnknownVersion: there is no such checkpoint any more.
            BadCheckpoint: it is damaged, of a later format, or cannot be run.
            OutOfMemory: it takes more than there is.
        """
        files = self._checkpoints.fetch(digest)
        try:
            engine = self._build(files, checkpoint.read_header(files.checkpoint))
            engine.warm_up(self._largest_batch)
        except LikenessError:
            raise
        except checkpoint.NotACheckpoint as error:
            raise BadCheckpoint(reason=str(error)) from error
        except Exception as error:
            if memory.means_too_little(error):
                raise OutOfMemory from error
            # A GPU itself may have failed. That is told as it is: a worker that cannot compute must not become ready.
            if self.device != "cpu":
                raise
            _log.exception("a version cannot be run", digest=digest[:12])
            raise BadCheckpoint(reason="it could not be run once") from error
        return engine

    def _build(self, files: Files, header: checkpoint.Header) -> Engine:
        if self._prefer_onnx and files.onnx is not None:
            onnx = OnnxNetwork(files.onnx, digest=files.digest, threads=self._threads)
            # Where a heat map needs a gradient, torch makes it: on one thread, since that is a small job.
            explainer = (lambda: onnx) if onnx.explains else (lambda: self._torch(files, threads=1))
            return _engine(files, header, onnx, explainer=explainer)
        torch = self._torch(files, threads=self._threads)
        return _engine(files, header, torch, explainer=lambda: torch)

    def _torch(self, files: Files, *, threads: int) -> "TorchNetwork":
        from worker.serving.torch_network import TorchNetwork

        return TorchNetwork(files.checkpoint, device=self.device, threads=threads)


def _engine(files: Files, header: checkpoint.Header, network: Network, *, explainer: Callable[[], Explainer]) -> Engine:
    if header.kind == "generator":
        read = styles.read(files.checkpoint)
        return Generator(files.digest, weights_bytes=files.size_bytes, styles=read, network=network)
    return Classifier(files.digest, weights_bytes=files.size_bytes, header=header, network=network, explainer=explainer)
