"""A network in torch: on a GPU, or on a CPU where there is no ONNX export or the setting asks for it.

This module imports torch, so it is imported only when one of its networks is needed: that keeps two seconds of start-up
and a quarter of a gigabyte from a worker that runs on ONNX Runtime.
"""

import threading
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from app.contract.errors import BadCheckpoint
from models import calibrated, checkpoint, explain
from models.levels import to_levels
from worker import memory


class TorchNetwork:
    """The checkpoint at `path` on `device`, with the inputs and outputs of its ONNX graph.

    One batch computes at a time, whoever asks: a heat map takes notes in the network while it runs.

    Raises:
        BadCheckpoint: its tensors are not those of the network that it describes.
        NotACheckpoint: the file is none.
    """

    engine = "torch"

    def __init__(self, path: Path, *, device: str, threads: int) -> None:
        torch.set_num_threads(threads)
        self._on = torch.device(device)
        self._network = _read(path).to(self._on, memory_format=torch.channels_last)
        self._turn = threading.Lock()
        self.device = torch.cuda.get_device_name(self._on) if self._on.type == "cuda" else "cpu"

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated logits [N, classes] of pictures [N, H, W, C]."""
        with self._turn, torch.inference_mode():
            return self._network(self._pictures(pixels)).float().cpu().numpy()

    def pixels(self, styles: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Pictures [N, H, W, C] of styles [N, stages, style_size]."""
        with self._turn, torch.inference_mode():
            pictures = self._network.synthesis(torch.from_numpy(styles).to(self._on)).float()
            return to_levels(pictures).permute(0, 2, 3, 1).contiguous().cpu().numpy()

    def heat_maps(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Where the network looked for the likeliest class of pictures [N, H, W, C]: uint8 [N, H, W]."""
        pictures = self._pictures(pixels)
        with self._turn:
            with torch.inference_mode():
                likeliest = self._network(pictures).argmax(1)
            maps = explain.heat_map(self._network.network, pictures, likeliest.clone())
        return (maps * 255).round().to(torch.uint8).cpu().numpy()

    def _pictures(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        # A copy, because the pixels of a message are read-only.
        moved = torch.from_numpy(pixels.copy()).to(self._on).permute(0, 3, 1, 2)
        return moved.to(memory_format=torch.channels_last, dtype=torch.float32) / 255


def _read(path: Path) -> torch.nn.Module:
    loaded = checkpoint.load(path)
    try:
        return calibrated.build(loaded) if loaded.header.kind == "classifier" else checkpoint.build(loaded)
    except Exception as error:  # whatever the header says reaches the constructors of networks
        if memory.means_too_little(error):
            raise
        raise BadCheckpoint(reason="its tensors are not those of the network that it describes") from error
