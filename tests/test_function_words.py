"""All function words of English are in one table, by what they say about the words beside them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from imgsearch.language.function_words import Role, words_as
from tests.factories import CHECKOUT

FOLDERS = ("language", "search", "features")
TABLE = CHECKOUT / "imgsearch" / "language" / "function_words.py"
ROLES = get_args(Role)
FEW = 3  # words that may be named where they are used: ("of", "the")


def modules() -> Iterator[Path]:
    """The modules that have to do with the words of queries, without the table."""
    for folder in FOLDERS:
        yield from (CHECKOUT / "imgsearch" / folder).rglob("*.py")


def lists_of_words(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The line and the words of each set, list or tuple of texts in a module."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Set | ast.List | ast.Tuple):
            texts = [each.value for each in node.elts if isinstance(each, ast.Constant)]
            yield node.lineno, [text for text in texts if isinstance(text, str)]


@pytest.mark.features("ask")  # it alone asks for what stands before a subject
def test_each_role_is_played_and_asked_for() -> None:
    code = "".join(file.read_text() for file in (*modules(), TABLE))
    asked = {
        argument.value
        for node in ast.walk(ast.parse(code.replace("from __future__ import annotations", "")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "words_as"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    assert asked == set(ROLES)
    assert [role for role in ROLES if not words_as(role)] == []


def test_no_other_module_has_a_list_of_function_words() -> None:
    known = words_as(*ROLES)
    wrong = [
        f"{file}:{line}: {words}"
        for file in modules()
        if file != TABLE
        for line, words in lists_of_words(file)
        if len(words) > FEW and 2 * len(known.intersection(words)) > len(words)
    ]
    assert not wrong, "\n".join(wrong)


def test_words_are_as_queries_are_compared_with_them() -> None:
    for word in words_as(*ROLES):
        assert word == word.lower().strip() and " " not in word
