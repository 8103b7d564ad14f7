"""Presets as train workers tell them, several at once perhaps."""

from app.contract import presets
from app.contract.database import Database
from tests.app.contract.meanwhile import meanwhile


def offer(database: Database, description: str) -> None:
    told = {"name": "tiny", "kind": "classifier", "description": description, "settings": {"properties": {}}}
    with database.session() as session:
        presets.offer(session, [told])


def found(database: Database) -> presets.Preset:
    with database.session() as session:
        (preset,) = presets.presets(session)
    return preset


def test_the_last_offer_counts_and_what_was_measured_stays(database: Database) -> None:
    offer(database, "first")
    with database.session() as session:
        presets.measured(session, "tiny", images_per_second=20, device="cpu")
    offer(database, "second")
    preset = found(database)
    assert preset.description == "second"
    assert preset.cost is not None
    assert preset.cost.images_per_second == 20


def test_two_workers_that_start_at_once_have_both_offered(database: Database) -> None:
    with meanwhile(database, "INSERT INTO presets", lambda: offer(database, "first")):
        offer(database, "second")
    assert found(database).description == "second"
