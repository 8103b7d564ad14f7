"""Pictures in, labels out."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from app.contract.schemas.base import Asked, ModelName, Timing, Told


class ImageInput(Asked):
    """One picture inside a JSON body."""

    base64: str = Field(min_length=1, description="The file's bytes in base64.")


class ClassifyOptions(Asked):
    """How to classify. Options are fields of the JSON or multipart body, or query parameters."""

    model: ModelName = Field("", description="Classifier to use. Left out, the default one.", examples=["clothing"])
    top_k: int = Field(5, ge=1, le=1000, description="How many predictions to return for each picture.")
    explain: bool = Field(
        False, description="Whether to draw which parts of the picture spoke for the first prediction."
    )
    abstain_below: float | None = Field(
        None, ge=0, le=1, allow_inf_nan=False, description="Abstain when the first probability is below this."
    )


class ClassifyRequest(ClassifyOptions):
    """Pictures to classify, in order."""

    images: list[ImageInput] = Field(description="The pictures, up to 64.")


class Prediction(Told):
    """One class and how probable it is."""

    label: str = Field(examples=["Sneaker"])
    index: int = Field(description="Position of the class in the model's list of labels.")
    probability: float = Field(description="Calibrated: of many answers of 0.8, about 80 % are right.")


class Explanation(Told):
    """The picture with a heat map over it."""

    content_type: Literal["image/png"] = "image/png"
    base64: str


class ClassifyResult(Told):
    """What the model says about one picture."""

    predictions: list[Prediction] = Field(description="The most probable classes, the first one first.")
    abstained: bool = Field(description="Whether the first probability is below `abstain_below`.")
    energy: float = Field(description="Energy score: the higher, the less the picture looks like any class.")
    unfamiliar: bool = Field(
        description="Whether `energy` is above what 95 % of the pictures stay below that the model was validated with: "
        "the picture may show none of the classes, however probable one of them is."
    )
    explanation: Explanation | None = None

    @classmethod
    def of(
        cls,
        probabilities: Sequence[float],
        *,
        labels: Sequence[str],
        top_k: int,
        abstain_below: float | None,
        energy: float,
        energy_limit: float | None,
        explanation: Explanation | None,
    ) -> "ClassifyResult":
        """Rank the classes of one picture; equal probabilities keep the order of the labels."""
        order = ranked(probabilities, top_k)
        predictions = [cls.prediction(probabilities, labels=labels, index=index) for index in order]
        abstained = abstain_below is not None and probabilities[order[0]] < abstain_below
        return cls(
            predictions=predictions,
            abstained=abstained,
            energy=round(energy, 4),
            unfamiliar=energy_limit is not None and energy > energy_limit,
            explanation=explanation,
        )

    @staticmethod
    def prediction(probabilities: Sequence[float], *, labels: Sequence[str], index: int) -> Prediction:
        """What is said of one class."""
        return Prediction(label=labels[index], index=index, probability=round(probabilities[index], 6))


def ranked(probabilities: Sequence[float], top_k: int) -> list[int]:
    """Positions of the `top_k` highest, the highest first; equal ones keep their order."""
    return sorted(range(len(probabilities)), key=probabilities.__getitem__, reverse=True)[:top_k]


class ClassifyResponse(Told):
    """One result for each picture, in order."""

    model: str = Field(description="The version that answered.", examples=["clothing@sha256:" + "0" * 64])
    results: list[ClassifyResult]
    timing: Timing
