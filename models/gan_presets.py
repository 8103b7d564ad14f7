"""The table of generators that can be trained by name. A run's configuration is one of these rows, with overrides."""

# ruff: noqa: RUF009 - `about` makes a field, which ruff cannot see

from dataclasses import dataclass, field, replace

from models import devices
from models.gan import GeneratorConfig
from models.settings import about

MOST_STAGES = 9  # 1,024 pixels from a base of four
COOLEST = 0.1  # of the learning rates is left at the end, so that a run that goes on with more pictures still learns


@dataclass(frozen=True)
class GanConfig:
    """Everything that decides a run's outcome beside the pictures. Counts are of training pictures unless they say
    otherwise."""

    generator: GeneratorConfig
    discriminator_widths: tuple[int, ...] = field(
        metadata={"description": "channels of the pixel judge at each resolution, coarse to fine", "minimum": 1}
    )
    name: str = about("", "of the preset")
    data: str = about("", "file or folder within the data folder; empty for the folder itself")
    licence: str = about("", "of the data")
    credit: str = about("", "that the data's licence asks for")

    images: int = about(400_000, "training pictures seen in all", minimum=1)
    batch: int = about(16, "pictures per step, over all devices", minimum=2)
    seed: int = about(0, "of weights, order and augmentation", minimum=0)
    start_size: int = about(0, "side trained first, in pixels; 0 for the full side from the start", minimum=0)
    grow_at: int = about(0, "pictures after which the full side is trained", minimum=0)
    judges_first: int = about(
        0, "pictures for which the judges alone learn, where the generator begins with weights that it has", minimum=0
    )
    keep_sharp: float = about(1.0, "share of the pictures kept, sharpest first", minimum=0.05, maximum=1)
    keep_typical: float = about(1.0, "share of those kept, nearest to the crowd first", minimum=0.05, maximum=1)
    mirror: bool = about(True, "show each picture flipped left to right half of the time")
    augment: float = about(0.5, "probability of each differentiable augmentation", minimum=0, maximum=1)

    learning_rate: float = about(3e-4, "of the generator", minimum=0)
    judge_learning_rate: float = about(6e-4, "of both judges, which a faster generator would outrun", minimum=0)
    # Steps of one size go on shaking the generator, and the average of shaken weights draws less varied pictures.
    cooling: float = about(0.25, "share of the pictures, the last, over which both rates fall", minimum=0, maximum=1)
    beta2: float = about(0.99, "of Adam, whose beta1 is 0", minimum=0, maximum=0.9999)
    # At a weight of 1 the heads' gradient on a picture was 36 times the pixel judge's: faces like line drawings.
    feature_weight: float = about(0.15, "of the hinge loss on frozen features", minimum=0)
    feature_pixels: int = about(64, "side at which the frozen trunk looks", minimum=32)
    energy_weight: float = about(0.0, "of the energy distance on frozen features, which asks for variety", minimum=0)
    energy_pixels: int = about(128, "side at which it looks; the trunk names little in smaller pictures", minimum=32)
    energy_pictures: int = about(4, "of each step, over all devices, that it looks at", minimum=1)
    difference_weight: float = about(1.0, "of an enlarger's mean absolute difference from the photograph", minimum=0)
    perceptual_weight: float = about(1.0, "of the same between frozen features of both", minimum=0)
    pixel_weight: float = about(1.0, "of the relativistic loss on pixels", minimum=0)
    penalty: float = about(1.5, "of R1 and R2 on the pixel judge", minimum=0)
    penalty_every: int = about(8, "steps between penalties, each made that much stronger", minimum=1)
    ema: int = about(10_000, "half-life of the averaged weights", minimum=1)
    ema_ramp: float = about(0.1, "the half-life is at most this share of the pictures seen", minimum=0.001, maximum=1)

    precision: devices.Precision = about("bf16", "of the trained networks' forward pass; weights stay in fp32")
    report_every: int = about(2_048, "pictures between figures", minimum=1)
    sample_every: int = about(8_192, "pictures between sample grids", minimum=1)
    snapshot_every: int = about(16_384, "pictures between snapshots", minimum=1)
    samples: int = about(64, "pictures in a sample grid", minimum=1)

    @property
    def size(self) -> int:
        """The picture's side in pixels."""
        return self.generator.size

    @property
    def channels(self) -> int:
        return self.generator.channels

    @property
    def enlarges(self) -> bool:
        """Whether the enlarger learns, from photographs and their halves, and the rest of the generator stands
        still."""
        return self.generator.enlarger_width > 0

    def check(self) -> None:
        """Raise `ValueError` where settings that are each in range do not go together."""
        if not 1 <= len(self.generator.widths) <= MOST_STAGES:
            raise ValueError(f"generator.widths names 1 to {MOST_STAGES} stages, not {len(self.generator.widths)}.")
        resolutions = len(self.generator.widths) + self.enlarges
        if len(self.discriminator_widths) != resolutions:
            raise ValueError(
                f"discriminator_widths has {len(self.discriminator_widths)} resolutions, the generator {resolutions}."
            )
        self.generator.stages_up_to(self.start_size or self.size)
        if self.enlarges and self.start_size not in (0, self.size):
            raise ValueError("start_size is 0 where an enlarger learns, which has no smaller side.")
        if self.start_size not in (0, self.size) and not self.grow_at:
            raise ValueError("start_size needs a grow_at, the pictures after which the full side is trained.")
        if self.batch % 2:
            # The judges compare pictures within a batch, in groups of two at least.
            raise ValueError(f"batch is an even number, not {self.batch}.")

    def heat_at(self, images: int) -> float:
        """What both learning rates are multiplied by after `images` pictures: 1, and at last `COOLEST`."""
        left = max(self.images - images, 0) / self.images
        return COOLEST + (1 - COOLEST) * min(1.0, left / self.cooling) if self.cooling else 1.0

    def size_at(self, images: int) -> int:
        """The side that is trained after `images` pictures. A run that ends before it would grow has its full side from
        the start."""
        return self.start_size if self.start_size and images < self.grow_at < self.images else self.size


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
    start_size=32,  # less work a picture while layout and variety are learnt
    grow_at=40_000,
    keep_sharp=0.85,
    keep_typical=0.9,
    images=522_000,
    # The bundled faces came to these weights and rates step by step; their card tells when each of them changed.
    learning_rate=2e-4,
    judge_learning_rate=4e-4,
    feature_weight=0.08,
    energy_weight=10.0,
    energy_pictures=16,
    penalty=0.4,
    penalty_every=16,
)

