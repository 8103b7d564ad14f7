"""A classifier's run as settings."""

from dataclasses import dataclass, field
from typing import Literal

from models.classifier import NetworkConfig
from models.classifier_augment import AugmentConfig
from models.devices import Precision


@dataclass(frozen=True)
class ClassifierConfig:
    """Everything that decides a run's outcome beside the pictures."""

    data: str = field(
        default="", metadata={"description": "file or folder within the data folder; empty for the folder itself"}
    )
    licence: str = field(default="", metadata={"description": "of the data"})
    credit: str = field(default="", metadata={"description": "that the data's licence asks for"})
    network: NetworkConfig = field(default_factory=NetworkConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    whiten: bool = field(
        default=False, metadata={"description": "begin with first filters that whiten patches of the pictures"}
    )
    frozen_stages: int = field(
        default=0,
        metadata={
            "description": "first stages of a network that begins with ImageNet that stay as they are, which is faster",
            "minimum": 0,
            "maximum": 3,
        },
    )
    images: int = field(default=1_500_000, metadata={"description": "training pictures seen in all", "minimum": 1})
    batch: int = field(default=128, metadata={"description": "pictures per step, over all devices", "minimum": 2})
    optimizer: Literal["sgd", "adamw"] = field(
        default="sgd", metadata={"description": "adamw for networks without normalisation that are trained further"}
    )
    learning_rate: float = field(default=0.2, metadata={"description": "at the top of the cycle", "minimum": 0})
    filter_rate: float = field(
        default=0.0,
        metadata={
            "description": "share of its length by which Muon turns a filter, at the top of the cycle; 0 for SGD alone",
            "minimum": 0,
            "maximum": 1,
        },
    )
    warm_up: float = field(
        default=0.2, metadata={"description": "share of the run until the top", "minimum": 0, "maximum": 1}
    )
    momentum: float = field(default=0.9, metadata={"description": "beta1 of adamw", "minimum": 0.01, "maximum": 0.999})
    weight_decay: float = field(default=5e-4, metadata={"minimum": 0})
    label_smoothing: float = field(default=0.1, metadata={"minimum": 0, "maximum": 0.9})
    ema_images: int = field(default=30_000, metadata={"description": "half-life of the weights' average", "minimum": 1})
    validation: float = field(
        default=0.05,
        metadata={
            "description": "share of the training pictures held out to validate",
            "minimum": 0.005,
            "maximum": 0.5,
        },
    )
    precision: Precision = field(default="bf16", metadata={"description": "of convolutions while training"})
    snapshot_images: int = field(default=100_000, metadata={"description": "between two snapshots", "minimum": 1})
    report_images: int = field(default=5_000, metadata={"description": "between two progress events", "minimum": 1})
    seed: int = field(default=0, metadata={"minimum": 0})
