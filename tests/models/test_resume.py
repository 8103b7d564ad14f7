from pathlib import Path

import pytest
import torch
from torch import nn

from models import checkpoint, resume


def test_an_optimiser_goes_on_where_it_was(tmp_path: Path) -> None:
    def stepped(optimizer: torch.optim.Optimizer, network: nn.Module, steps: int) -> None:
        for step in range(steps):
            optimizer.zero_grad()
            network(torch.full((2, 3), float(step))).square().sum().backward()
            optimizer.step()

    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    stepped(optimizer, network, 3)
    tensors, skeleton = resume.flatten("optimizer", optimizer.state_dict())
    resume.save_state(tmp_path / "r", tensors | resume.module_tensors("network", network), {"optimizer": skeleton})
    stepped(optimizer, network, 2)

    other = nn.Linear(3, 2)
    loaded, meta = resume.load_state(tmp_path / "r")
    resume.restore_module("network", other, loaded)
    again = torch.optim.AdamW(other.parameters(), lr=0.5)
    again.load_state_dict(resume.unflatten(loaded, meta["optimizer"]))
    stepped(again, other, 2)
    assert torch.equal(network.weight, other.weight)


def test_whole_numbers_as_keys_lists_and_random_state_come_back(tmp_path: Path) -> None:
    tree = {"state": {0: {"step": torch.tensor(3.0)}}, "groups": [{"params": [0, 1], "lr": 0.1, "name": None}]}
    tensors, skeleton = resume.flatten("t", tree)
    resume.save_state(tmp_path / "r", {**tensors, "random": torch.get_rng_state()}, {"tree": skeleton})
    loaded, meta = resume.load_state(tmp_path / "r")
    back = resume.unflatten(loaded, meta["tree"])
    assert back["state"][0]["step"] == 3
    assert back["groups"] == tree["groups"]
    assert torch.equal(loaded["random"], torch.get_rng_state())


def test_tensors_that_share_memory_are_saved(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    resume.save_state(tmp_path / "r", {"whole": whole, "half": whole[:3]}, {})
    assert torch.equal(resume.load_state(tmp_path / "r")[0]["half"], whole[:3])


def test_a_checkpoint_is_no_resume_state(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c", kind="classifier", network={}, weights={"w": torch.zeros(1)}, header={})
    with pytest.raises(ValueError, match="not a resume state"):
        resume.load_state(tmp_path / "c")
