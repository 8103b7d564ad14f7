"""What the pages promise is there: their links, the commands they show, and the make targets they name."""

import re
from pathlib import Path

import pytest
import torch
import typer.main

from app import errors
from app.cli.main import application
from app.contract.errors import BY_CODE
from app.main import create_app
from models import checkpoint
from tests.app.test_authorisation import TABLE

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_into_a_page_leads_to_a_heading(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text(encoding="utf-8"))
    missing = [
        f"{target}#{place}"
        for target, place in links
        if place not in _places((page.parent / target if target else page).read_text(encoding="utf-8"))
    ]
    assert missing == []


def _places(page: str) -> set[str]:
    """The names that a page's headings have in addresses."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_shown_exists(page: Path) -> None:
    known = set(typer.main.get_command(application).commands)  # type: ignore[attr-defined]
    shown = set(re.findall(r"`(?:\.venv/bin/)?likeness ([a-z-]+)", page.read_text(encoding="utf-8")))
    assert shown <= known


def test_every_command_that_a_message_names_exists() -> None:
    known = set(typer.main.get_command(application).commands)  # type: ignore[attr-defined]
    sources = [*(ROOT / "app").rglob("*.py"), *(ROOT / "worker").rglob("*.py"), *(ROOT / "app" / "web").rglob("*.js")]
    named = {
        name for source in sources for name in re.findall(r"[`“]likeness ([a-z-]+)", source.read_text(encoding="utf-8"))
    }
    assert {"up", "prepare", "worker"} <= named <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_module_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    files = re.findall(r"`((?:app|worker|models|tests|benchmarks|docs)/[\w./-]+)`", text)
    modules = re.findall(r"python -m ((?:worker|models|tests|benchmarks)[\w.]+)", text)
    places = [ROOT / file for file in files] + [ROOT / f"{module.replace('.', '/')}.py" for module in modules]
    assert [str(place.relative_to(ROOT)) for place in places if not place.exists()] == []


def test_the_programs_on_the_page_of_networks_print_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    programs = re.findall(r"```python\n(.*?)```(?:\n\n```\n(.*?)```)?", page, re.DOTALL)
    assert len(programs) == 2
    for program, shown in programs:
        with torch.random.fork_rng(devices=[]):
            exec(compile(program, "networks.md", "exec"), {})
        printed = capsys.readouterr().out
        assert not shown or printed == shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`", page.read_text(encoding="utf-8"))) <= targets


def test_the_edits_that_are_shown_are_known_to_the_bundled_faces() -> None:
    faces = checkpoint.load(ROOT / "models" / "checkpoints" / "faces.safetensors")
    page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    shown = re.findall(r"(?:[`=,;]|\{ )([a-z]+): ?-?\d(?:\.\d)?(?=[`,; ])", page)
    assert shown
    assert {checkpoint.DIRECTION + name for name in shown} <= set(faces.weights)


def test_the_page_of_the_interface_has_every_address_with_its_scope() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    shown = {
        address: (what, scope)
        for address, what, scope in re.findall(r"^\| `([A-Z]+ /\S*)` \| (.+) \| (\w+) \|$", page, re.M)
    }
    described = {
        f"{method.upper()} {path}": operation["summary"]
        for path, operations in create_app().openapi()["paths"].items()
        for method, operation in operations.items()
    }
    assert shown == {address: (summary, TABLE[address]) for address, summary in described.items()}


def test_the_page_of_the_interface_has_every_code_with_its_status() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^\| (\d+) \| `(\w+)` \| (.+) \|$", page, re.M))
    assert shown == {(str(errors.STATUS[kind]), code, kind.title) for code, kind in BY_CODE.items()}


def test_no_page_names_a_place_on_someones_machine() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w.])/(root|home|work|tmp)/", page.read_text(encoding="utf-8")), page.name
