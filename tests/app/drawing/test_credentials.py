import time
from pathlib import Path
from typing import get_args

import pytest

from app.contract.schemas.generate import CONTENT_TYPES
from app.contract.settings import Settings
from app.drawing import certificate
from app.drawing.credentials import Credentials
from models import images

pytest.importorskip("c2pa", reason="needs the extra `marks`")

PARAMETERS = {"model": "faces@sha256:" + "ab" * 32, "drawing": {"seed": "ada"}}


@pytest.fixture(scope="module")
def identity() -> certificate.Identity:
    return certificate.make()


def signed(identity: certificate.Identity, format: images.Format = "png") -> bytes:
    pixels = bytes(range(256)) * 48
    data = images.encode(pixels, width=64, height=64, channels=3, format=format)
    return Credentials(lambda: identity).sign(
        data, content_type=CONTENT_TYPES[format], title="ada", parameters=PARAMETERS
    )


@pytest.mark.parametrize("format", get_args(images.Format))
def test_what_is_signed_here_is_trusted_here(identity: certificate.Identity, format: images.Format) -> None:
    told = Credentials(lambda: identity).read(signed(identity, format), content_type=CONTENT_TYPES[format])

    assert told is not None
    assert (told.state, told.ours, told.software, told.problems) == ("trusted", True, "Likeness", ())


@pytest.mark.parametrize("format", get_args(images.Format))
def test_a_signed_file_still_holds_the_same_pixels(identity: certificate.Identity, format: images.Format) -> None:
    plain = images.encode(bytes(range(256)) * 48, width=64, height=64, channels=3, format=format)

    assert images.decode(signed(identity, format), size=64, channels=3) == images.decode(plain, size=64, channels=3)


def test_another_service_finds_it_valid_but_unknown(identity: certificate.Identity) -> None:
    told = Credentials(certificate.make).read(signed(identity), content_type="image/png")

    assert told is not None
    assert (told.state, told.ours) == ("valid", False)
    assert told.problems == ("signingCredential.untrusted",)


@pytest.mark.parametrize("format", get_args(images.Format))
def test_one_changed_byte_of_the_picture_breaks_it(identity: certificate.Identity, format: images.Format) -> None:
    data = bytearray(signed(identity, format))
    data[-40 if format != "jpeg" else -60] ^= 1  # the pixels come last in each of these

    told = Credentials(lambda: identity).read(bytes(data), content_type=CONTENT_TYPES[format])

    assert told is not None
    assert (told.state, told.ours) == ("invalid", False)
    assert any("mismatch" in problem for problem in told.problems)


def test_a_file_without_credentials_says_nothing(identity: certificate.Identity) -> None:
    data = images.encode(bytes(64 * 64 * 3), width=64, height=64, channels=3, format="png")

    assert Credentials(lambda: identity).read(data, content_type="image/png") is None
    assert Credentials(lambda: identity).read(b"nonsense", content_type="image/png") is None


def test_a_signature_is_small_and_quick(identity: certificate.Identity) -> None:
    data = images.encode(bytes(64 * 64 * 3), width=64, height=64, channels=3, format="webp")
    signer = Credentials(lambda: identity)
    signer.sign(data, content_type="image/webp", title="ada", parameters=PARAMETERS)

    started = time.process_time()
    grown = len(signer.sign(data, content_type="image/webp", title="ada", parameters=PARAMETERS)) - len(data)

    assert grown < 6000
    assert time.process_time() - started < 0.1


def test_a_certificate_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")

    first, again = certificate.load(settings), certificate.load(settings)

    assert first == again
    files = list((tmp_path / "home").iterdir())
    assert [file.name for file in files] == ["credentials.pem"]
    assert files[0].stat().st_mode & 0o077 == 0


def test_the_operators_certificate_is_used_when_there_is_one(tmp_path: Path, identity: certificate.Identity) -> None:
    (tmp_path / "chain.pem").write_text(identity.chain)
    (tmp_path / "key.pem").write_text(identity.key)

    settings = Settings(
        home=tmp_path / "home", credentials_certificate=tmp_path / "chain.pem", credentials_key=tmp_path / "key.pem"
    )

    assert certificate.load(settings) == identity
    assert not (tmp_path / "home").exists()


def test_half_a_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="given together"):
        Settings(home=tmp_path, credentials_key=tmp_path / "key.pem")
