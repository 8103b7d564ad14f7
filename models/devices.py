"""Where a run computes: one CPU, one GPU, or one process per GPU started by torchrun. The loops are the same for all.

torchrun tells each process its rank through environment variables; without them the run is alone.
"""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import Parameter

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Place:
    """One process's share of a run."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and reports."""
        return self.rank == 0

    def agree(self, stop: bool) -> bool:
        """Whether any process wants to stop, so that all leave the loop at the same step."""
        if self.world == 1:
            return stop
        flag = torch.tensor(float(stop), device=self.device)
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag > 0)

    def least(self, value: float) -> float:
        """The smallest `value` of all processes."""
        if self.world == 1:
            return value
        held = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(held, dist.ReduceOp.MIN)
        return float(held)

    def gather(self, rows: Tensor) -> Tensor:
        """The rows [N, ...] of all processes, [world * N, ...], in the order of their ranks and without gradients."""
        if self.world == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.world)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    def average_gradients(self, parameters: Sequence[Parameter]) -> None:
        """Average gradients over the processes in one message. Every process lacks the same ones, if any."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.world
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def autocast(self, precision: Precision) -> AbstractContextManager[None]:
        """Mixed precision around a forward pass; weights and optimiser stay in fp32. bf16 needs no loss scaling."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16")


def place() -> Place:
    """This process's place. Joins the process group when torchrun started it."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    cuda = torch.cuda.is_available()
    if world == 1:
        return Place(torch.device("cuda" if cuda else "cpu"))
    if not dist.is_initialized():
        dist.init_process_group("nccl" if cuda else "gloo")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    return Place(device, rank=dist.get_rank(), world=world)


def leave() -> None:
    """Part from the other processes in order: one that ends while another still computes with it takes it down."""
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()
