import torch
from torch import nn

from benchmarks.operations import Operations


def test_operations_are_counted_forward_and_back() -> None:
    layer, x = nn.Conv2d(2, 3, 3, padding=1, bias=False), torch.randn(5, 2, 4, 4, requires_grad=True)
    with Operations() as counted:
        layer(x).sum().backward()
    assert counted.total == 3 * 2 * 5 * 4 * 4 * 2 * 3 * 9
