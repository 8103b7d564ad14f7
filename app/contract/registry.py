"""The registry: models, their immutable versions, and the aliases that point to them.

A version is one checkpoint, named by the SHA-256 of its file. Its bytes are in the store before its row is in the
database, so a version that can be seen can be loaded.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.contract.database import Database, added, now
from app.contract.errors import BadCheckpoint, Forbidden, UnknownModel, UnknownVersion, VersionInUse, WrongKind
from app.contract.owners import ADMIN
from app.contract.store import Store, checkpoint_path, onnx_path
from app.contract.tables import AliasRow, ModelRow, VersionRow

PRODUCTION = "production"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
NAME_RULE = (
    "a model's name has 1 to 64 lower-case letters, digits, dots, hyphens or underscores, and a letter or a digit first"
)
BUNDLED = "bundled"

Kind = Literal["classifier", "generator"]

_LARGEST_HEADER_BYTES = 16 * 2**20


class Version(BaseModel):
    """One immutable checkpoint of a model, with what serving needs to know of it."""

    model_config = ConfigDict(frozen=True)

    model: str
    digest: str = Field(description="SHA-256 of the checkpoint file, in hex.")
    kind: Kind
    header: dict[str, Any] = Field(description="What the checkpoint says of itself, with figures measured since.")
    card: str = Field(description="The model card, in Markdown.")
    source: str = Field(description="bundled, imported, or the job that trained it.")
    size_bytes: int
    created_at: datetime

    @property
    def ref(self) -> str:
        """`name@sha256:digest`, the pinned name."""
        return f"{self.model}@sha256:{self.digest}"

    @property
    def size(self) -> int:
        """Side of the network's own pictures, in pixels."""
        return int(self.header["input"]["size"])

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return int(self.header["input"]["channels"])

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; empty for a generator without classes."""
        return tuple(self.header["labels"])

    @property
    def truncation(self) -> float:
        """What a generator takes when nothing is asked for: 1 is its whole variety."""
        return float(self.header["extras"].get("truncation", 1.0))

    @property
    def calibration(self) -> dict[str, float]:
        """What a classifier's numbers mean, as far as it says so; empty for a generator."""
        told = self.header.get("calibration")
        entries = told.items() if isinstance(told, dict) else ()
        return {name: value for name, value in entries if isinstance(value, int | float) and math.isfinite(value)}

    @property
    def energy_limit(self) -> float | None:
        """A picture with a higher energy looks like none of the classes. None where the checkpoint does not say."""
        return self.calibration.get("energy")

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the edits a generator knows."""
        return tuple(self.header["extras"].get("directions", ()))


class Model(BaseModel):
    """A model with its versions, newest first, and its aliases."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Kind
    owner: str | None
    created_at: datetime
    versions: tuple[Version, ...]
    aliases: dict[str, str] = Field(description="Alias to digest.")

    @property
    def production(self) -> Version | None:
        """The version in production, if there is one."""
        digest = self.aliases.get(PRODUCTION)
        return next((version for version in self.versions if version.digest == digest), None)

    def resolve(self, wanted: str = "") -> Version:
        """The version that `wanted` names: `sha256:` and at least 12 hex digits, an alias, or "" for production.

        Raises:
            UnknownVersion: there is none, or the digits fit several.
        """
        if wanted.startswith("sha256:"):
            prefix = wanted.removeprefix("sha256:")
            found = [version for version in self.versions if len(prefix) >= 12 and version.digest.startswith(prefix)]
        else:
            digest = self.aliases.get(wanted or PRODUCTION)
            found = [version for version in self.versions if version.digest == digest]
        if not found and wanted in ("", PRODUCTION):
            raise UnknownVersion(
                f"No version of {self.name} is in production; PUT /v1/models/{self.name}/aliases/production puts one "
                f"there, and GET /v1/models/{self.name} lists them."
            )
        if len(found) != 1:
            raise UnknownVersion(model=self.name, version=wanted)
        return found[0]


def models(session: Session) -> list[Model]:
    """All models by name."""
    return _models(session, sa.select(ModelRow.name))


