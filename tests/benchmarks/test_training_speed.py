import json
from pathlib import Path

from benchmarks import training_speed


def test_when_a_run_passed_is_read_from_what_it_wrote(tmp_path: Path) -> None:
    events = [
        {"event": "progress", "images": 900, "seconds": 9.4},
        {"event": "metrics", "images": 1000, "validation_accuracy": 0.9399},
        {"event": "progress", "images": 1900, "seconds": 19.4},
        {"event": "metrics", "images": 2000, "validation_accuracy": 0.9401},
        {"event": "metrics", "images": 3000, "validation_accuracy": 0.95},
    ]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert training_speed.passed(path) == "0.9401 after 2000 pictures, 19 s of training"
    path.write_text(json.dumps(events[1]) + "\n")
    assert training_speed.passed(path) == "0.94 was not reached"
