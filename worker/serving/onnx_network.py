"""A network in ONNX Runtime, on the CPU, without torch."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from app.contract.errors import BadCheckpoint


class OnnxNetwork:
    """The graph at `path`, as `models.export` writes it; `explains` says whether it makes heat maps.

    Raises:
        BadCheckpoint: the graph was exported from another checkpoint than `digest`, or ONNX Runtime cannot read it.
    """

    engine = "onnx"
    device = "cpu"

    def __init__(self, path: Path, *, digest: str, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what fails is raised, too
        # Waiting threads sleep: by default they spin, and take the cores from the api's decoding and encoding.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except (onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf, RuntimeError) as error:
            raise BadCheckpoint(reason=f"ONNX Runtime cannot read the graph of {digest[:12]}") from error
        self.explains = "heat" in {output.name for output in self._session.get_outputs()}
        said = self._session.get_modelmeta().custom_metadata_map.get("checkpoint")
        if said != digest:
            raise BadCheckpoint(reason=f"the graph stored as {digest[:12]} was exported from another checkpoint")

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated logits [N, classes] of pictures [N, H, W, C]."""
        return self._session.run(["logits"], {"pixels": pixels})[0]

    def heat_maps(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Where the network looked for the likeliest class of pictures [N, H, W, C]: uint8 [N, H, W]."""
        return self._session.run(["heat"], {"pixels": pixels})[0]

    def pixels(self, styles: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pictures [N, H, W, C] of styles [N, stages, style_size]."""
        return self._session.run(["pixels"], {"styles": styles})[0]
