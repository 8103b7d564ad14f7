"""Addresses that need no key, and how much they are used."""

from typing import Literal

from pydantic import Field

from app.contract.schemas.base import Asked, Told


class SignRequest(Asked):
    """An address to sign with the key that asks."""

    path: str = Field(
        min_length=1,
        max_length=4000,
        description="The address of a face, walk, sheet or framed page, from its first slash on, with its options.",
        examples=["/v1/faces/ada.webp?size=96"],
    )
    expires_in: int | None = Field(
        None, ge=1, le=315_360_000, description="Seconds for which it holds. Left out, as long as the key does."
    )
    domain: str | None = Field(
        None,
        max_length=253,
        pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*$",
        description="Host whose pages, and those of hosts below it, may use it. They must send an origin or referrer.",
        examples=["example.org"],
    )


class SignedAddress(Told):
    """A signed address."""

    url: str = Field(description="The whole address, for the page.")
    expires: int | None = Field(description="Unix time until which it holds, in seconds.")


class UsageDay(Told):
    """The use of a key's signed addresses on one day (UTC)."""

    day: str = Field(examples=["2026-11-24"])
    hits: int = Field(description="How often they were asked for.")
    drawn: int = Field(description="How many pictures were drawn for them; the others were at hand.")


class UsageList(Told):
    """The use of a key's signed addresses, the newest day first. Days without any are left out."""

    object: Literal["list"] = "list"
    key: str
    budget: int = Field(description="Pictures a day that may be drawn for one key; 0 for any number.")
    data: list[UsageDay]
