"""Memory of this process: how much it holds, how it gives back, and which exceptions mean that there was too little."""

import ctypes
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# What the engines' own allocators say; none of them has an exception type that means memory alone.
_SAID_BY_ENGINES = (
    "failed to allocate memory",
    "bad_alloc",
    "bad allocation",
    "can't allocate memory",
    "out of memory",
)


def resident_bytes() -> int:
    """The memory that this process holds in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def held_bytes() -> int:
    """The memory that this process holds, in RAM and on its GPU."""
    return resident_bytes() + device_bytes()


def device_bytes() -> int:
    """The memory that this process holds on its GPU; 0 without one."""
    cuda = _cuda()
    return int(cuda.memory_reserved()) if cuda else 0


def means_too_little(error: BaseException) -> bool:
    """Whether `error` is an allocation that failed, in Python, in ONNX Runtime or in torch."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    from_engine = isinstance(error, RuntimeError) or type(error).__module__.startswith("onnxruntime")
    return from_engine and any(sign in str(error).lower() for sign in _SAID_BY_ENGINES)


def release() -> None:
    """Give freed memory back to the system and, where there is one, to the GPU.

    glibc keeps the blocks of a network that was let go: after twenty loads the process would be twenty networks big.
    """
    gc.collect()
    if _malloc_trim is not None:
        _malloc_trim(0)
    if cuda := _cuda():
        cuda.empty_cache()


def _cuda() -> Any:
    """`torch.cuda` where a GPU is in use. While another thread imports torch, the module is there and nearly empty."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    in_use = getattr(cuda, "is_initialized", None)
    return cuda if in_use and in_use() else None


_malloc_trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
