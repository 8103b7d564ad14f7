"""Too little memory is told from other failures, by the engines' real words, and does not end the process."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

from worker import memory

STARVED = """
import resource, sys
from pathlib import Path
import numpy as np
from app.contract.errors import OutOfMemory
from worker.serving.halving import halving
from worker.serving.{module} import {network}

network = {network}(Path(sys.argv[1]), threads=1, {more})
styles = np.zeros((20000, 3, 16), np.float32)
network.pixels(styles[:1])
held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 60_000_000,) * 2)
try:
    halving(network.pixels, styles)
except OutOfMemory:
    print("too little", network.pixels(styles[:1]).shape)
"""


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_a_batch_that_does_not_fit_leaves_the_network_at_work(versions, engine):
    if engine == "onnx":
        script = STARVED.format(module="onnx_network", network="OnnxNetwork", more=f"digest={versions.generator!r}")
        path = versions.folder / "faces.onnx"
    else:
        script = STARVED.format(module="torch_network", network="TorchNetwork", more="device='cpu'")
        path = versions.folder / "faces.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert done.stdout == "too little (1, 16, 16, 3)\n", done.stderr


def test_other_failures_do_not_mean_memory():
    assert memory.means_too_little(MemoryError())
    assert not memory.means_too_little(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not memory.means_too_little(ValueError("the user ran out of memory for names"))


def test_memory_is_told_while_another_thread_imports_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    assert memory.held_bytes() > memory.device_bytes() == 0
    memory.release()


def test_what_was_freed_goes_back_to_the_system():
    blocks = [bytearray(100_000) for _ in range(2000)]
    full = memory.resident_bytes()
    # The last block stays and would hold the heap's end up, were the pages below it not returned as well.
    del blocks[:-1]
    memory.release()
    assert memory.resident_bytes() < full - 150_000_000
