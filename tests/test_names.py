"""Names in the code: each class once, private ones used at home only, the field's own terms."""

from __future__ import annotations

import ast
from collections import defaultdict

import imgsearch
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
