from pathlib import Path

from app.contract import registry
from app.contract.database import Database
from app.contract.settings import Settings
from app.host.prepare import bundled_checkpoints, prepare


def test_an_empty_home_gets_a_schema_and_may_be_prepared_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    (tmp_path / "none").mkdir()
    for _ in range(2):
        assert prepare(settings, checkpoints=tmp_path / "none") == []
    database = Database(settings.database)
    assert database.suffices()
    database.close()


def test_the_bundled_models_are_in_production_in_a_new_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    published = prepare(settings, checkpoints=bundled_checkpoints())
    database = Database(settings.database)
    with database.session() as session:
        serving = {model.name: model.resolve().digest for model in registry.models(session)}
    database.close()
    assert {settings.default_classifier, *settings.default_generators} <= serving.keys()
    assert serving == {version.model: version.digest for version in published}
