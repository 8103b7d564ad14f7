"""The device that `auto` means."""

import pytest

from worker.serving import device


@pytest.mark.parametrize("wanted", ["cpu", "cuda", "cuda:1"])
def test_what_is_named_is_taken(wanted):
    assert device.choose(wanted) == wanted


def test_auto_is_the_cpu_where_there_is_no_driver(tmp_path):
    assert device.choose("auto", driver=tmp_path / "version") == "cpu"


def test_auto_asks_torch_where_there_is_a_driver(tmp_path):
    import torch

    (tmp_path / "version").write_text("NVRM version: 1")
    assert device.choose("auto", driver=tmp_path / "version") == ("cuda" if torch.cuda.is_available() else "cpu")
