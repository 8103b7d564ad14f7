"""Keys, as an administrator sees them. A secret is told once, when it is made."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from app.contract.schemas.base import Asked, Told

KeyScope = Literal["predict", "train", "admin"]

_END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)  # a later time may have no equal in another zone


class KeyRequest(Asked):
    """A key to make."""

    name: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="What the key is for. No line breaks or other control characters.",
        examples=["shop"],
    )
    scopes: list[KeyScope] = Field(
        min_length=1, max_length=3, description="What it allows; `admin` includes the others.", examples=[["predict"]]
    )
    expires_at: AwareDatetime | None = Field(
        None, strict=False, lt=_END_OF_TIME, description="When it ends by itself. Null: it does not."
    )
    shares: str | None = Field(
        None,
        max_length=40,
        description="Id of a key whose jobs, data sets and models this one sees, too. Null: it sees its own alone.",
    )


class RotationRequest(Asked):
    """A key whose secret is to change."""

    grace_seconds: int = Field(
        86_400, ge=0, le=30 * 86_400, description="How long the secret before goes on to work, in seconds."
    )


class KeyView(Told):
    """A key without its secret."""

    id: str
    object: Literal["key"] = "key"
    name: str
    owner: str = Field(description="Keys of one owner see the same jobs, data sets and models.")
    scopes: list[KeyScope]
    status: Literal["active", "expired", "revoked"]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")


class KeyWithSecret(KeyView):
    """A key that was just made or rotated."""

    secret: str = Field(description="Shown this once; only its SHA-256 is kept.")


class KeyList(Told):
    """Keys, newest first."""

    object: Literal["list"] = "list"
    data: list[KeyView]
    has_more: bool
    last_id: str | None
