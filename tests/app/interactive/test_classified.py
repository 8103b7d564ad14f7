import json

import pytest

from app.contract.errors import InternalError
from app.contract.schemas.base import Timing
from app.contract.schemas.classify import ClassifyResponse, ClassifyResult, Explanation
from app.interactive import classified
from app.interactive.inference import Scores

LABELS = ("plain", 'with "quotes" and \\', "größer", "\u2028")
TIMING = Timing(queue_ms=0.0, compute_ms=1.25, total_ms=1234.5)
SCORES = [
    Scores((0.1, 0.2, 0.3, 0.4), -3.14159265, None),
    Scores((0.25, 0.25, 0.25, 0.25), 0.0, b"heat"),
    Scores((1.0, 1e-7, 4.9999994e-7, 0.0), 123456.0, None),
]
EXPLANATIONS = [None, Explanation(base64="aGVhdA=="), None]


@pytest.mark.parametrize("top_k", [1, 3, 100])
@pytest.mark.parametrize("abstain_below", [None, 0.5])
@pytest.mark.parametrize("energy_limit", [None, -0.5])
def test_the_text_is_what_the_records_say(top_k: int, abstain_below: float | None, energy_limit: float | None) -> None:
    results = [
        ClassifyResult.of(
            score.probabilities,
            labels=LABELS,
            top_k=top_k,
            abstain_below=abstain_below,
            energy=score.energy,
            energy_limit=energy_limit,
            explanation=explanation,
        )
        for score, explanation in zip(SCORES, EXPLANATIONS, strict=True)
    ]
    records = ClassifyResponse(model="shapes@sha256:00", results=results, timing=TIMING)
    text = classified.text(
        "shapes@sha256:00",
        SCORES,
        EXPLANATIONS,
        labels=LABELS,
        top_k=top_k,
        abstain_below=abstain_below,
        energy_limit=energy_limit,
        timing=TIMING,
    )
    assert [result.unfamiliar for result in results] == ([False] * 3 if energy_limit is None else [False, True, True])
    assert json.loads(text) == records.model_dump(mode="json")
    assert ClassifyResponse.model_validate_json(text) == records


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_answer(number: float) -> None:
    with pytest.raises(InternalError):
        classified.text(
            "x",
            [Scores((number,), number, None)],
            [None],
            labels=("a",),
            top_k=1,
            abstain_below=None,
            energy_limit=None,
            timing=TIMING,
        )
