import json
from dataclasses import asdict
from pathlib import Path

import pytest

from models import presets, settings
from models.classifier import Classifier
from models.classifier_config import ClassifierConfig
from models.gan_presets import GanConfig
from tests.models.pictures import write_folder


def test_every_preset_is_described_and_its_schema_is_json() -> None:
    for name in presets.PRESETS:
        told = presets.describe(name)
        assert told["description"], name
        assert told["kind"] in ("classifier", "generator")
        assert json.loads(json.dumps(told))["settings"]["type"] == "object"
    assert presets.DESCRIPTIONS.keys() == presets.PRESETS.keys()


def test_every_preset_survives_being_set_to_its_own_values() -> None:
    for config in presets.PRESETS.values():
        assert settings.override(config, settings.flat(config)) == config
        assert settings.override(config, json.loads(json.dumps(asdict(config)))) == config  # type: ignore[call-overload]


def test_every_classifier_preset_can_be_built() -> None:
    for config in presets.PRESETS.values():
        if isinstance(config, ClassifierConfig):
            assert sum(parameter.numel() for parameter in Classifier(config.network).parameters()) < 20_000_000
            assert presets.cost(config)["forward_mflop"] > 1


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="clothing-cnn"):
        presets.configure("clothing-dnn")


def test_the_presets_own_data_inside_the_folder_is_preferred(tmp_path: Path) -> None:
    config = presets.configure("pictures-tiny", {"data": "mine"})
    write_folder(tmp_path / "mine", count=40)
    inside = presets.load(config, tmp_path, split="train")
    itself = presets.load(config, tmp_path / "mine", split="train")
    assert inside.digest == itself.digest
    assert inside.images.shape[1:] == (1, 28, 28)


def test_settings_that_do_not_go_together_are_refused() -> None:
    for changes, told in (
        ({"discriminator_widths": [8, 8]}, "2 resolutions, the generator 5"),
        ({"generator.widths": []}, "generator.widths names 1 to 9 stages, not 0"),
        ({"generator.latent_size": 0}, "generator.latent_size is at least 1, not 0"),
        ({"start_size": 30}, "no stage of 30 pixels"),
        ({"grow_at": 0}, "needs a grow_at"),
        ({"batch": 15}, "even number"),
        ({"generator.enlarger_width": 8}, "5 resolutions, the generator 6"),
        (
            {"generator.enlarger_width": 8, "discriminator_widths": [8] * 6, "start_size": 32, "grow_at": 8},
            "no smaller side",
        ),
        ({"generator.channels": 2}, "one of 1, 3"),
        ({"beta2": 1}, "at most"),
    ):
        with pytest.raises(ValueError, match=told):
            presets.configure("pictures-gan", changes)


def test_a_run_that_is_too_short_to_grow_trains_the_full_side() -> None:
    for images, size in ((40_000, 64), (50_000, 32)):
        config = presets.configure("pictures-gan", {"images": images})
        assert isinstance(config, GanConfig)
        assert config.size_at(0) == size


@pytest.mark.parametrize(("preset", "changes"), [("pictures-gan", {"judges_first": 2}), ("faces-128", {})])
def test_what_stands_still_must_begin_with_weights(tmp_path: Path, preset: str, changes: dict[str, int]) -> None:
    config = presets.configure(preset, changes)
    pictures = presets.load(config, write_folder(tmp_path / "data", count=20), split="train")
    with pytest.raises(ValueError, match="name a start"):
        presets.train(config, pictures, out=tmp_path / "out", resume=True, stop=lambda: False)


def test_a_large_seed_is_as_good_as_another(tmp_path: Path) -> None:
    changes = {"network.widths": [8, 8], "network.blocks": [0, 1], "batch": 16, "validation": 0.2, "seed": 20261124}
    config = presets.configure("pictures-tiny", changes)
    pictures = presets.load(config, write_folder(tmp_path / "data", count=80), split="train")
    assert presets.probe(config, pictures, steps=1) > 0


def test_what_a_preset_says_of_its_own_data_is_not_said_of_others(tmp_path: Path) -> None:
    config = presets.configure("clothing-plain", {"credit": "mine"})
    other = presets.true_of(config, tmp_path, preset="clothing-plain")
    assert isinstance(other, ClassifierConfig)
    assert (other.data, other.licence, other.credit) == ("", "", "mine")
    (tmp_path / "fashion-mnist").mkdir()
    assert presets.true_of(config, tmp_path, preset="clothing-plain") == config
    assert presets.true_of(config, tmp_path / "fashion-mnist", preset="clothing-plain") == config


def test_a_generator_draws_as_many_classes_as_the_pictures_have(tmp_path: Path) -> None:
    config = presets.configure("clothing-gan")
    pictures = presets.load(config, write_folder(tmp_path / "data", count=20), split="train")
    fitted = presets.fitted(config, pictures)
    assert isinstance(fitted, GanConfig)
    assert fitted.generator.classes == 2
    without = presets.configure("pictures-gan")
    assert presets.fitted(without, pictures) == without


def test_a_probe_measures_speed_and_leaves_no_file(tmp_path: Path) -> None:
    changes = {"network.widths": [8, 8], "network.blocks": [0, 1], "batch": 16, "validation": 0.2}
    config = presets.configure("pictures-tiny", changes)
    pictures = presets.load(config, write_folder(tmp_path / "data", count=80), split="train")
    assert presets.probe(config, pictures, steps=3) > 10
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]
