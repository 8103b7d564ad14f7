"""What every record of the HTTP interface shares.

Requests are strict: an unknown field, or a boolean where a number belongs, is refused and never silently corrected.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ModelName = Annotated[
    str,
    Field(
        max_length=160,
        description="A model's name, `name@sha256:<at least 12 hex digits>` or `name@alias`.",
        examples=["faces"],
    ),
]


class Asked(BaseModel):
    """Base of everything a client sends."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Told(BaseModel):
    """Base of everything a client gets."""

    model_config = ConfigDict(frozen=True)


class FieldError(Told):
    """One field that is not valid."""

    loc: list[str | int] = Field(description="Where the field is.", examples=[["body", "seeds", 0]])
    msg: str = Field(description="What is wrong with it.")


class Problem(Told):
    """A failure, as RFC 9457 describes it."""

    type: str = Field(description="Names the kind of problem.", examples=["urn:likeness:problem:busy"])
    title: str = Field(description="The kind of problem in words; the same for every occurrence.")
    status: int = Field(description="The HTTP status.", examples=[503])
    detail: str = Field(description="What happened this time, and what helps.")
    code: str = Field(description="Stable name of the problem, for programs.", examples=["busy"])
    request_id: str = Field(description="Finds the request in the logs.")
    errors: list[FieldError] | None = Field(
        None, description="The fields that are not valid, when fields are to blame."
    )


class Timing(Told):
    """Where the time went, in milliseconds."""

    queue_ms: float = Field(description="From sending to the start of the work.")
    compute_ms: float = Field(description="Work of the network.")
    total_ms: float = Field(description="From the arrival of the request to its answer.")
