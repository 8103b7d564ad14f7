"""A walk through latent space, frame by frame: from face to face, at rest on each, and home again where it loops.

u = i / frames * segments;  position = 3 v^2 - 2 v^3 with v the fraction of u      (smooth start and stop)
"""

from collections.abc import Sequence

from app.contract.messages import Drawing


def plan(drawings: Sequence[Drawing], *, frames: int, loop: bool) -> list[Drawing]:
    """One drawing for each frame.

    A frame on a face is drawn as that face. The way from a to b and the way back share their frames, so that a loop
    between two faces draws each picture once. The first frame of a loop follows its last without a jump.

    Args:
        drawings: the faces to visit, alike but for their seeds.
        frames: how many pictures to make; at least as many as there are faces.
        loop: whether the walk leads back to the first face.
    """
    segments = len(drawings) if loop else len(drawings) - 1
    steps = frames if loop else frames - 1
    planned = []
    for frame in range(frames):
        segment, rest = divmod(frame * segments, steps)
        fraction = rest / steps
        here, there = drawings[segment % len(drawings)], drawings[(segment + 1) % len(drawings)]
        planned.append(_between(here, there, position=fraction * fraction * (3 - 2 * fraction)))
    return planned


def _between(here: Drawing, there: Drawing, *, position: float) -> Drawing:
    if position == 0 or here.seed == there.seed:
        return here
    if here.seed > there.seed:
        here, there, position = there, here, 1 - position
    return here.model_copy(update={"toward": there.seed, "position": round(position, 6)})
