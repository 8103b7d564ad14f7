"""The generator's promises: a seed is a picture whatever the batch, growth without a jump, modulation as published."""

import pytest
import torch
import torch.nn.functional as F

from models.gan import Generator, GeneratorConfig, build

TINY = GeneratorConfig(widths=(8, 8, 8), latent_size=6, style_size=8)


def tiny(**changes) -> Generator:
    torch.manual_seed(0)
    return Generator(GeneratorConfig(**{**TINY.to_dict(), "widths": TINY.widths, **changes})).eval()


def test_a_picture_has_the_size_and_channels_of_its_config():
    assert tiny(channels=1)(torch.randn(2, 6)).shape == (2, 1, 16, 16)
    assert tiny(base=7)(torch.randn(2, 6)).shape == (2, 3, 28, 28)


def test_a_picture_does_not_depend_on_its_batch():
    network, z = tiny(), torch.randn(5, 6)
    together = network(z)
    alone = torch.cat([network(one[None]) for one in z])
    assert torch.allclose(together, alone, atol=1e-5)


def test_a_grown_stage_starts_without_changing_the_picture():
    network, z = tiny(grown=1), torch.randn(3, 6)
    small = network(z, size=8)
    large = network(z)
    assert torch.allclose(large, F.interpolate(small, scale_factor=2.0, mode="bilinear"), atol=1e-6)


def test_an_enlarger_doubles_what_the_stages_draw():
    network, z = tiny(enlarger_width=8), torch.randn(3, 6)
    assert network.config.size == 32
    assert network(z).shape == (3, 3, 32, 32)
    plain = tiny()
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("enlarger.")})
    assert torch.equal(network(z, size=16), plain(z))
    assert torch.equal(network(z), network.enlarger(plain(z)))
    assert network.config.without_enlarger() == plain.config


def test_a_header_tells_an_enlarger_only_where_there_is_one():
    assert not any("enlarger" in name for name in tiny().config.to_dict())
    large = tiny(enlarger_width=8, enlarger_blocks=1).config
    assert build(large.to_dict()).config == large


def test_a_size_without_a_stage_is_refused():
    with pytest.raises(ValueError, match="no stage of 12"):
        tiny()(torch.randn(1, 6), size=12)


def test_modulated_activations_equal_modulated_weights():
    layer = tiny().stages[1].enter
    x, w = torch.randn(1, 8, 4, 4), torch.randn(1, 8)
    weight = layer.weight * layer.style(w)[0][None, :, None, None]
    weight = weight * torch.rsqrt(weight.square().sum((1, 2, 3), keepdim=True) + 1e-8)
    expected = F.leaky_relu(F.conv2d(x, weight, layer.bias, padding=1), 0.2) * (2 / 1.04) ** 0.5
    assert torch.allclose(layer(x, w), expected, atol=1e-5)


def test_truncation_ends_at_the_average_picture_and_is_set_for_each_picture():
    network, z = tiny(), torch.randn(2, 6)
    network.w_average.copy_(torch.randn(1, 8))
    drawn = network.sample(z, truncation=torch.tensor([0.0, 1.0]))
    assert torch.allclose(drawn[:1], network.synthesis(network.w_average), atol=1e-5)
    assert torch.allclose(drawn[1:], network(z[1:]), atol=1e-5)


def test_truncation_goes_to_the_mean_of_the_label():
    network = tiny(classes=3)
    network.w_average.copy_(torch.randn(3, 8))
    w, labels = torch.randn(3, 8), torch.tensor([2, 0, 1])
    assert torch.equal(network.truncate(w, torch.zeros(3), labels), network.w_average[labels])


def test_a_style_a_stage_is_the_same_as_one_style_repeated():
    network, w = tiny(), torch.randn(2, 8)
    assert torch.allclose(network.synthesis(w), network.synthesis(w[:, None].expand(-1, 3, -1)), atol=1e-6)


def test_the_finest_style_keeps_the_coarse_picture():
    network, w = tiny(), torch.randn(1, 3, 8)
    mixed = w.clone()
    mixed[:, 2] = torch.randn(8)
    assert torch.equal(network.synthesis(w, size=8), network.synthesis(mixed, size=8))
    assert not torch.allclose(network.synthesis(w), network.synthesis(mixed))


def test_a_generator_of_classes_wants_a_label():
    with pytest.raises(ValueError, match="label"):
        tiny(classes=3)(torch.randn(1, 6))


def test_build_reads_what_a_header_says():
    network = build({**TINY.to_dict(), "widths": [8, 8, 8]})
    assert network.config == TINY
