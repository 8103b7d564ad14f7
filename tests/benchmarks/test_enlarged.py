import torch
import torch.nn.functional as F

from benchmarks.enlarged import again, drawing, interpolated
from models.gan import Generator, GeneratorConfig
from models.levels import to_levels


def test_every_way_enlarges_the_same_pictures() -> None:
    torch.manual_seed(0)
    config = GeneratorConfig(widths=(8, 8, 8), latent_size=8, style_size=8, enlarger_width=8, enlarger_blocks=1)
    generator = Generator(config).eval().requires_grad_(False)
    assert generator.enlarger is not None
    drawn = [drawing(generator, 1.0, enlarge)(3, 7) for enlarge in (interpolated, generator.enlarger)]
    photographs = to_levels(F.interpolate(torch.rand(4, 3, 8, 8) * 2 - 1, size=32, mode="bilinear"))
    halved = [again(photographs, enlarge, batch=3) for enlarge in (interpolated, generator.enlarger)]
    for ways in (drawn, halved, [photographs, halved[0]]):
        assert all(pictures.shape == (4, 3, 32, 32) for pictures in ways)
        # The enlarger has learnt nothing yet: both are the same picture, doubled by different filters.
        small = [F.avg_pool2d(pictures.float(), 2) for pictures in ways]
        apart = (small[0] - small[1]).abs().mean((1, 2, 3))
        others = (small[0] - small[1].roll(1, 0)).abs().mean((1, 2, 3))
        assert (apart < others).all()
