"""A classifier's logits for many pictures held in memory."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from models import devices
from models.classifier import Classifier
from models.features import EMBEDDING_PIXELS

BATCH = 100  # of pictures up to EMBEDDING_PIXELS, which a network may look at that large; fewer of larger ones


@torch.no_grad()
def predict(
    network: nn.Module,
    images: Tensor,
    *,
    tta: bool = False,
    device: torch.device | None = None,
    precision: devices.Precision = "fp32",
) -> Tensor:
    """Logits float [N, classes] on the CPU for uint8 pictures [N, C, H, W], in eval mode and computed in `precision`.

    With `tta` (test-time augmentation) the log-probabilities of ten views are averaged: the picture, shifted by one
    pixel to each side, and the mirror images of the five.
    """
    training = network.training
    network.eval()
    place = devices.Place(device or torch.device("cpu"))
    out = []
    for part in images.split(_batch(network, images)):
        x = part.to(place.device).float() / 255
        with place.autocast(precision):
            logits = [network(view).float() for view in (_views(x) if tta else [x])]
        out.append(torch.stack([found.log_softmax(1) for found in logits]).mean(0).cpu() if tta else logits[0].cpu())
    network.train(training)
    return torch.cat(out)


def _batch(network: nn.Module, images: Tensor) -> int:
    """How many pictures at once, so that memory is the same however large the network looks at them."""
    looked_at = [part.config.enlarged for part in network.modules() if isinstance(part, Classifier)]
    side = max(EMBEDDING_PIXELS, *images.shape[2:], *looked_at)
    return max(1, BATCH * EMBEDDING_PIXELS**2 // side**2)


def _views(x: Tensor) -> list[Tensor]:
    height, width = x.shape[2:]
    padded = pad(x, (1, 1, 1, 1), mode="replicate")
    corners = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    shifted = [padded[:, :, top : top + height, left : left + width] for top, left in corners]
    return shifted + [view.flip(3) for view in shifted]
