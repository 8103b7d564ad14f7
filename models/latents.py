"""Seeds to latents, and the arithmetic on latents and styles. NumPy alone: an api or a worker without torch computes
the same.

A seed is any text or whole number; a number means its decimal text, so that `7` and `"7"` are the same face. The
text's SHA-256 keys a Philox counter stream (Salmon et al., 2011), whose bits become normals by Box-Muller in float64.
All of it is written out or specified bit by bit, so a seed means the same latent on every device and in every
version.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Latent = NDArray[np.float32]


def canonical(seed: str | int) -> str:
    """The text that a seed stands for: text itself, a whole number's decimal digits."""
    return seed if isinstance(seed, str) else str(int(seed))


def seed_latent(seed: str | int, size: int) -> Latent:
    """Standard normal numbers, float32 [size], that depend on the seed and on nothing else."""
    digest = hashlib.sha256(canonical(seed).encode()).digest()
    key = np.frombuffer(digest[:16], "<u8")
    counter = np.zeros(4, np.uint64)
    counter[2:] = np.frombuffer(digest[16:], "<u8")  # the low words count, the high ones are the rest of the digest
    stream = np.random.Philox(key=key, counter=counter)
    pairs = (size + 1) // 2
    bits = stream.random_raw(2 * pairs).reshape(2, pairs) >> np.uint64(11)
    # 53 bits, moved by half a step so that the logarithm never sees zero.
    radius, angle = (bits.astype(np.float64) + 0.5) * 2.0**-53
    length = np.sqrt(-2.0 * np.log(radius))
    normals = np.stack((length * np.cos(2 * np.pi * angle), length * np.sin(2 * np.pi * angle)), axis=1)
    return normals.reshape(-1)[:size].astype(np.float32)


def seed_latents(seeds: Sequence[str | int], size: int) -> Latent:
    """One latent a seed, float32 [N, size]."""
    return np.stack([seed_latent(seed, size) for seed in seeds])


def slerp(a: Latent, b: Latent, t: float) -> Latent:
    """The point at `t` in [0, 1] on the arc from `a` to `b` ([size] each); length is interpolated as well.

    On a straight line the middle of two latents would be shorter than any latent that the generator has been trained
    on.
    """
    length_a, length_b = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    cosine = float(np.dot(a.astype(np.float64), b.astype(np.float64)) / max(length_a * length_b, 1e-12))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if np.sin(angle) < 1e-6:  # the same or opposite directions: the arc is a line, or is not defined
        return ((1 - t) * a + t * b).astype(np.float32)
    direction = (np.sin((1 - t) * angle) * a / length_a + np.sin(t * angle) * b / length_b) / np.sin(angle)
    return (direction * ((1 - t) * length_a + t * length_b)).astype(np.float32)


def truncate(style: Latent, mean: Latent, psi: float) -> Latent:
    """mean + psi (style - mean): 1 leaves a style alone, 0 is the average picture."""
    return (mean + np.float32(psi) * (style - mean)).astype(np.float32)


def walk(stops: Sequence[Latent], frames: int, *, closed: bool = True) -> Latent:
    """`frames` latents along arcs through the stops, float32 [frames, size].

    Closed, the walk returns to its first stop and the last frame comes one step before it, so that it loops without a
    stutter. Open, it starts at the first stop and ends at the last. Raises `ValueError` for fewer than two stops or
    one frame.
    """
    if len(stops) < 2 or frames < 1:
        raise ValueError("A walk needs at least two stops and one frame.")
    legs = len(stops) if closed else len(stops) - 1
    places = np.arange(frames) * legs / (frames if closed else max(frames - 1, 1))
    points = []
    for place in places:
        leg = min(int(place), legs - 1)
        points.append(slerp(stops[leg], stops[(leg + 1) % len(stops)], float(place - leg)))
    return np.stack(points)


def circle(start: Latent, towards: Latent, frames: int, *, radius: float) -> Latent:
    """`frames` latents on a small closed loop around `start`, float32 [frames, size], leaning first towards `towards`.

    `radius` is the loop's largest distance from `start` as an angle in radians; the first frame is `start` itself.
    """
    length = float(np.linalg.norm(start))
    first = _perpendicular(towards, [start])
    second = _perpendicular(np.roll(towards, 1), [start, first])
    turn = 2 * np.pi * np.arange(frames) / frames
    # A circle through `start`: its centre lies half the radius away along `first`.
    away = radius / 2 * ((1 - np.cos(turn))[:, None] * first + np.sin(turn)[:, None] * second)
    points = start / length + away
    return (points / np.linalg.norm(points, axis=1, keepdims=True) * length).astype(np.float32)


def _perpendicular(vector: Latent, to: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    result = vector.astype(np.float64)
    for other in to:
        unit = other.astype(np.float64) / np.linalg.norm(other)
        result = result - np.dot(result, unit) * unit
    return result / np.linalg.norm(result)