# Begins with a generator of 64 pixels, `--initial models/checkpoints/faces.safetensors`, whose people stay the same.
_LARGER_FACES = replace(
    _FACES,
    name="faces-128",
    generator=replace(_FACES.generator, enlarger_width=48),
    discriminator_widths=(128, 128, 64, 32, 24, 16),
    start_size=0,
    keep_sharp=0.7,
    augment=0.0,  # each drawn picture is judged beside the photograph that it was made from
    images=16_000,
    learning_rate=5e-4,
    judge_learning_rate=6e-4,
    feature_weight=0.03,
    feature_pixels=128,
    energy_weight=0.0,
    pixel_weight=0.05,
    penalty=0.02,
    ema=2_000,
)

_CLOTHING = GanConfig(
    name="clothing-gan",
    data="fashion-mnist",
    generator=GeneratorConfig(widths=(128, 64, 32), base=7, channels=1, latent_size=64, style_size=128, classes=10),
    discriminator_widths=(128, 64, 32),
    credit="Fashion-MNIST, Zalando SE, MIT licence",
    licence="MIT",
    images=400_000,
    # Six pictures of each kind, which the judge compares. With sixteen in all, hardly two are of a kind, and each kind
    # became a single piece.
    batch=64,
    learning_rate=6e-4,
    mirror=False,  # nearly all shoes point the same way
    augment=0.1,  # 60,000 pictures are many for this little network
    feature_weight=0.0,  # of grey pictures this small, what the trunk likes is a typical piece
    penalty=1.0,
    ema=20_000,
    samples=100,
)

PRESETS: dict[str, GanConfig] = {
    config.name: config
    for config in (
        _FACES,
        _LARGER_FACES,
        _CLOTHING,
        # The same loop with a network that learns within minutes, to see it work.
        replace(
            _CLOTHING,
            name="clothing-gan-tiny",
            generator=replace(_CLOTHING.generator, widths=(32, 16, 8)),
            discriminator_widths=(32, 16, 8),
            images=20_000,
            batch=16,
            learning_rate=3e-4,
            augment=0.2,
            feature_weight=0.15,
            feature_pixels=32,
            penalty=1.5,
            ema=10_000,
        ),
        # Your own pictures, aligned like the faces are or not at all. Without classes.
        replace(
            _FACES,
            name="pictures-gan",
            data="",
            credit="",
            licence="",
            keep_sharp=1.0,
            keep_typical=1.0,
        ),
    )
}
