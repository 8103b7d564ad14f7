"""What the folders of archives mean: a side (train or test), a class, or nothing."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from app.contract.errors import BadDataset

SIDES = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "test",
    "valid": "test",
    "validation": "test",
}


def places(names: Sequence[str], uploads: Sequence[int]) -> list[tuple[str, str]]:
    """The side ("train", "test" or "" when the folders do not say) and the class ("" when there are none) of each name.

    Folders that hold everything are only wrapping and mean nothing. Below them `train/` and `test/` give the side, and
    the next folder the class. So it is in each of several archives, whose classes and sides become one; but the last
    folder of one archive stays, since it may be its only class.

    Args:
        uploads: number of the archive that each name comes from.

    Raises:
        BadDataset: some pictures lie in a class folder and some do not.
    """
    parts = _unwrapped([PurePosixPath(name).parts for name in names], uploads)
    wrapping = _wrapping(parts)
    parts = [each[wrapping:] for each in parts]
    split = bool(parts) and all(len(each) > 1 and each[0].lower() in SIDES for each in parts)
    sides = [SIDES[each[0].lower()] if split else "" for each in parts]
    inner = [each[1:] if split else each for each in parts]
    nested = [len(each) > 1 for each in inner]
    if any(nested) and not all(nested):
        stray = names[nested.index(False)]
        raise BadDataset(
            reason=f"{stray!r} lies beside the class folders; put all pictures into class folders, or none"
        )
    return [(side, each[0] if len(each) > 1 else "") for side, each in zip(sides, inner, strict=True)]


def _unwrapped(parts: Sequence[tuple[str, ...]], uploads: Sequence[int]) -> list[tuple[str, ...]]:
    """The names without what wraps the whole of their own archive."""
    archives: dict[int, list[tuple[str, ...]]] = {}
    for upload, each in zip(uploads, parts, strict=True):
        archives.setdefault(upload, []).append(each)
    wrapping = {upload: _wrapping(inside, left=1) for upload, inside in archives.items()}
    return [each[wrapping[upload] :] for upload, each in zip(uploads, parts, strict=True)]


def _wrapping(parts: Sequence[tuple[str, ...]], *, left: int = 0) -> int:
    """How many leading folders all names share, when `left` others must be left. One that names a side is kept, and so
    is a lone class below a side."""
    depth = 0
    while parts and all(len(each) > depth + 1 + left for each in parts):
        shared = {each[depth] for each in parts}
        if len(shared) > 1 or shared.pop().lower() in SIDES:
            break
        depth += 1
    return depth
