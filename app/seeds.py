"""Seeds: any text or integer names a picture. One canonical text stands for each, on every path."""

import secrets
import unicodedata
from urllib.parse import quote

from app.contract.errors import BadOption

LONGEST = 256
RESERVED = "random"

_MOST_PARTS = 4  # letters and accents that NFC makes one letter of, at most

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def canonical(seed: str | int, *, name: str = "seed") -> str:
    """The text that stands for `seed`: the integer 7 and the text "7" are one seed, as are two spellings of one letter.

    Raises:
        BadOption: the seed is empty, too long, reserved, or not text; `name` tells the client which one it was.
    """
    if isinstance(seed, int):
        if abs(seed) >= 10 ** (LONGEST - 1):  # also keeps clear of Python's own limit on printing integers
            raise BadOption(name=name, reason=f"has more than {LONGEST} characters")
        return str(seed)
    # Not before it is known to be short: the time that accents take to be put in order grows with their square.
    text = unicodedata.normalize("NFC", seed) if len(seed) <= _MOST_PARTS * LONGEST else seed
    if not text:
        raise BadOption(name=name, reason="is empty")
    if len(text) > LONGEST:
        raise BadOption(name=name, reason=f"has more than {LONGEST} characters")
    if not is_text(text):
        raise BadOption(name=name, reason="contains a character that is no text (NUL, or half of a surrogate pair)")
    if text == RESERVED:
        raise BadOption(name=name, reason=f"cannot be `{RESERVED}`: that address draws a fresh seed each time")
    return text


def is_text(found: str) -> bool:
    """Whether every store and every encoding can hold it: no NUL, which PostgreSQL refuses, and no half of a pair."""
    return "\0" not in found and not any("\ud800" <= letter <= "\udfff" for letter in found)


def fresh() -> str:
    """A new seed: twelve letters and digits that are not easily mistaken for one another."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


def header(seed: str) -> str:
    """The seed as a header can carry it: percent-encoded wherever it is not plain ASCII."""
    return quote(seed, safe=" !#$&'()*+,/:;=?@[]^`{|}~")
