"""Data sets as clients see them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.contract.datasets import DatasetState
from app.contract.schemas.base import Told


class Fault(Told):
    """A file that was left out."""

    name: str
    reason: str


class DatasetReport(Told):
    """What was found when the pictures were looked through."""

    unreadable: list[Fault] = Field(description="The first files that are no picture, or damaged; they are left out.")
    unreadable_count: int
    duplicates: int = Field(description="Files that came twice; one of each is kept.")
    too_small: int = Field(description="Pictures under 8 pixels on a side; they are left out.")
    leakage: int = Field(description="Held-out pictures that nearly equal a picture to train on.")
    sizes: dict[str, list[int]] = Field(description="Smallest, median and largest width and height, in pixels.")
    grey: bool = Field(description="Whether no picture has colour.")
    train: int = Field(description="Pictures to train on.")
    test: int = Field(description="Pictures held out to test with.")
    train_classes: dict[str, int] = Field(description="Pictures to train on, by class.")
    split: str = Field(description="Whether the upload said which pictures are held out.")
    warnings: list[str] = Field(description="What a person should know before training, in sentences.")


class DatasetView(Told):
    """A data set."""

    id: str = Field(examples=["ds_0123456789abcdef01234567"])
    object: Literal["dataset"] = "dataset"
    name: str
    status: DatasetState
    digest: str | None = Field(description="SHA-256 over the pictures, their classes and sides; null until ready.")
    images: int = Field(description="Good pictures.")
    classes: dict[str, int] = Field(description="Pictures by class; empty where there are no classes.")
    report: DatasetReport | None = Field(description="Null until it is ready.")
    error: dict[str, Any] | None = Field(description="Why it cannot be used, once it has failed.")
    size_bytes: int = Field(description="What was uploaded.")
    job: str = Field(description="The job that looks it through; its events tell how far it is.")
    created_at: datetime


class DatasetList(Told):
    """Data sets, newest first."""

    object: Literal["list"] = "list"
    data: list[DatasetView]
    has_more: bool
    last_id: str | None = Field(description="Give it as `after` for the next page.")
