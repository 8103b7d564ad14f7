"""Pictures that belong to no class, told by how far they lie from those that a classifier knows.

    d^2(x) = min_c |W (f(x) - m_c)|^2                         with W' W = S^-1
    s(x)   = (ln d^2(x) - a) / b + SHARE (E(x) - e) / g

f(x) are the means over space of the maps that each stage hands on: early stages know what a picture is made of, late
ones what it shows (Lee et al. 2018). S is the covariance of training pictures' features around the mean m_c of their
class, shrunk towards its diagonal as far as few pictures make it necessary (Ledoit and Wolf 2004), so d is a
Mahalanobis distance. E is the energy of the calibrated logits, high where no class is likely (Liu et al. 2020). a, b, e
and g bring both to mean 0 and deviation 1 over validation pictures.

The last features alone, or the energy alone, miss what training never made them tell: a classifier of clothing that
has learnt to look for sleeves finds some in a face.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from models.classifier import Classifier
from models.predict import predict

SHARE = 0.3  # of the energy; chosen with ten kinds of strangers at hand, three times as much or none tells them worse
KNOWN = 3_000  # training pictures that are enough for the covariance of some hundred features
NARROWEST = 0.01  # of the middle feature's deviation: one that hardly moves in training is no proof beyond that
RIDGE = 1e-6  # on the covariance of standardised features, for pictures that are all alike
STEADIEST = 0.01  # deviation of either part over validation pictures: below, rounding would be told for strangeness


class Strangers(nn.Module):
    """s(x), from constants that travel in a checkpoint beside the weights."""

    centre: Tensor
    scale: Tensor
    whitening: Tensor
    means: Tensor
    standard: Tensor

    def __init__(self, constants: Mapping[str, Tensor]) -> None:
        """`scale` [D] and `whitening` [D, D] make W; `means` [classes, D] are W m_c; `standard` [4] are a, b, e and g.
        Features count from `centre` [D], so that no large number is left for rounding."""
        super().__init__()
        for name in ("centre", "scale", "whitening", "means", "standard"):
            self.register_buffer(name, constants[name].float())

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        """Features [N, D] and calibrated logits [N, classes] -> [N], near 0 for most known pictures."""
        a, b, e, g = self.standard.unbind()
        return (self.distance(features).log() - a) / b + SHARE * (energy(logits) - e) / g

    def distance(self, features: Tensor) -> Tensor:
        """d^2 of features [N, D], float [N]."""
        x = ((features - self.centre) / self.scale) @ self.whitening.T
        apart = x.square().sum(1, keepdim=True) - 2 * x @ self.means.T + self.means.square().sum(1)
        return apart.amin(1).clamp(min=RIDGE)

    def constants(self) -> dict[str, Tensor]:
        """What `__init__` takes, the large one in float16, which holds it exactly."""
        return {**self.state_dict(), "whitening": self.whitening.half()}


def fit(known: Tensor, labels: Tensor, *, features: Tensor, logits: Tensor) -> Strangers:
    """From features of training pictures, float [N, D] with int64 labels [N], and features [M, D] and calibrated
    logits [M, classes] of validation pictures. Raises `FloatingPointError` for features that are no numbers."""
    if not known.isfinite().all():
        raise FloatingPointError("What the network sees in a picture is no number; a lower learning rate may help.")
    x, classes = known.double(), logits.shape[1]
    members = torch.nn.functional.one_hot(labels, classes).double()
    met = members.sum(0) > 0  # a class may be without a picture
    means = (members.T @ x / members.sum(0)[:, None].clamp(min=1))[met]
    around = x - means[(met.cumsum(0) - 1)[labels]]
    deviation = around.std(0)
    scale = deviation.clamp(min=max(NARROWEST * deviation.median().item(), RIDGE))
    # Rounded before anything follows from it, so that the constants as they are stored agree with each other.
    root = torch.linalg.cholesky(shrunk_covariance(around / scale))
    identity = torch.eye(len(root), dtype=root.dtype)
    whitening = torch.linalg.solve_triangular(root, identity, upper=False).half().double()
    strangers = Strangers(
        {
            "centre": x.mean(0),
            "scale": scale,
            "whitening": whitening,
            "means": ((means - x.mean(0)) / scale) @ whitening.T,
            "standard": torch.tensor([0.0, 1.0, 0.0, 1.0]),
        }
    )
    parts = strangers.distance(features).log(), energy(logits)
    spread = [value for part in parts for value in (part.mean(), part.std().clamp(min=STEADIEST))]
    strangers.standard.copy_(torch.stack(spread))
    return strangers


def shrunk_covariance(x: Tensor) -> Tensor:
    """The covariance [D, D] of centred samples x [N, D], drawn towards a multiple of the identity by the share that
    Ledoit and Wolf (2004) find best, with their estimate of it."""
    n, size = x.shape
    sample, identity = x.T @ x / n, torch.eye(size, dtype=x.dtype)
    target = sample.diag().mean() * identity
    apart = (sample - target).square().sum()
    noise = (x.square().sum(1).square().sum() / n - sample.square().sum()) / n
    share = (noise / apart.clamp(min=RIDGE)).clamp(0, 1)
    return share * target + (1 - share) * sample + RIDGE * identity


def energy(logits: Tensor) -> Tensor:
    """E(x) = -logsumexp of logits [N, classes], float [N]."""
    return -torch.logsumexp(logits, 1)


def pooled(maps: Sequence[Tensor]) -> Tensor:
    """The means over space of several maps [N, C, H, W], side by side: [N, D]."""
    return torch.cat([entry.mean((2, 3)) for entry in maps], 1)


def describe(network: Classifier, images: Tensor, *, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Features [N, D] and logits [N, classes] on the CPU of uint8 pictures [N, C, H, W]."""
    both = predict(_Described(network), images, device=device)
    return both[:, : -network.config.classes], both[:, -network.config.classes :]


class _Described(nn.Module):
    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network
        self.train(network.training)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.network.stages(x)
        return torch.cat((pooled(maps), self.network.head(maps[-1])), 1)
