"""The table of classifiers that can be trained by name. A run's configuration is one of these rows, with overrides.

The sizes, with operations of a forward pass on one 28-pixel grey picture (a multiply-add is two): small 13 MFLOP,
medium 52, clothing 85, large 249. Most of the work is done at a half and a quarter of the picture's side: the full
side gets one narrow convolution, because its maps are the costliest to normalise and to keep. Clothing is the
exception: shirts and T-shirts differ in collars and buttons, and a block at the full side is worth more there than
wider ones behind it.

cifar10 has 242 MFLOP and 22 epochs: 2.3 times the operations of Jordan's recipe (2024, 236 MFLOP for ten epochs, 94%
of the original pictures with several views of each), of which it takes the whitening first layer, Muon, flips in
turns and the label smoothing. cifar10-pretrained has 251 MFLOP at 128 pixels and 3.4 epochs. `python -m models.train
cifar10 --data DIR --out RUN` starts it, `--resume` goes on; its figures stand in docs/performance.md.
"""

from dataclasses import replace

from models.classifier import NetworkConfig
from models.classifier_augment import AugmentConfig
from models.classifier_config import ClassifierConfig

SMALL = NetworkConfig(widths=(8, 32, 64, 96), blocks=(0, 1, 1, 1))
MEDIUM = NetworkConfig(widths=(16, 64, 128, 192), blocks=(0, 1, 1, 1))
LARGE = NetworkConfig(widths=(32, 96, 192, 288), blocks=(0, 2, 2, 1))
CLOTHING = NetworkConfig(widths=(32, 64, 128, 192), blocks=(1, 1, 1, 1))
PLAIN = NetworkConfig(
    family="plain", widths=(32, 64), blocks=(2, 2), activation="relu", pooling="max", head=(128,), dropout=0.25
)

_FASHION = ClassifierConfig(
    data="fashion-mnist",
    licence="MIT",
    credit="Fashion-MNIST, H. Xiao, K. Rasul and R. Vollgraf, Zalando SE, MIT licence",
    network=CLOTHING,
    augment=AugmentConfig(flip=True, translate=2, cutout=8),
    images=2_500_000,
    filter_rate=0.02,
)
_CIFAR = ClassifierConfig(
    data="cifar10-jpg.zip",
    licence="none stated: for benchmarks, not for weights that are shared",
    credit="CIFAR-10, A. Krizhevsky, 2009",
    network=NetworkConfig(widths=(32, 96, 256, 256), blocks=(1, 1, 1, 1), size=32, channels=3),
    augment=AugmentConfig(flip=True, alternate=True, translate=4, cutout=8),
    whiten=True,
    images=1_100_000,
    batch=256,
    filter_rate=0.03,
    label_smoothing=0.2,
    report_images=20_000,
)
_PICTURES = ClassifierConfig(
    network=NetworkConfig(size=64, channels=3),
    augment=AugmentConfig(flip=True, translate=4, cutout=16),
    images=200_000,
    batch=64,
    learning_rate=0.1,
    ema_images=10_000,
    validation=0.1,
    snapshot_images=20_000,
    report_images=1_000,
)

_TINY = replace(
    _PICTURES,
    network=SMALL,
    augment=AugmentConfig(flip=True, translate=2, cutout=6),
    images=12_000,
    batch=32,
    learning_rate=0.05,
    ema_images=1_000,
    snapshot_images=3_000,
    report_images=500,
)

# In fp32, because mixed precision is slower on a CPU that does not multiply bf16.
_PRETRAINED = ClassifierConfig(
    network=NetworkConfig(family="efficientnet-lite0", size=128, channels=3),
    augment=AugmentConfig(flip=True, translate=8, cutout=0),
    images=20_000,
    batch=32,
    optimizer="adamw",
    learning_rate=2e-4,
    weight_decay=0.01,
    ema_images=1_000,
    validation=0.1,
    precision="fp32",
    snapshot_images=5_000,
    report_images=500,
)

PRESETS: dict[str, ClassifierConfig] = {
    "clothing-cnn": _FASHION,
    "clothing-small": replace(_FASHION, network=SMALL, images=1_000_000),
    "clothing-plain": replace(_FASHION, network=PLAIN, learning_rate=0.05, filter_rate=0.0, images=1_000_000),
    "cifar10": _CIFAR,
    "cifar10-pretrained": replace(
        _PRETRAINED,
        data=_CIFAR.data,
        licence=_CIFAR.licence,
        credit=_CIFAR.credit,
        network=replace(_PRETRAINED.network, size=32),
        augment=AugmentConfig(flip=True, alternate=True, translate=4, cutout=8),
        images=170_000,
        batch=64,
        ema_images=10_000,
        validation=0.05,
        snapshot_images=20_000,
        report_images=2_000,
    ),
    # For pictures of one's own.
    "pictures-tiny": _TINY,
    "pictures-tiny-colour": replace(_TINY, network=replace(_TINY.network, size=32, channels=3)),
    "pictures-small": replace(_PICTURES, network=replace(SMALL, size=64, channels=3)),
    "pictures-medium": replace(_PICTURES, network=replace(MEDIUM, size=64, channels=3)),
    "pictures-pretrained": _PRETRAINED,
    "pictures-large": replace(_PICTURES, network=replace(LARGE, size=64, channels=3)),
}
