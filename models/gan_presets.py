"""The table of generators that can be trained by name. A run's configuration is one of these rows, with overrides."""

from dataclasses import dataclass, replace

from models.gan import GeneratorConfig


@dataclass(frozen=True)
class GanConfig:
    """Everything a run depends on besides its pictures. Counts are of training pictures unless their name says otherwise."""

    name: str
    data: str  # the data set's name in the data folder
    generator: GeneratorConfig
    discriminator_widths: tuple[int, ...]  # of the pixel discriminator at each resolution, coarse to fine
    credit: str = ""  # what the data's licence asks to be said of weights trained on it
    licence: str = ""  # of the data

    images: int = 400_000
    batch: int = 32
    seed: int = 0
    start_size: int = 0  # side trained first, 0: the full side from the start
    grow_at: int = 0  # pictures after which the full side is trained

    keep_sharp: float = 1.0  # part of the pictures kept, sharpest first
    keep_typical: float = 1.0  # part of those kept, nearest to the crowd first
    mirror: bool = True
    augment: float = 0.5  # probability of each differentiable augmentation

    learning_rate: float = 3e-4
    beta2: float = 0.99
    feature_weight: float = 1.0  # of the hinge loss on frozen features
    feature_pixels: int = 64  # side at which the frozen trunk looks
    pixel_weight: float = 1.0  # of the relativistic loss on pixels
    penalty: float = 1.5  # of R1 and R2 on the pixel discriminator
    penalty_every: int = 8  # steps between penalties, each made that much stronger
    ema: int = 10_000  # half-life of the averaged weights
    ema_ramp: float = 0.1  # the half-life is at most this part of the pictures seen

    bfloat16: bool = True  # convolutions in bfloat16, weights and losses in float32
    report_every: int = 2_048
    sample_every: int = 8_192
    snapshot_every: int = 16_384
    samples: int = 64  # fixed seeds in a sample grid

    @property
    def size(self) -> int:
        """The picture's side in pixels."""
        return self.generator.size

    @property
    def channels(self) -> int:
        return self.generator.channels

    def size_at(self, images: int) -> int:
        """The side that is trained after `images` pictures."""
        return self.start_size if self.start_size and images < self.grow_at else self.size


FACES_CREDIT = (
    "FairFace, K. Karkkainen and J. Joo, CC BY 4.0, cropped and resized; portraits of US officials, public domain; "
    "other official portraits"
)

_FACES = GanConfig(
    name="faces-64",
    data="faces-128.zip",
    generator=GeneratorConfig(widths=(256, 192, 96, 48, 32), grown=1),
    discriminator_widths=(256, 192, 96, 48, 24),
    credit=FACES_CREDIT,
    licence="CC BY 4.0 and public domain",
    start_size=32,
    grow_at=100_000,
    keep_sharp=0.85,
    keep_typical=0.9,
)

_CLOTHING = GanConfig(
    name="clothing-gan",
    data="fashion-mnist",
    generator=GeneratorConfig(widths=(128, 64, 32), base=7, channels=1, latent_size=64, style_size=128, classes=10),
    discriminator_widths=(128, 64, 32),
    credit="Fashion-MNIST, Zalando SE, MIT licence",
    licence="MIT",
    images=300_000,
    batch=64,
    feature_pixels=56,
    samples=100,
)

PRESETS: dict[str, GanConfig] = {
    config.name: config
    for config in (
        _FACES,
        _CLOTHING,
        # The same loop in a minute, to see it work.
        replace(
            _CLOTHING,
            name="clothing-gan-tiny",
            generator=replace(_CLOTHING.generator, widths=(32, 16, 8)),
            discriminator_widths=(32, 16, 8),
            images=20_000,
        ),
    )
}
