"""A classifier's logits for many pictures held in memory."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

BATCH = 100  # of pictures up to ENLARGED pixels, which a network may look at that large; fewer of larger ones
ENLARGED = 128


@torch.no_grad()
def predict(network: nn.Module, images: Tensor, *, tta: bool = False, device: torch.device | None = None) -> Tensor:
    """Logits float [N, classes] on the CPU for uint8 pictures [N, C, H, W], in fp32 and eval mode.

    With `tta` (test-time augmentation) the log-probabilities of ten views are averaged: the picture, shifted by one
    pixel to each side, and the mirror images of the five.
    """
    training = network.training
    network.eval()
    out = []
    height, width = images.shape[2:]
    for part in images.split(max(1, BATCH * ENLARGED**2 // max(ENLARGED**2, height * width))):
        x = part.to(device or torch.device("cpu")).float() / 255
        if tta:
            out.append(torch.stack([network(view).log_softmax(1) for view in _views(x)]).mean(0).cpu())
        else:
            out.append(network(x).float().cpu())
    network.train(training)
    return torch.cat(out)


def _views(x: Tensor) -> list[Tensor]:
    height, width = x.shape[2:]
    padded = pad(x, (1, 1, 1, 1), mode="replicate")
    corners = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    shifted = [padded[:, :, top : top + height, left : left + width] for top, left in corners]
    return shifted + [view.flip(3) for view in shifted]
