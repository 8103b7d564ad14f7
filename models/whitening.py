"""The first convolution as a whitening of small patches, for a run to begin with.

Neighbouring pixels are alike, so most of what a random filter sees is brightness. With the eigenvectors v of the
covariance of patches, filters v / sqrt(eigenvalue) give outputs that are uncorrelated and of one size; each is there
with both signs, because what follows keeps positive values alone (Page 2018; Jordan 2024, who never trains them).
"""

import torch
from torch import Tensor, nn

PIXELS = 2_000 * 32**2  # whose patches are enough
LEAST = 1e-4  # added to eigenvalues, of pictures whose deviation is 1: fainter patterns are noise of the compression


@torch.no_grad()
def whiten(convolution: nn.Conv2d, pictures: Tensor) -> None:
    """Give the convolution filters that whiten patches of `pictures`, float [N, C, H, W], those that vary most first.

    Filters beyond twice as many as a patch has numbers keep what they have.
    """
    size = convolution.kernel_size[0]
    patches = pictures.unfold(2, size, 1).unfold(3, size, 1)  # [N, C, h, w, size, size]
    rows = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, convolution.weight[0].numel()).double()
    rows = rows - rows.mean(0)
    values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
    filters = (vectors / (values + LEAST).sqrt()).T.flip(0)  # the largest eigenvalue first
    signed = torch.stack((filters, -filters), 1).flatten(0, 1)[: len(convolution.weight)]
    convolution.weight[: len(signed)] = signed.view(-1, *convolution.weight.shape[1:]).to(convolution.weight.dtype)
