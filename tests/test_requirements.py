"""The hashed lists that the images install agree with what `make install` brings, and leave nothing out."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
API = ("video", "marks", "tracing")
WORKER = ("worker", "train", *API)
LISTS = {"api.txt": API, "worker.txt": WORKER, "worker-cpu.txt": WORKER}
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def pins(path: Path) -> dict[str, Version]:
    """What a list pins, by name."""
    found = PIN.findall(path.read_text(encoding="utf-8"))
    return {canonicalize_name(name): Version(version) for name, version in found}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_brings_the_versions_that_the_tests_run_with(name: str) -> None:
    tested = pins(ROOT / "constraints.txt")
    listed = pins(ROOT / ".ci" / "requirements" / name)
    shared = tested.keys() & listed.keys()
    assert len(shared) > 50
    assert {each: listed[each].public for each in shared} == {each: tested[each].public for each in shared}


@pytest.mark.parametrize(("name", "extras"), LISTS.items())
def test_a_list_has_all_that_the_project_asks_for(name: str, extras: tuple[str, ...]) -> None:
    listed = pins(ROOT / ".ci" / "requirements" / name)
    asked = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    for requirement in map(Requirement, asked):
        version = listed.get(canonicalize_name(requirement.name))
        assert version is not None, requirement
        assert version in requirement.specifier, requirement


@pytest.mark.parametrize("path", sorted((ROOT / ".ci" / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_every_pin_has_a_hash(path: Path) -> None:
    blocks = re.split(r"^(?=[A-Za-z0-9])", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert blocks
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_only_the_list_for_gpus_has_cuda() -> None:
    of = {name: pins(ROOT / ".ci" / "requirements" / name) for name in LISTS}
    assert "torch" not in of["api.txt"]
    assert of["worker-cpu.txt"]["torch"].local == "cpu"
    assert of["worker.txt"]["torch"].local is None
    assert [name for name in of["worker-cpu.txt"] if name.startswith(("nvidia-", "cuda-", "triton"))] == []
    assert [name for name in of["worker.txt"] if name.startswith("nvidia-")]


def test_images_install_by_hash_and_nothing_else() -> None:
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    installs = re.findall(r"pip install .*", text)
    assert len(installs) == 5
    assert all("--require-hashes" in line or "--no-index --no-deps" in line for line in installs)


def test_the_licences_of_all_that_the_images_hold_are_listed() -> None:
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    named = {canonicalize_name(name) for name in re.findall(r"^\| (\S+)", page, re.MULTILINE)}
    # Only on other releases of Python, or only while something is built.
    elsewhere = {"async-timeout", "setuptools"}
    assert pins(ROOT / ".ci" / "requirements" / "worker-cpu.txt").keys() - named - elsewhere == set()
