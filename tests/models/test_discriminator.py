"""The two judges: shapes, growth without a jump, and features on one scale."""

import torch
import torch.nn.functional as F

from models.discriminator import FeatureDiscriminator, PixelDiscriminator, _batch_deviation
from models.features import STAGE_CHANNELS


def maps(count: int, *, scale: float = 1.0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sides = (8, 4, 2, 1)
    return [
        torch.randn(count, channels, side, side, generator=generator) * scale
        for channels, side in zip(STAGE_CHANNELS, sides, strict=True)
    ]


def test_a_grown_resolution_is_silent_at_first():
    torch.manual_seed(0)
    judge = PixelDiscriminator((8, 8, 8), base=4, channels=3, grown=1)
    large = torch.randn(4, 3, 16, 16)
    assert torch.allclose(judge(large), judge(F.avg_pool2d(large, 2)), atol=1e-6)


def test_a_grown_resolution_learns():
    judge = PixelDiscriminator((8, 8, 8), base=4, channels=3, grown=1)
    judge(torch.randn(4, 3, 16, 16)).sum().backward()
    assert judge.shrink[1].weight.grad.abs().sum() > 0


def test_the_label_changes_the_verdict():
    torch.manual_seed(0)
    judge = PixelDiscriminator((8, 8), base=7, channels=1, classes=3)
    pictures = torch.randn(2, 1, 14, 14)
    assert not torch.allclose(judge(pictures, torch.tensor([0, 0])), judge(pictures, torch.tensor([1, 2])))


def test_pictures_that_look_alike_are_told_from_pictures_that_differ():
    torch.manual_seed(0)
    judge = PixelDiscriminator((8, 8), base=4, channels=3)
    one = torch.randn(1, 3, 8, 8)
    alike = judge(one.expand(8, -1, -1, -1))
    among_others = judge(torch.cat((one, torch.randn(7, 3, 8, 8))))
    assert not torch.allclose(alike[:1], among_others[:1], atol=1e-4)


def test_pictures_of_a_class_that_look_alike_are_told_from_others_however_the_classes_differ():
    torch.manual_seed(0)
    labels = torch.tensor([0, 1, 0, 1, 0, 1, 2, 0])
    one_each = 10 * torch.randn(3, 5, 4, 4)
    collapsed = _batch_deviation(one_each[labels], labels)[..., 0, 0]
    assert collapsed.shape == (8, 5)
    assert collapsed.max() < 1e-3
    varied = one_each[labels] + torch.randn(8, 5, 4, 4)
    measured = _batch_deviation(varied, labels)[..., 0, 0]
    of_ones = varied[labels == 1].std(0, unbiased=False).mean((1, 2))
    assert torch.allclose(measured[labels == 1], of_ones.expand(3, -1), rtol=1e-3)
    assert measured[6].max() < 1e-3  # alone in its class: nothing to be told
    judge = PixelDiscriminator((8, 8), base=4, channels=3, classes=3)
    pictures = torch.randn(3, 3, 8, 8)[labels]
    other = torch.cat((pictures[:2], torch.randn(6, 3, 8, 8)))
    assert not torch.allclose(judge(pictures, labels)[:2], judge(other, labels)[:2], atol=1e-4)


def test_a_head_judges_every_scale_of_the_trunk():
    logits = FeatureDiscriminator()(maps(2))
    assert [tuple(x.shape) for x in logits] == [(2, 1, 1), (2, 1, 1), (2, 2, 2), (2, 4, 4)]


def test_standardised_features_have_one_scale_whatever_the_trunk_gives():
    judge = FeatureDiscriminator().eval()  # spectral norm moves while it trains
    small, large = maps(16), maps(16, scale=100.0)
    judge.standardise(small)
    expected = judge(small)
    judge.standardise(large)
    assert all(torch.allclose(x, y, atol=1e-3) for x, y in zip(expected, judge(large), strict=True))


def test_the_random_projections_never_move():
    judge = FeatureDiscriminator()
    trained = {name for name, parameter in judge.named_parameters() if parameter.requires_grad}
    assert trained
    assert all(name.startswith("heads.") for name in trained)
