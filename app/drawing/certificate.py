"""The certificate that Content Credentials are signed with: the operator's, or one that is made at first use.

A certificate of our own proves that one service made a file; only one from a recognised authority says who runs it.
"""

import os
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from app.contract.database import now
from app.contract.errors import NotInstalled
from app.contract.settings import Settings

ORGANISATION = "Likeness"

_VALID_DAYS = 3650
_FILE = "credentials.pem"
_BEGIN = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class Identity:
    """A certificate chain (leaf first) and the leaf's private key, both as PEM text."""

    chain: str
    key: str

    @cached_property
    def algorithm(self) -> str:
        """C2PA's name for how the key signs."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519

        key = serialization.load_pem_private_key(self.key.encode(), password=None)
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return "ed25519"
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return {256: "es256", 384: "es384", 521: "es512"}[key.key_size]
        return "ps256"

    @cached_property
    def serial(self) -> int:
        """The leaf's serial number."""
        from cryptography import x509

        return x509.load_pem_x509_certificate(self.chain.encode()).serial_number

    @property
    def anchor(self) -> str:
        """The last certificate of the chain: who trusts it trusts the leaf."""
        return self.chain[self.chain.rindex(_BEGIN) :]


def load(settings: Settings) -> Identity:
    """The operator's certificate and key, or the pair in the home directory, which is made when it is not there yet.

    Raises:
        NotInstalled: the pair must be made, and the extra `marks` is missing.
    """
    if settings.credentials_certificate is not None and settings.credentials_key is not None:
        return Identity(settings.credentials_certificate.read_text(), settings.credentials_key.read_text())
    path = settings.home / _FILE
    if not path.exists():
        _keep(path, make())
    key, chain = path.read_text().split(_BEGIN, 1)
    return Identity(_BEGIN + chain, key)


def make() -> Identity:
    """A new certificate from an authority of its own, whose key is thrown away. Raises `NotInstalled`."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError as error:
        raise NotInstalled(feature="Content Credentials", extra="marks") from error

    def name(role: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
                x509.NameAttribute(NameOID.COMMON_NAME, f"{ORGANISATION} {role}"),
            ]
        )

    def usage(*, signs_files: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=signs_files,
            key_cert_sign=not signs_files,
            crl_sign=not signs_files,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )

    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())

    def certificate(subject_key: ec.EllipticCurvePrivateKey, *, role: str, authority: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(role))
            .issuer_name(name("authority"))
            .public_key(subject_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - timedelta(days=1))
            .not_valid_after(now() + timedelta(days=_VALID_DAYS))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
            .add_extension(usage(signs_files=not authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject_key.public_key()), critical=False)
            .add_extension(issuer_id, critical=False)
        )
        if not authority:
            purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purposes, critical=False)
        return builder.sign(authority_key, hashes.SHA256())

    pem = serialization.Encoding.PEM
    chain = [
        certificate(key, role="pictures", authority=False).public_bytes(pem),
        certificate(authority_key, role="authority", authority=True).public_bytes(pem),
    ]
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Identity(b"".join(chain).decode(), private.decode())


def _keep(path: Path, made: Identity) -> None:
    """Write the pair for its owner alone; where another process was faster, its pair stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{_FILE}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(made.key + made.chain)
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(partial)
