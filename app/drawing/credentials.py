"""Content Credentials (C2PA): a signed statement inside a picture's file of who made it and how.

A changed pixel breaks the signature, and saving the file again loses it. A signature holds the time and a random
number, so signing one picture twice gives two different files.
"""

import importlib.util
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.contract.errors import NotInstalled
from app.drawing.certificate import Identity
from app.drawing.marks import SOFTWARE, SOURCE_TYPE

CONTENT_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/avif", "image/gif", "video/mp4"})
"""What can be signed."""


@dataclass(frozen=True)
class Statement:
    """What the credentials inside a file say, and whether they hold."""

    state: str
    """trusted (by this service's own authority), valid (intact, but signed by someone unknown) or invalid."""
    issuer: str
    software: str
    ours: bool
    """Whether this service's own certificate signed it."""
    problems: tuple[str, ...]


class Credentials:
    """Signs files and reads what others signed. Needs the extra `marks`.

    Args:
        load: gives the certificate, the same every time; called at first use, in any thread.
    """

    def __init__(self, load: Callable[[], Identity]) -> None:
        self._load = load

    @property
    def available(self) -> bool:
        """Whether what signing needs is installed."""
        return importlib.util.find_spec("c2pa") is not None

    def sign(self, data: bytes, *, content_type: str, title: str, parameters: dict[str, Any]) -> bytes:
        """The file `data` with a statement of how it was made.

        Args:
            data: a finished file of one of `CONTENT_TYPES`; re-encoding it later would lose the statement.
            content_type: its media type.
            title: its name for people.
            parameters: what it takes to draw it again.

        Raises:
            NotInstalled: c2pa-python is missing.
        """
        c2pa = _c2pa()
        action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "parameters": {"likeness": parameters}}
        manifest = {
            "claim_generator_info": [{"name": SOFTWARE}],
            "title": title,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
        }
        # Without a time-stamp authority, signing needs no network.
        identity = self._identity
        info = c2pa.C2paSignerInfo(identity.algorithm, identity.chain.encode(), identity.key.encode(), None)
        signed = io.BytesIO()
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(json.dumps(manifest), context=self._context) as builder,
        ):
            builder.sign(signer, content_type, io.BytesIO(data), signed)
        return signed.getvalue()

    def read(self, data: bytes, *, content_type: str) -> Statement | None:
        """What the credentials in `data` say; None when it has none. Raises `NotInstalled`."""
        c2pa = _c2pa()
        try:
            with c2pa.Reader(content_type, io.BytesIO(data), context=self._context) as reader:
                told = json.loads(reader.json())
                state = str(reader.get_validation_state())
        except c2pa.C2paError:
            return None
        manifest = told["manifests"][told["active_manifest"]]
        signature = manifest.get("signature_info", {})
        failures = told.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
        return Statement(
            state=state.lower(),
            issuer=str(signature.get("issuer", "")),
            software=str(manifest.get("claim_generator_info", [{}])[0].get("name", "")),
            ours=state != "Invalid" and int(signature.get("cert_serial_number", -1)) == self._identity.serial,
            problems=tuple(sorted({str(failure["code"]) for failure in failures})),
        )

    @cached_property
    def _identity(self) -> Identity:
        return self._load()

    @cached_property
    def _context(self) -> Any:
        c2pa = _c2pa()
        settings = {
            # A thumbnail would add 70 kB to 690 kB to a picture that is itself no larger than one.
            "builder": {"thumbnail": {"enabled": False}},
            "trust": {"user_anchors": self._identity.anchor},
            "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
        }
        return c2pa.Context(settings=c2pa.Settings.from_dict(settings))


def _c2pa() -> Any:
    """The library, which is large and optional, and so is loaded at first use."""
    try:
        import c2pa
    except ImportError as error:
        raise NotInstalled(feature="Content Credentials", extra="marks") from error
    return c2pa
