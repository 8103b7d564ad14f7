"""Finds seeds: those that look like another one, those that a classifier agrees with, or both."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from app import seeds
from app.contract.messages import Drawing
from app.contract.registry import Version
from app.contract.schemas.classify import ClassifyResult, Prediction
from app.interactive.codec import Codec
from app.interactive.inference import Drawn, Inference, Subject

MOST_TRIED = 256
"""Seeds that are drawn and classified at most for one request."""

_ROUND = 32  # seeds that are drawn and classified at once


@dataclass(frozen=True)
class Filter:
    """What a classifier must say of a picture."""

    version: Version
    index: int
    """Position of the class among the classifier's labels."""
    confidence: float
    """Least probability of that class."""


@dataclass(frozen=True)
class Found:
    """A seed, how far it is from the one that was looked for, and what the classifier says of it."""

    seed: str
    distance: float | None
    prediction: Prediction | None


@dataclass(frozen=True)
class Search:
    """What was found, and how many were looked at and passed."""

    found: tuple[Found, ...]
    tried: int
    accepted: int


class SeedSearch:
    """Looks for seeds."""

    def __init__(self, inference: Inference, codec: Codec) -> None:
        self._inference, self._codec = inference, codec

    async def run(
        self, version: Version, wanted: Drawing, *, like: bool, count: int, accept: Filter | None, deadline: float
    ) -> Search:
        """Seeds of `version`, the nearest first.

        Args:
            version: the generator.
            wanted: how to draw; with `like`, also whom the others are to look like.
            like: whether to look for faces like `wanted`; else fresh seeds are tried.
            count: how many seeds to find.
            accept: what a classifier must say of them.
            deadline: time of the event loop by which the answer must be there.

        Raises:
            LikenessError: there is no answer.
        """
        tries = MOST_TRIED if accept is not None else count
        candidates: Sequence[tuple[str, float | None]]
        if like:
            near = await self._inference.similar(version, wanted, count=tries + 1, deadline=deadline)
            candidates = [(seed, distance) for seed, distance in near if seed != wanted.seed][:tries]
        else:
            candidates = [(seeds.fresh(), None) for _ in range(tries)]
        if accept is None:
            found = [Found(seed, distance, None) for seed, distance in candidates]
            return Search(tuple(found), len(found), len(found))
        found, tried = [], 0
        while tried < len(candidates) and len(found) < count:
            part = candidates[tried : tried + _ROUND]
            predictions = await self._predict(version, wanted, [seed for seed, _ in part], accept, deadline=deadline)
            for (seed, distance), prediction in zip(part, predictions, strict=True):
                if len(found) == count:
                    break  # what was drawn beyond this one counts as not looked at
                tried += 1
                if prediction.probability >= accept.confidence:
                    found.append(Found(seed, distance, prediction))
        return Search(tuple(found), tried, len(found))

    async def _predict(
        self, version: Version, wanted: Drawing, chosen: Sequence[str], accept: Filter, *, deadline: float
    ) -> list[Prediction]:
        """What the classifier says of the wanted class in the picture of each seed."""
        drawings = [wanted.model_copy(update={"seed": seed}) for seed in chosen]
        drawn = (await self._inference.draw(version, drawings, deadline=deadline)).results
        judge = accept.version
        pixels = await self._codec.run(lambda: [_fitted(one, judge) for one in drawn], deadline=deadline)
        answer = await self._inference.classify(judge, [Subject(each) for each in pixels], deadline=deadline)
        return [
            ClassifyResult.prediction(score.probabilities, labels=judge.labels, index=accept.index)
            for score in answer.results
        ]


def _fitted(drawn: Drawn, judge: Version) -> bytes:
    """The picture as the classifier takes it."""
    height, width, channels = drawn.shape
    image = Image.frombytes("L" if channels == 1 else "RGB", (width, height), drawn.pixels)
    image = image.convert("L" if judge.channels == 1 else "RGB")
    return image.resize((judge.size, judge.size), Image.Resampling.LANCZOS).tobytes()
