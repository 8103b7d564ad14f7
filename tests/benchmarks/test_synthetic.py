from pathlib import Path

import pytest

from benchmarks.synthetic import FEW, MADE, Kept

ASKED = {"images": 60_000, "real": 1_000}


def test_what_is_kept_is_found_by_the_next_command(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    Kept(path, ASKED).keep(FEW, 1, 0.84)
    again = Kept(path, ASKED)
    assert again.found(FEW, 1) == 0.84
    assert again.found(FEW, 0) is None
    assert again.found(MADE, 1) is None


def test_results_of_other_options_are_not_mixed(tmp_path: Path) -> None:
    Kept(tmp_path / "results.json", ASKED).keep(FEW, 0, 0.84)
    with pytest.raises(ValueError, match="other options"):
        Kept(tmp_path / "results.json", ASKED | {"real": 2_000})
