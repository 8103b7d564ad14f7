"""Whether this service made a picture, and from what."""

from typing import Literal

from pydantic import Field

from app.contract.schemas.base import Told

Verdict = Literal["genuine", "resaved", "altered", "signed", "claimed", "unknown"]


class CredentialsView(Told):
    """The Content Credentials (C2PA) inside the file."""

    state: Literal["trusted", "valid", "invalid"] = Field(
        description="`trusted`: intact, and signed under this service's own authority. `valid`: intact, but signed by "
        "someone unknown here. `invalid`: the file has been changed since."
    )
    issuer: str
    software: str
    ours: bool = Field(description="Whether this service signed it.")
    problems: list[str] = Field(description="Codes of C2PA for what does not hold.")


class ProvenanceResponse(Told):
    """What became known of a file. Words inside it prove nothing, so the picture is drawn again and compared."""

    made_here: bool | None = Field(description="Whether this service made the picture; null when that cannot be known.")
    verdict: Verdict = Field(
        description="`genuine`: the very pixels that this service draws. `resaved`: the same picture, encoded or "
        "scaled again. `altered`: the file says it was made here, and shows something else. `signed`: its credentials "
        "are ours and hold, but the model is here no more. `claimed`: nothing here can confirm what the file says. "
        "`unknown`: the file says nothing that this service writes, as any picture whose metadata was removed."
    )
    seed: str | None = None
    model: str | None = Field(None, description="The version that the file names.")
    address: str | None = Field(None, description="Where this service shows the same picture.")
    difference: float | None = Field(
        None, description="Mean difference between the file and the picture drawn again, from 0 to 1."
    )
    credentials: CredentialsView | None = Field(None, description="Null when the file has none, or none can be read.")
