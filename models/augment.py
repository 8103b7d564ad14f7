"""Differentiable augmentation (Zhao et al., 2020, arXiv:2006.10738): real and generated pictures meet the judges
changed alike.

Every change is drawn for each picture on its own and applied with the given probability, from a CPU generator, so
that a device or a resume draws the same. Pictures are float [N, C, H, W] in [-1, 1], and so are the results up to a
little overshoot in colour.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

BRIGHTNESS, SATURATION, CONTRAST = 0.4, 0.5, 0.4  # largest changes, brightness in units of the picture's range / 2
TRANSLATION = 1 / 8  # of the side
CUTOUT = 3 / 8  # of the side


def augment(pictures: Tensor, *, probability: float, generator: torch.Generator) -> Tensor:
    """Colour, translation and cutout, each with `probability` for each picture."""
    n = pictures.shape[0]

    def draw(count: int) -> Tensor:
        return torch.rand(n, count, generator=generator).to(pictures.device)

    chosen = (draw(3) < probability).to(pictures.dtype)  # [N, 3]
    pictures = _colour(pictures, (draw(3) * 2 - 1) * chosen[:, :1])
    pictures = _translate(pictures, (draw(2) * 2 - 1) * chosen[:, 1:2])
    return _cutout(pictures, draw(2), chosen[:, 2])


def mirror(pictures: Tensor, *, generator: torch.Generator) -> Tensor:
    """Each picture flipped left to right with probability one half."""
    flipped = torch.rand(pictures.shape[0], generator=generator).to(pictures.device) < 0.5
    return torch.where(flipped[:, None, None, None], pictures.flip(3), pictures)


def _colour(x: Tensor, amounts: Tensor) -> Tensor:
    """Brightness, saturation and contrast changed by `amounts` in [-1, 1], [N, 3]."""
    brightness, saturation, contrast = (amounts[:, i, None, None, None] for i in range(3))
    x = x + brightness * BRIGHTNESS
    if x.shape[1] == 3:
        grey = x.mean(1, keepdim=True)
        x = grey + (x - grey) * (1 + saturation * SATURATION)
    middle = x.mean((1, 2, 3), keepdim=True)
    return middle + (x - middle) * (1 + contrast * CONTRAST)


def _translate(x: Tensor, amounts: Tensor) -> Tensor:
    """Moved by whole pixels, the border repeated."""
    side = x.shape[-1]
    reach = round(side * TRANSLATION)
    padded = F.pad(x, (reach,) * 4, mode="replicate")
    starts = ((amounts * (reach + 0.499)).round().long() + reach).tolist()  # [N, 2]
    # Views and one copy: the gradient of a gather or of index arrays is many times slower on a CPU.
    moved = [
        one[:, row : row + side, column : column + side] for one, (row, column) in zip(padded, starts, strict=True)
    ]
    return torch.stack(moved)


def _cutout(x: Tensor, centres: Tensor, chosen: Tensor) -> Tensor:
    """A square of zeros (mid-grey) around a random centre, where chosen [N] is one."""
    side = x.shape[-1]
    line = torch.arange(side, device=x.device)
    inside = ((line - centres[:, :, None] * side).abs() < side * CUTOUT / 2).to(x.dtype)  # [N, 2, side]
    hole = inside[:, 0, :, None] * inside[:, 1, None, :] * chosen[:, None, None]
    return x * (1 - hole[:, None])
