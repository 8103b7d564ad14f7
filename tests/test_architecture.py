"""The fences between the folders: who imports whom, and what the api never loads."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("app", "models", "worker")

# The most specific folder decides: what of ours it may import, and which third parties it may not.
RULES: dict[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "models": (("models",), frozenset({"celery", "fastapi", "redis", "sqlalchemy", "starlette"})),
    "models.images": ((), frozenset({"numpy", "onnxruntime", "torch"})),
    "models.latents": ((), frozenset({"onnxruntime", "torch"})),
    "app.contract": (("app.contract",), frozenset({"celery", "fastapi", "numpy", "starlette", "torch"})),
    "app": (("app", "models.images"), frozenset({"numpy", "onnxruntime", "safetensors", "torch"})),
    "worker": (("worker", "models", "app.contract"), frozenset({"fastapi", "starlette", "uvicorn"})),
}


def modules() -> Iterator[tuple[str, Path]]:
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, inside functions too, as (line, full name)."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module=str(module), names=names):
                # `from app import errors` imports the module app.errors.
                whole = [name.name for name in names if _is_module(f"{module}.{name.name}")]
                yield from ((node.lineno, f"{module}.{name}") for name in whole)
                if len(whole) < len(names):
                    yield node.lineno, module


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


@pytest.mark.parametrize(("module", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_module_imports_only_what_its_folder_may(module: str, path: Path) -> None:
    rule = max((package for package in RULES if within(module, package)), key=len)
    ours, banned = RULES[rule]
    wrong = [
        f"line {line}: {name}"
        for line, name in imported(path)
        if name.partition(".")[0] in banned
        or (name.partition(".")[0] in OURS and not any(within(name, allowed) for allowed in ours))
    ]
    assert wrong == [], f"{module} must not import these; {rule} may import {ours} of ours"


@pytest.mark.parametrize("module", ["app.main", "app.cli.main", "models.images"])
def test_no_part_of_the_api_loads_a_tensor_library(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert loaded & {"torch", "numpy", "onnxruntime", "safetensors"} == set()


def test_creating_the_api_loads_no_tensor_library(tmp_path: Path) -> None:
    code = f"import os; os.environ['LIKENESS_HOME'] = {str(tmp_path)!r}; import app.main; app.main.create_app()"
    assert loaded_by(code) & {"torch", "numpy", "onnxruntime", "safetensors"} == set()


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after it ran `code`."""
    ask = f"{code}\nimport sys, json; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("folder", [*OURS, "tests", "benchmarks"])
def test_no_module_is_called_utils_or_common(folder: str) -> None:
    vague = [path.name for path in (ROOT / folder).rglob("*.py") if path.stem in {"common", "helpers", "misc", "utils"}]
    assert vague == []
