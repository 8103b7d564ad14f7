import torch

from models.classifier import Classifier, NetworkConfig
from models.explain import heat_map

CONFIG = NetworkConfig(widths=(8, 8), blocks=(0, 1), size=16, classes=3, mean=(0.2,), std=(0.5,))


def test_with_global_pooling_and_one_dense_layer_the_map_is_the_class_weights_times_the_features() -> None:
    torch.manual_seed(0)
    network = Classifier(CONFIG).eval().requires_grad_(False)
    torch.nn.init.uniform_(network.head[-1].weight)  # so that something speaks for every class
    x = torch.rand(2, 1, 16, 16)
    classes = torch.tensor([2, 0])
    features = network.features((x - 0.2) / 0.5)
    support = torch.einsum("nchw,nc->nhw", features, network.head[-1].weight[classes]).relu()
    expected = torch.nn.functional.interpolate(support[:, None], (16, 16), mode="bilinear")[:, 0]
    expected = expected / expected.amax((1, 2), keepdim=True)
    torch.testing.assert_close(heat_map(network, x, classes), expected)


def test_a_class_that_nothing_speaks_for_gets_an_empty_map() -> None:
    network = Classifier(CONFIG).eval()
    torch.nn.init.constant_(network.head[-1].weight, -1.0)
    assert not heat_map(network, torch.rand(1, 1, 16, 16), torch.tensor([0])).any()
