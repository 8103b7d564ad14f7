import torch
import torch.nn.functional as F

from benchmarks.enlarged import drawing
from models.gan import Generator, GeneratorConfig


def test_both_draw_the_same_seeds_at_one_size() -> None:
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(widths=(8, 8, 8), latent_size=8, style_size=8, grown=1)).eval()
    whole, enlarged = drawing(generator, 1.0)(3, 7), drawing(generator, 1.0, enlarged=True)(3, 7)
    assert whole.shape == enlarged.shape == (4, 3, 16, 16)
    # The last stage has learnt nothing yet: both are the picture before it, doubled by different filters.
    small = [F.avg_pool2d(pictures.float(), 2) for pictures in (whole, enlarged)]
    apart = (small[0] - small[1]).abs().mean((1, 2, 3))
    others = (small[0] - small[1].roll(1, 0)).abs().mean((1, 2, 3))
    assert (apart < others).all()
