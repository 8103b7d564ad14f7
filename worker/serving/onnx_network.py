"""A network in ONNX Runtime, on the CPU, without torch."""

import contextlib
import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from app.contract.errors import BadCheckpoint
from worker import memory

PART_IMAGES = 4
"""Pictures that a core takes at a time. A core that the api keeps busy takes fewer parts, and the smaller they are the
sooner the last one is done; below four, some networks take more time for each picture."""


class OnnxNetwork:
    """The graph at `path`, as `models.export` writes it; `explains` says whether it makes heat maps.

    The cores share a batch by pictures: each runs the whole network for a few of them at a time. ONNX Runtime's own way
    is to share every layer, and to wait for each other after every one, which takes a quarter more CPU time for a face
    and a twentieth more for a small picture. One picture alone is shared by layers: there is no other way to share it.

    Args:
        threads: cores to compute on.

    Raises:
        BadCheckpoint: the graph was exported from another checkpoint than `digest`, or ONNX Runtime cannot read it.
    """

    engine = "onnx"
    device = "cpu"

    def __init__(self, path: Path, *, digest: str, threads: int) -> None:
        self._threads = threads
        self._single = _session(path, digest, threads=1)
        self._shared = self._single if threads == 1 else _session(path, digest, threads=threads)
        self._cores = None if threads == 1 else _pool(threads)
        self.explains = "heat" in {output.name for output in self._single.get_outputs()}

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated logits [N, classes] of pictures [N, H, W, C]."""
        return self._run("logits", "pixels", pixels)

    def heat_maps(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Where the network looked for the likeliest class of pictures [N, H, W, C]: uint8 [N, H, W]."""
        return self._run("heat", "pixels", pixels)

    def pixels(self, styles: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pictures [N, H, W, C] of styles [N, stages, style_size]."""
        return self._run("pixels", "styles", styles)

    def _run(self, output: str, name: str, batch: NDArray[Any]) -> NDArray[Any]:
        if len(batch) == 1 or self._cores is None:
            return self._shared.run([output], {name: batch})[0]
        parts = np.array_split(batch, min(len(batch), max(self._threads, math.ceil(len(batch) / PART_IMAGES))))
        computing = [self._cores.submit(self._single.run, [output], {name: part}) for part in parts]
        try:
            return np.concatenate([part.result()[0] for part in computing])
        except BaseException:
            for part in computing:
                part.cancel()
            wait(computing)  # who tries again with fewer pictures shall have all memory for them
            raise


def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that compute, one on each core where there are as many of them.

    Left to themselves, two of them share a core for milliseconds beside an idle one: where cores share no cache, or a
    virtual machine does not tell that they do, the kernel moves work between them late.
    """
    cores = sorted(os.sched_getaffinity(0))
    free = iter(cores)

    def stay() -> None:
        if threads == len(cores):
            with contextlib.suppress(OSError):  # some sandboxes do not allow it
                os.sched_setaffinity(threading.get_native_id(), {next(free)})

    return ThreadPoolExecutor(threads, thread_name_prefix="compute", initializer=stay)


def _session(path: Path, digest: str, *, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what fails is raised, too
    # Waiting threads sleep: by default they spin, and take the cores from the api's decoding and encoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the exceptions of ONNX Runtime have no base of their own
        if memory.means_too_little(error):
            raise
        raise BadCheckpoint(reason=f"ONNX Runtime cannot read the graph of {digest[:12]}") from error
    said = session.get_modelmeta().custom_metadata_map.get("checkpoint")
    if said != digest:
        raise BadCheckpoint(reason=f"the graph stored as {digest[:12]} was exported from another checkpoint")
    return session
