import asyncio
import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.contract.schemas.classify import Explanation
from app.contract.settings import Settings
from app.interactive.classification import Classification, Shaping
from app.interactive.codec import Codec
from app.interactive.inference import Scores
from app.metrics import Metrics

pytestmark = pytest.mark.anyio

SHAPING = Shaping(labels=("cat", "dog"), size=8, channels=1, top_k=1, abstain_below=None, energy_limit=None)
HOT, COLD = bytes([255]) * 64, bytes(64)


class Paired(Codec):
    """Draws no heat map before a second one is wanted, too."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, Metrics())
        self._both = asyncio.Barrier(2)

    async def overlay(self, *pixels_and_heat: bytes, **options: Any) -> Explanation:
        await self._both.wait()
        return await super().overlay(*pixels_and_heat, **options)


@pytest.fixture
async def classification(tmp_path: Path) -> AsyncIterator[Classification]:
    async with Paired(Settings(home=tmp_path, codec_threads=2)) as codec:
        yield Classification(None, codec)  # type: ignore[arg-type]  # scores that are there need no worker


async def test_explained_pictures_of_one_request_are_drawn_side_by_side_and_keep_their_places(
    classification: Classification,
) -> None:
    scores = [Scores((0.9, 0.1), 0.0, heat) for heat in (COLD, None, HOT)]
    async with asyncio.timeout(30):
        results = await classification.results(scores, [bytes([100]) * 64] * 3, SHAPING)
    assert results[1].explanation is None
    cold, hot = (colour(result.explanation) for result in (results[0], results[2]))
    assert cold == (100, 100, 100)
    assert hot[0] > 150


def colour(explanation: Explanation | None) -> tuple[int, int, int]:
    assert explanation is not None
    return Image.open(io.BytesIO(base64.b64decode(explanation.base64))).getpixel((112, 112))
