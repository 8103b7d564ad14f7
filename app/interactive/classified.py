"""A `ClassifyResponse` as the JSON text it becomes, written without making the records first.

The answer has one shape and nothing in it but names that are known beforehand and numbers, so that writing it takes a
sixth of what making, checking and serializing four levels of records does.
`tests/app/interactive/test_classified.py` holds it to the records.
"""

import json
import math
from collections.abc import Sequence
from functools import lru_cache

from app.contract.errors import InternalError
from app.contract.schemas.base import Timing
from app.contract.schemas.classify import Explanation, ranked
from app.interactive.inference import Scores


def text(
    ref: str,
    scores: Sequence[Scores],
    explanations: Sequence[Explanation | None],
    *,
    labels: tuple[str, ...],
    top_k: int,
    abstain_below: float | None,
    energy_limit: float | None,
    timing: Timing,
) -> bytes:
    """The answer of version `ref`: for each picture its scores, ranked and named, and its explanation.

    Raises:
        InternalError: the network gave no numbers, which JSON cannot say.
    """
    names = _quoted(labels)
    results = [
        _result(score, explanation, names=names, top_k=top_k, abstain_below=abstain_below, energy_limit=energy_limit)
        for score, explanation in zip(scores, explanations, strict=True)
    ]
    return (
        f'{{"model":{json.dumps(ref)},"results":[{",".join(results)}],"timing":{{"queue_ms":{timing.queue_ms!r},'
        f'"compute_ms":{timing.compute_ms!r},"total_ms":{timing.total_ms!r}}}}}'
    ).encode()


def _result(
    score: Scores,
    explanation: Explanation | None,
    *,
    names: Sequence[str],
    top_k: int,
    abstain_below: float | None,
    energy_limit: float | None,
) -> str:
    if not math.isfinite(score.energy):  # the sum of all powers of e: one number that is none makes it none
        raise InternalError()
    probabilities = score.probabilities
    order = ranked(probabilities, top_k)
    predictions = [
        f'{{"label":{names[index]},"index":{index},"probability":{round(probabilities[index], 6)!r}}}'
        for index in order
    ]
    abstained = abstain_below is not None and probabilities[order[0]] < abstain_below
    unfamiliar = energy_limit is not None and score.energy > energy_limit
    return (
        f'{{"predictions":[{",".join(predictions)}],"abstained":{"true" if abstained else "false"},'
        f'"energy":{round(score.energy, 4)!r},"unfamiliar":{"true" if unfamiliar else "false"},'
        f'"explanation":{"null" if explanation is None else explanation.model_dump_json()}}}'
    )


@lru_cache(maxsize=64)
def _quoted(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(json.dumps(label) for label in labels)
