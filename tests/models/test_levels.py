import torch

from models.levels import from_levels, to_levels


def test_every_level_comes_back():
    levels = torch.arange(256).to(torch.uint8)
    assert torch.equal(to_levels(from_levels(levels)), levels)
    assert (from_levels(levels)[0], from_levels(levels)[-1]) == (-1, 1)


def test_what_lies_outside_is_cut_off():
    assert to_levels(torch.tensor([-3.0, 0.0, 1.5])).tolist() == [0, 128, 255]