def model(session: Session, name: str) -> Model | None:
    """The model `name`, if there is one."""
    return next(iter(_models(session, sa.select(ModelRow.name).where(ModelRow.name == name))), None)


def publish(
    session: Session,
    store: Store,
    *,
    name: str,
    checkpoint: bytes | Path,
    onnx: bytes | Path | None,
    source: str,
    card: str = "",
    owner: str | None = None,
    metrics: Mapping[str, Any] = MappingProxyType({}),
) -> Version:
    """Add a version. Publishing the same file twice changes nothing and returns the version that is there.

    `metrics` are told of it beside those in the file, such as figures that were measured after it was written.

    Raises:
        BadCheckpoint: the file is no checkpoint, or the name is not one.
        WrongKind: the name already stands for the other kind of model.
        Forbidden: the name already stands for a model of another owner.
    """
    if not NAME.fullmatch(name):
        raise BadCheckpoint(reason=NAME_RULE)
    data = checkpoint if isinstance(checkpoint, bytes) else checkpoint.read_bytes()
    header, digest = read_header(data), hashlib.sha256(data).hexdigest()
    row = session.get(ModelRow, name)
    if row is None:
        row = ModelRow(name=name, kind=header["kind"], owner=owner, created_at=now())
        if not added(session, row):
            row = session.get_one(ModelRow, name)
    if row.kind != header["kind"]:
        raise WrongKind(model=name, kind=row.kind, wanted=header["kind"])
    if owner not in (None, ADMIN, row.owner):
        raise Forbidden(f"The name {name} is taken by a model of another key; choose another name.")
    version = session.get(VersionRow, (name, digest))
    if version is None:
        if onnx is not None:
            store.put(onnx_path(digest), onnx, lasting=True)
        if not store.exists(checkpoint_path(digest)):  # large bytes are better put before the transaction begins
            store.put(checkpoint_path(digest), data, lasting=True)
        version = VersionRow(
            model=name,
            digest=digest,
            header={**header, "metrics": {**header["metrics"], **metrics}} if metrics else header,
            card=card,
            source=source,
            size_bytes=len(data),
            created_at=now(),
        )
        if not added(session, version):
            version = session.get_one(VersionRow, (name, digest))
    return _version(version, row.kind)


def point(session: Session, *, model: str, alias: str, digest: str) -> str | None:
    """Let an alias refer to a version (promotion and roll-back alike); the digest it referred to before.

    Raises:
        UnknownModel: there is no such model.
        UnknownVersion: the model has no such version.
    """
    if session.get(ModelRow, model) is None:
        raise UnknownModel(model=model)
    # Locked, as `withdraw` does: one that goes away at the same time is unknown, or is in use for whoever removes it.
    if session.get(VersionRow, (model, digest), with_for_update={"read": True, "key_share": True}) is None:
        raise UnknownVersion(model=model, version=f"sha256:{digest}")
    row = session.get(AliasRow, (model, alias), with_for_update=True)
    if row is None:
        if added(session, AliasRow(model=model, alias=alias, digest=digest, updated_at=now())):
            return None
        row = session.get_one(AliasRow, (model, alias), with_for_update=True)
    before, row.digest, row.updated_at = row.digest, digest, now()
    session.flush()
    return before


def withdraw(session: Session, *, model: str, digest: str) -> bool:
    """Remove a version; whether its bytes are now without any use. A model without versions goes too.

    Raises:
        UnknownVersion: the model has no such version.
        VersionInUse: an alias refers to it.
    """
    version = session.get(VersionRow, (model, digest), with_for_update=True)
    if version is None:
        raise UnknownVersion(model=model, version=f"sha256:{digest}")
    users = session.scalars(sa.select(AliasRow.alias).where(AliasRow.model == model, AliasRow.digest == digest)).all()
    if users:
        raise VersionInUse(version=f"{model}@sha256:{digest[:12]}", users=", ".join(users))
    session.delete(version)
    session.flush()
    if session.scalar(sa.select(sa.func.count()).select_from(VersionRow).where(VersionRow.model == model)) == 0:
        session.execute(sa.delete(ModelRow).where(ModelRow.name == model))
    return not is_published(session, digest)


