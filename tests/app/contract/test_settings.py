from pathlib import Path

import pytest
from pydantic import ValidationError

from app.contract.settings import Settings


def test_every_setting_is_described_and_has_a_default() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert not field.is_required(), name


def test_urls_default_to_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIKENESS_HOME", str(tmp_path))
    settings = Settings()
    assert settings.redis == f"unix://{tmp_path}/redis/redis.sock"
    assert settings.broker == f"redis+socket://{tmp_path}/redis/redis.sock"
    assert settings.database == f"sqlite:///{tmp_path}/likeness.db"
    assert settings.store == (tmp_path / "store").as_uri()


@pytest.mark.parametrize(("name", "value"), [("PORT", "99999"), ("REDIS_URL", "localhost"), ("CPU_ENGINE", "tpu")])
def test_a_bad_value_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"LIKENESS_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_the_admin_key_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_ADMIN_KEY", "secret-of-mine")
    assert "secret-of-mine" not in repr(Settings())
