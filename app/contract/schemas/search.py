"""Seeds that are like another, or that a classifier agrees with."""

from typing import Literal

from pydantic import Field

from app.contract.schemas.base import Told
from app.contract.schemas.classify import Prediction


class FoundSeed(Told):
    """One seed."""

    seed: str
    url: str = Field(description="The address of its picture.")
    distance: float | None = Field(
        None, description="From the face that was looked for: 0 is the same, unrelated faces are about 1.4 apart."
    )
    prediction: Prediction | None = Field(None, description="What the classifier says of it.")


class SeedList(Told):
    """Seeds, the best first."""

    object: Literal["list"] = "list"
    model: str = Field(description="The version that draws them.")
    data: list[FoundSeed]
    tried: int = Field(description="How many seeds were looked at.")
    accepted: int = Field(description="How many of those passed the filter.")
