"""What the pictures that a preset is timed on are like."""

from models import presets
from worker.trainings import preset_child


def test_made_up_pictures_have_the_classes_that_are_asked_for() -> None:
    for preset, changes, classes in (
        ("clothing-gan-tiny", {"generator.classes": 3}, 3),
        ("clothing-gan-tiny", {}, 10),
        ("pictures-tiny", {"network.classes": 5}, 5),
    ):
        pictures = preset_child._made_up(presets.configure(preset, changes))
        assert len(pictures.classes) == classes
        assert pictures.labels is not None
        assert pictures.labels.unique().tolist() == list(range(classes))


def test_made_up_pictures_of_a_generator_without_classes_have_none() -> None:
    pictures = preset_child._made_up(presets.configure("pictures-gan"))
    assert (pictures.labels, pictures.classes) == (None, ())
