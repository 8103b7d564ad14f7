"""Counts what a computation costs, in floating-point operations."""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Operations(TorchDispatchMode):
    """Counts the operations of matrix products and convolutions while the block runs; a multiply-add is two.

    PyTorch's own `FlopCounterMode` counts by module as well, with hooks that `torch.autograd.grad` does not allow.
    """

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if (count := flop_registry.get(func.overloadpacket)) is not None:
            self.total += count(*args, **(kwargs or {}), out_val=result)
        return result
