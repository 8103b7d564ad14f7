"""Which device this worker computes on, found out without importing torch where there is no GPU."""

from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/version")


def choose(wanted: str, *, driver: Path = _DRIVER) -> str:
    """`wanted` itself, or for `auto` the GPU where one can be used and else the CPU."""
    if wanted != "auto":
        return wanted
    if not driver.exists():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
