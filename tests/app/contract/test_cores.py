import os
from pathlib import Path

import pytest

from app.contract import cores


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3})


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(
    ("text", "expected"), [("max 100000", 4), ("200000 100000", 2), ("50000 100000", 1), ("900000 100000", 4)]
)
def test_the_quota_of_a_container_limits_the_cores(tmp_path: Path, text: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert cores.available(tmp_path) == expected


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(("quota", "expected"), [("-1", 4), ("300000", 3)])
def test_the_older_control_groups_count_too(tmp_path: Path, quota: str, expected: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert cores.available(tmp_path) == expected


@pytest.mark.usefixtures("four_cores")
def test_without_control_groups_the_affinity_mask_decides(tmp_path: Path) -> None:
    assert cores.available(tmp_path) == 4
