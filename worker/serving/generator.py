"""A generator at work: drawings to pictures, each the same bytes whatever it is batched with."""

from collections.abc import Sequence

import numpy as np
import structlog
from numpy.typing import NDArray

from app.contract.errors import BadOption
from app.contract.messages import Drawing
from models.bank import Bank
from models.styles import Styles, label_of
from worker.serving.engine import Engine, Network, ladder
from worker.serving.halving import halving

_log = structlog.get_logger()

_WITNESSES = 8  # pictures that every batch shape of the warm-up must draw alike


class Generator(Engine):
    """A generator.

    `together` says whether its network draws a picture with the same bytes in every batch. The warm-up finds out, since
    it depends on the library's kernels; where it is not so, pictures are drawn one by one.
    """

    kind = "generator"

    def __init__(self, digest: str, *, weights_bytes: int, styles: Styles, network: Network) -> None:
        super().__init__(digest, weights_bytes=weights_bytes)
        self._styles = styles
        self._network = network
        self.together = False
        self._banks: dict[int | None, Bank] = {}  # by class; made when first asked for

    def generate(self, drawings: Sequence[Drawing]) -> NDArray[np.uint8]:
        styles = np.stack([self._style(drawing) for drawing in drawings])
        if self.together:
            return self._pixels(styles)
        return np.concatenate([self._pixels(styles[i : i + 1]) for i in range(len(styles))])

    def similar(self, drawing: Drawing, count: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        label = drawing.label
        if label is None and self._styles.classes:
            label = label_of(drawing.seed, self._styles.classes)
        # Truncation pulls every face toward the mean; what it leaves of a face does not say whom it looks like.
        style = self._style(drawing.model_copy(update={"truncation": 1.0, "label": label}))
        if label not in self._banks:
            self._banks[label] = Bank(self._styles, label=label)
        return self._banks[label].nearest(style, count=count)

    def warm_up(self, largest: int) -> None:
        styles = np.stack([self._styles.draw(f"witness {number}") for number in range(largest)])
        alone = np.concatenate([self._pixels(styles[i : i + 1]) for i in range(min(_WITNESSES, largest))])
        same = [self._pixels(styles[:count])[: len(alone)] for count in ladder(largest)]
        # Witnesses at the end, too, in batches that fill no register: kernels treat the rows left over differently.
        odd = [np.ascontiguousarray(styles[:count][::-1]) for count in (3, 5, 7) if count <= len(alone)]
        same += [self._pixels(batch)[::-1] for batch in odd]
        self.together = all(np.array_equal(drawn, alone[: len(drawn)]) for drawn in same)
        if not self.together:
            _log.warning("a picture depends on its batch, so this generator draws one by one", digest=self.digest[:12])

    def _pixels(self, styles: NDArray[np.float32]) -> NDArray[np.uint8]:
        pictures: NDArray[np.uint8] = halving(self._network.pixels, styles)
        return pictures

    def _style(self, drawing: Drawing) -> NDArray[np.float32]:
        classes, directions = self._styles.classes, self._styles.directions
        if drawing.label is not None and not 0 <= drawing.label < classes:
            reason = f"must be at most {classes - 1}" if classes else "is not known: this generator has no classes"
            raise BadOption(name="label", reason=reason)
        for name, _ in drawing.edits:
            if name not in directions:
                known = ", ".join(sorted(directions)) or "none"
                raise BadOption(name="edits", reason=f"names {name}; this generator's edits are: {known}")
        return self._styles.draw(
            drawing.seed,
            label=drawing.label,
            truncation=drawing.truncation,
            edits=drawing.edits,
            mix=drawing.mix,
            toward=drawing.toward,
            position=drawing.position,
        )
