"""What other sites ask of a face's address before they show it."""

from typing import Literal

from pydantic import Field

from app.contract.schemas.base import Told


class OEmbed(Told):
    """How to show an address (oEmbed 1.0): a photo, or a page to be framed."""

    version: Literal["1.0"] = "1.0"
    type: Literal["photo", "rich"]
    title: str = Field(description="The seed.", examples=["ada"])
    provider_name: Literal["Likeness"] = "Likeness"
    provider_url: str
    cache_age: int = Field(description="Seconds for which this may be kept.")
    width: int
    height: int
    url: str | None = Field(None, description="The picture of a photo.")
    html: str | None = Field(None, description="The frame of a rich page.")
