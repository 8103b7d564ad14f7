"""A classifier whose logits mean something: their softmax is calibrated, and their energy tells strangers.

A constant that is added to all logits of a picture changes no probability, but their energy, -logsumexp(logits). So
the score of `models.strangers` travels as the common level of the logits, and whoever reads energies from logits reads
the score.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from models import calibration, checkpoint, strangers
from models.calibration import Calibration
from models.classifier import Classifier
from models.data import Pictures
from models.strangers import Strangers


class Calibrated(nn.Module):
    """pictures float [N, C, H, W] in 0..1 -> logits [N, classes]. Checkpoints from before there was a score have none;
    their energy is that of the calibrated logits."""

    def __init__(self, network: Classifier, fitted: Calibration, known: Strangers | None) -> None:
        super().__init__()
        self.network, self.fitted, self.known = network, fitted, known

    def forward(self, x: Tensor) -> Tensor:
        maps = self.network.stages(x)
        return self.levelled(self.network.head(maps[-1]), maps)

    def levelled(self, raw: Tensor, maps: list[Tensor]) -> Tensor:
        """The logits, from the network's own ones and the maps of its stages."""
        logits = self.fitted.apply(raw)
        if self.known is None:
            return logits
        return logits.log_softmax(1) - self.known(strangers.pooled(maps), logits)[:, None]

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps of it, by name; the rest stands in its header."""
        constants = {} if self.known is None else self.known.constants()
        return self.network.state_dict() | {f"{checkpoint.STRANGERS}{key}": value for key, value in constants.items()}


def build(loaded: checkpoint.Checkpoint) -> Calibrated:
    """The classifier of a checkpoint, in eval mode and without gradients."""
    network = checkpoint.build(loaded)
    assert isinstance(network, Classifier)
    start = checkpoint.STRANGERS
    constants = {key.removeprefix(start): value for key, value in loaded.weights.items() if key.startswith(start)}
    fitted = Calibration(**loaded.header.calibration)
    return Calibrated(network, fitted, Strangers(constants) if constants else None).eval()


@torch.no_grad()
def fit(
    network: Classifier, training: Pictures, validation: Pictures, *, device: torch.device | None = None
) -> tuple[Calibrated, Tensor]:
    """The network with all constants fitted, on the CPU, and its logits [N, classes] of the validation pictures.

    What is known is taken from the training pictures, how far they are to be trusted from the validation pictures.
    """
    assert training.labels is not None
    assert validation.labels is not None
    every = max(1, len(training) // strangers.KNOWN)
    known, _ = strangers.describe(network, training.images[::every], device=device)
    features, raw = strangers.describe(network, validation.images, device=device)
    fitted = calibration.fit(raw, validation.labels)
    logits = fitted.apply(raw)
    score = strangers.fit(known, training.labels[::every], features=features, logits=logits)
    energies = score(features, logits)
    fitted = replace(fitted, energy=calibration.limit(energies))
    return Calibrated(network, fitted, score), logits.log_softmax(1) - energies[:, None]
