"""Pictures in, labels out: decode, ask a worker, rank."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from app.contract.registry import Version
from app.contract.schemas.classify import ClassifyOptions, ClassifyResult, Explanation
from app.http import timing
from app.interactive import classified
from app.interactive.codec import Codec
from app.interactive.inference import Inference, Scores, Subject


@dataclass(frozen=True)
class Shaping:
    """What it takes to turn scores into results; a durable job stores it beside its pixels."""

    labels: tuple[str, ...]
    size: int
    channels: int
    top_k: int
    abstain_below: float | None
    energy_limit: float | None


class Classification:
    """Classifies the pictures of one request at a time; requests share batches further down."""

    def __init__(self, inference: Inference, codec: Codec) -> None:
        self._inference, self._codec = inference, codec

    async def answer(
        self, version: Version, pictures: Sequence[bytes], options: ClassifyOptions, *, deadline: float, began: float
    ) -> bytes:
        """Classify pictures that are decoded already: the JSON text of a `ClassifyResponse`.

        Args:
            version: classifier to use.
            pictures: uint8 pixels [size, size, channels] of each.
            options: how to rank.
            deadline: time of the event loop by which the answer must be there.
            began: time of the event loop at which the request arrived.

        Raises:
            LikenessError: there is no answer.
        """
        subjects = [Subject(pixels, options.explain) for pixels in pictures]
        answer = await self._inference.classify(version, subjects, deadline=deadline)
        return classified.text(
            version.ref,
            answer.results,
            await self._explained(
                answer.results, pictures, size=version.size, channels=version.channels, deadline=deadline
            ),
            labels=version.labels,
            top_k=options.top_k,
            abstain_below=options.abstain_below,
            energy_limit=version.energy_limit,
            timing=timing.since(began, queue_ms=answer.queue_ms, compute_ms=answer.compute_ms),
        )

    async def results(
        self, scores: Sequence[Scores], pictures: Sequence[bytes], shaping: Shaping
    ) -> list[ClassifyResult]:
        """Rank the classes of each picture, and lay its heat map over it where there is one."""
        explanations = await self._explained(scores, pictures, size=shaping.size, channels=shaping.channels)
        return [
            ClassifyResult.of(
                score.probabilities,
                labels=shaping.labels,
                top_k=shaping.top_k,
                abstain_below=shaping.abstain_below,
                energy=score.energy,
                energy_limit=shaping.energy_limit,
                explanation=explanation,
            )
            for score, explanation in zip(scores, explanations, strict=True)
        ]

    async def _explained(
        self,
        scores: Sequence[Scores],
        pictures: Sequence[bytes],
        *,
        size: int,
        channels: int,
        deadline: float | None = None,
    ) -> list[Explanation | None]:
        """The explanation of each picture that has a heat map, all at once as far as there are threads for them."""
        if all(score.heat is None for score in scores):  # as mostly: then there is nothing to wait for
            return [None] * len(scores)

        async def explained(heat: bytes | None, pixels: bytes) -> Explanation | None:
            if heat is None:
                return None
            return await self._codec.overlay(pixels, heat, size=size, channels=channels, deadline=deadline)

        return await asyncio.gather(
            *(explained(score.heat, pixels) for score, pixels in zip(scores, pictures, strict=True))
        )
