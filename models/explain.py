"""Where a classifier looked: Grad-CAM (Selvaraju et al. 2017)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
    return _enlarged(support, x.shape[-1])


def has_closed_form(network: Classifier) -> bool:
    """Whether the logits are one dense layer on averaged maps, so that `likeliest` explains the network."""
    return network.config.family != "plain" and not network.config.head


def likeliest(network: Classifier, maps: Tensor, logits: Tensor, *, side: int) -> Tensor:
    """The likeliest class' heat map [N, side, side], without a gradient and so fit for export.

    `maps` [N, K, h, w] are the last of the network, `logits` [N, classes] what it makes of them. Where a dense layer W
    follows the average over space, the gradient of logit c over map k is W_ck / (h w) everywhere, and the constant
    falls out with the maximum (Zhou et al. 2016).
    """
    dense = network.head[-1]
    assert isinstance(dense, nn.Linear)
    weight = dense.weight[logits.argmax(1)]  # [N, K]
    support = (weight[:, :, None, None] * maps).sum(1, keepdim=True).relu()
    return _enlarged(support, side)


def _enlarged(support: Tensor, side: int) -> Tensor:
    large = F.interpolate(support, (side, side), mode="bilinear", align_corners=False)[:, 0]
    return large / large.amax((1, 2), keepdim=True).clamp(min=1e-12)
