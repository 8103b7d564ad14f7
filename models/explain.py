"""Where a classifier looked: Grad-CAM (Selvaraju et al. 2017)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from models.classifier import Classifier


def heat_map(network: Classifier, x: Tensor, classes: Tensor) -> Tensor:
    """How much each place speaks for a class, float [N, H, W] in 0..1.

    Pictures are float [N, C, H, W] in 0..1, classes int64 [N].

    map = relu(sum_k a_k A_k) with A the last maps and a_k the mean gradient of the class' logit over map k, enlarged to
    the picture and divided by its own maximum. A map without any support for the class stays zero.
    """
    maps = network.features((x - network.mean) / network.std).detach().requires_grad_()
    with torch.enable_grad():
        logit = network.head(maps).gather(1, classes[:, None]).sum()
        (gradient,) = torch.autograd.grad(logit, maps)
    support = (gradient.mean((2, 3), keepdim=True) * maps.detach()).sum(1, keepdim=True).relu()
    large = F.interpolate(support, x.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return large / large.amax((1, 2), keepdim=True).clamp(min=1e-12)
