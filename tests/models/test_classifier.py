from dataclasses import replace

import pytest
import torch
from torch import nn

from models import classifier
from models.classifier import Classifier, NetworkConfig
from models.resume import as_json

SMALL = NetworkConfig(widths=(8, 8, 16), blocks=(0, 1, 1), classes=3)


@pytest.mark.parametrize("family", ["residual", "plain"])
@pytest.mark.parametrize(("size", "channels"), [(28, 1), (33, 3)])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "prelu"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_every_choice_gives_logits_and_a_gradient_for_every_weight(
    family: str, size: int, channels: int, activation: str, pooling: str
) -> None:
    config = replace(
        SMALL,
        family=family,
        size=size,
        channels=channels,
        activation=activation,
        pooling=pooling,  # type: ignore[arg-type]
        blocks=(1, 1, 1),
        head=(12,),
        dropout=0.1,
    )
    torch.manual_seed(0)
    network = Classifier(config)
    # Residual blocks start as their skip path, with no gradient behind the zeros; a first step is taken for granted.
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
    logits = network(torch.rand(16, channels, size, size))
    assert logits.shape == (16, 3)
    logits.square().sum().backward()
    silent = [
        name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert silent == []


def test_a_configuration_survives_json() -> None:
    config = replace(SMALL, head=(5,), mean=(0.25,), std=(0.5,))
    assert classifier.build(as_json(config.to_dict())).config == config
    larger = replace(config, enlarged=160)
    assert classifier.build(as_json(larger.to_dict())).config == larger


def test_the_input_is_normalised_inside_the_network() -> None:
    torch.manual_seed(0)
    plain = Classifier(replace(SMALL, mean=(0.0,), std=(1.0,))).eval()
    normalising = Classifier(replace(SMALL, mean=(0.25,), std=(0.5,))).eval()
    normalising.load_state_dict(plain.state_dict())
    x = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(normalising(x), plain((x - 0.25) / 0.5))


def test_operations_are_counted_as_by_hand() -> None:
    config = NetworkConfig(family="plain", widths=(4,), blocks=(1,), size=8, classes=2)
    assert classifier.operations(config) == 2 * (8 * 8 * 4 * 9) + 2 * (4 * 4 * 4) * 2


def test_an_untrained_residual_network_ignores_what_its_blocks_compute() -> None:
    network = Classifier(replace(SMALL, widths=(8, 8), blocks=(0, 1))).eval()
    x = torch.rand(2, 1, 28, 28)
    before = network(x)
    block = network.features[-1]
    nn.init.normal_(block.one[0].weight)
    assert torch.equal(network(x), before)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"widths": (8,)}, "same number of stages"),
        ({"size": 2}, "at least 4 pixels"),
        ({"size": 4, "family": "plain"}, "at least 8 pixels"),
    ],
)
def test_shapes_that_cannot_be_are_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Classifier(replace(SMALL, **changes))  # type: ignore[arg-type]
