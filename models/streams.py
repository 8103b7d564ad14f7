"""Random numbers that follow from where a run stands, so that nothing of them has to be kept."""

import torch

# A prime, so that neighbouring seeds, ranks and counts do not meet.
_STRIDE = 1_000_003


def stream(seed: int, *place: int) -> torch.Generator:
    """The generator, on the CPU, of one place in a run of `seed`: (rank, pictures seen), or (epoch,)."""
    for number in place:
        seed = seed * _STRIDE + number
    return torch.Generator().manual_seed(seed % 2**63)