def clear_away(session: Session, *, model: str, digest: str) -> bool:
    """`withdraw`, for those who tidy up: a version that somebody removed or named in the meantime is left to them."""
    try:
        return withdraw(session, model=model, digest=digest)
    except (UnknownVersion, VersionInUse):
        return False


def is_published(session: Session, digest: str) -> bool:
    """Whether some version, of whichever model, has these bytes."""
    return session.scalar(sa.select(VersionRow.digest).where(VersionRow.digest == digest).limit(1)) is not None


def register_bundled(database: Database, store: Store, folder: Path) -> list[Version]:
    """Publish every checkpoint in `folder`, with the card and the ONNX export beside it.

    A bundled version becomes production where nothing else does, and in the place of an earlier bundled one; never in
    the place of a version that someone trained, imported or promoted.
    """
    published = []
    for path in sorted(folder.glob("*.safetensors")):
        card, onnx = path.with_suffix(".md"), path.with_suffix(".onnx")
        with database.session() as session:
            version = publish(
                session,
                store,
                name=path.stem,
                checkpoint=path,
                onnx=onnx if onnx.exists() else None,
                source=BUNDLED,
                card=card.read_text(encoding="utf-8") if card.exists() else "",
            )
            alias = session.get(AliasRow, (path.stem, PRODUCTION))
            current = None if alias is None else session.get(VersionRow, (path.stem, alias.digest))
            if current is None or current.source == BUNDLED:
                point(session, model=path.stem, alias=PRODUCTION, digest=version.digest)
        published.append(version)
    return published


def read_header(checkpoint: bytes) -> dict[str, Any]:
    """What a checkpoint file says of itself. Raises `BadCheckpoint`."""
    length = int.from_bytes(checkpoint[:8], "little")
    if len(checkpoint) < 8 or not 2 <= length <= min(_LARGEST_HEADER_BYTES, len(checkpoint) - 8):
        raise BadCheckpoint(reason="the file is not in safetensors format, or is cut short")
    try:
        told = json.loads(checkpoint[8 : 8 + length])["__metadata__"]["likeness"]
        header = json.loads(told, parse_constant=lambda _: None)  # NaN and Infinity, which no database keeps
        if header["kind"] not in ("classifier", "generator"):
            raise BadCheckpoint(reason="it holds neither a classifier nor a generator")
        int(header["input"]["size"]), int(header["input"]["channels"]), list(header["labels"]), dict(header["extras"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadCheckpoint(reason="its header was not written by Likeness") from error
    return dict(header)


def _models(session: Session, names: sa.Select[str]) -> list[Model]:
    rows = session.scalars(sa.select(ModelRow).where(ModelRow.name.in_(names)).order_by(ModelRow.name)).all()
    newest_first = sa.select(VersionRow).order_by(VersionRow.created_at.desc(), VersionRow.digest)
    versions: dict[str, list[VersionRow]] = {}
    for version in session.scalars(newest_first.where(VersionRow.model.in_(names))):
        versions.setdefault(version.model, []).append(version)
    aliases: dict[str, dict[str, str]] = {}
    for alias in session.scalars(sa.select(AliasRow).where(AliasRow.model.in_(names))):
        aliases.setdefault(alias.model, {})[alias.alias] = alias.digest
    # By the models that the first question found: PostgreSQL lets the others see what was published since then.
    return [
        Model(
            name=row.name,
            kind=row.kind,
            owner=row.owner,
            created_at=row.created_at,
            versions=tuple(_version(version, row.kind) for version in versions.get(row.name, ())),
            aliases=aliases.get(row.name, {}),
        )
        for row in rows
    ]


def _version(row: VersionRow, kind: str) -> Version:
    return Version(
        model=row.model,
        digest=row.digest,
        kind=kind,
        header=row.header,
        card=row.card,
        source=row.source,
        size_bytes=row.size_bytes,
        created_at=row.created_at,
    )
