import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.host import home


def test_a_home_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with home.occupied(tmp_path / "a" / "b"):
        assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_a_second_service_is_told_who_holds_the_home(tmp_path: Path) -> None:
    with (
        home.occupied(tmp_path),
        pytest.raises(home.HomeInUse, match=f"process {os.getpid()}"),
        home.occupied(tmp_path),
    ):
        pass


def test_a_home_is_free_again_after_its_holder_was_killed(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, sys\n"
        "from app.host import home\n"
        "with home.occupied(pathlib.Path(sys.argv[1])):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    with home.occupied(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
