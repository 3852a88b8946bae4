"""The house rules: imports go down only, sizes stay small, heavy things load late."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgsearch

HOUSE = Path(__file__).parent.parent
FLOORS = (
    {"doors"},
    {"errors", "display", "findings", "jobs", "terms"},
    {"records"},
    {"honesty", "zero_shot"},  # arithmetic over vectors, with no file and no model
    {"config", "scan", "watch", "mounts", "decode", "encoders", "indexes", "overlap", "store"},
    {
        "calibrate",
        "duplicates",
        "evaluation",
        "ingest",
        "labels",
        "models",
        "query",
        "reconcile",
        "reread",
        "search",
        "snapshots",
        "thumbnails",
        "trial",
    },
    {"overview", "upkeep", "wire"},
    {"library", "client"},
    {"serve"},
    {"cli"},
    {"ui"},
)
MODULE_LINES = 400
FUNCTION_LINES = 40
PARAMETERS = 6
HEAVY = ("torch", "faiss", "onnxruntime", "streamlit", "open_clip", "timm", "transformers")
MODULES = sorted((HOUSE / "imgsearch").rglob("*.py")) + sorted((HOUSE / "ui").rglob("*.py"))


def part_of(module: str) -> str | None:
    """`imgsearch.store.tables` -> "store"; None for other packages and the door itself."""
    names = module.split(".")
    if names[0] == "ui":
        return "ui"
    return names[1] if names[0] == "imgsearch" and len(names) > 1 else None


def imports_of(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            if node.module == "imgsearch":
                yield from ((node.lineno, f"imgsearch.{name.name}") for name in node.names)


def floor_of(part: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if part in floor)


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(HOUSE).with_suffix("").parts)


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_go_down_only(file: Path) -> None:
    here = part_of(name_of(file))
    if here in (None, "__init__", "__main__"):
        return
    for line, module in imports_of(file):
        there = part_of(module)
        if (
            there is None
            or there == here
            or (
                not (HOUSE / "imgsearch" / there).exists()
                and not (HOUSE / "imgsearch" / f"{there}.py").exists()
            )
        ):
            continue
        assert floor_of(there) < floor_of(here), f"{file}:{line}: {here} may not import {there}"


def test_the_page_knows_only_the_door() -> None:
    for file in sorted((HOUSE / "ui").rglob("*.py")):
        for line, module in imports_of(file):
            inside = module.removeprefix("imgsearch.")
            assert inside == module or inside in imgsearch.__all__, f"{file}:{line} takes {module}"


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_sizes(file: Path) -> None:
    source = file.read_text()
    assert len(source.splitlines()) <= MODULE_LINES, f"{file} is too long: split it"
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        where = f"{file}:{node.lineno} {node.name}"
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        documented = len((ast.get_docstring(node) or "").splitlines())
        assert length - documented <= FUNCTION_LINES, f"{where} has {length} lines"
        arguments = [*node.args.posonlyargs, *node.args.args]
        names = [argument.arg for argument in arguments if argument.arg not in ("self", "cls")]
        is_command = any("command" in ast.unparse(d) for d in node.decorator_list)
        if not is_command:  # its parameters are the options that a user types
            assert len(names) <= PARAMETERS, f"{where} takes {len(names)}: make it a record"
        assert node.args.kwarg is None, f"{where} takes **{node.args.kwarg}"


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import imgsearch",
        "import imgsearch.library",
        "import imgsearch.cli",
        "import imgsearch.encoders",
    ],
)
def test_heavy_packages_load_late(statement: str) -> None:
    assert not loaded_by(statement) & set(HEAVY)


def test_the_door_opens_fast() -> None:
    # numpy, Pillow and SQLAlchemy are what makes the difference between 10 and 300 ms
    assert not loaded_by("import imgsearch") & {"numpy", "PIL", "sqlalchemy", "click"}
    assert not loaded_by("import imgsearch.cli") & {"numpy", "PIL", "sqlalchemy", "rich"}


def test_no_word_that_means_the_opposite_of_a_score() -> None:
    for file in MODULES:
        assert "distance" not in file.read_text().lower(), f"{file}: say score, or cosine"
