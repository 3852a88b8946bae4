"""Names in the code: each class once, private ones used at home only, the field's own terms."""

from __future__ import annotations

import ast
from collections import defaultdict
from importlib import import_module

import imgsearch
from imgsearch.features.installed import OWN, features
from tests.factories import CHECKOUT
from tests.test_house import MODULES, NAMES


def test_no_module_imports_a_private_name_of_another() -> None:
    for file in MODULES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in NAMES:
                private = [each.name for each in node.names if each.name[0] == "_"]
                assert not private, f"{file}:{node.lineno} imports {private}"


def test_each_class_name_is_used_once() -> None:
    places = defaultdict(list)
    for folder in ("imgsearch", "ui", "training", "benchmarks", "tests"):
        for file in sorted((CHECKOUT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(f"{file.relative_to(CHECKOUT)}:{node.lineno}")
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert not twice, twice


def test_every_export_exists() -> None:
    for name in imgsearch.__all__:
        assert getattr(imgsearch, name) is not None


def test_the_code_speaks_of_scores_never_of_their_opposite() -> None:
    for file in MODULES:
        if file.name != "spelling.py":  # that of two words is in edits
            assert "distance" not in file.read_text().lower(), f"{file}: say score, or cosine"


def is_of_absent_feature(module: str) -> bool:
    """Whether a module belongs to a feature that this checkout lacks: see `make absent`."""
    _, _, inside = module.partition("imgsearch.features.")
    name = inside.partition(".")[0]
    return name in OWN and name not in features()


def test_exports_are_typed_as_they_are_loaded() -> None:
    """Type checkers read the imports of the package root, and Python reads its table."""
    typed: dict[str | None, tuple[str | None, str]] = {}
    for block in ast.parse((CHECKOUT / "imgsearch" / "__init__.py").read_text()).body:
        if isinstance(block, ast.If):  # TYPE_CHECKING
            for node in block.body:
                if isinstance(node, ast.AnnAssign):  # __all__
                    continue
                assert isinstance(node, ast.ImportFrom)
                if not is_of_absent_feature(str(node.module)):
                    typed |= {name.asname: (node.module, name.name) for name in node.names}
    assert set(imgsearch.__all__) == set(typed) and len(imgsearch.__all__) == len(typed)
    for name, (module, its_name) in typed.items():
        assert (
            name is not None
            and its_name == name
            and getattr(imgsearch, name) is getattr(import_module(str(module)), name)
        )
