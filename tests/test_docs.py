"""The documentation is correct: help texts, exit codes, settings, links."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from imgsearch import Library, Settings, errors
from imgsearch.cli import commands
from imgsearch.features import installed
from imgsearch.version import VERSION
from tests.commands_page import help_pages
from tests.core_names import core_names
from tests.operations_page import operations_page
from tests.operations_types import operations_types
from tests.python_page import PARTS, python_page

HOUSE = Path(__file__).parent.parent
PAGES = [
    HOUSE / "README.md",
    *(HOUSE / f"{name}.md" for name in ("CONTRIBUTING", "SECURITY", "CODE_OF_CONDUCT")),
    *sorted((HOUSE / "docs").rglob("*.md")),
    *sorted((HOUSE / "research").rglob("*.md")),
]
MAX_GUIDE_WORDS = 800
DECISIONS = sorted((HOUSE / "docs" / "decisions").glob("0*.md"))
_NUMBERS = r"\[\d+\]\(\d{4}-[\w-]+\.md\)(?:(?:, | and )\[\d+\]\(\d{4}-[\w-]+\.md\))*"
STATUS = re.compile(
    rf"Status: accepted, \d{{4}}-\d\d-\d\d(?:; (?P<later>(?:changed|superseded) by {_NUMBERS}))?"
)
HELP = re.compile(r"(<!-- help: .* -->\n).*(<!-- /help -->)", re.DOTALL)


@pytest.mark.features()
def test_the_help_texts_are_in_the_documentation() -> None:
    page = HOUSE / "docs" / "cli.md"
    now = HELP.sub(lambda found: found[1] + help_pages() + found[2], page.read_text())
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(now)
    assert page.read_text() == now, "run: make docs"


@pytest.mark.features()
def test_the_page_of_operations_is_the_one_of_their_declarations() -> None:
    page = HOUSE / "docs" / "http.md"
    now = operations_page()
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(now)
    assert page.read_text() == now, "run: make docs"


@pytest.mark.features()
def test_the_types_for_the_page_are_those_of_the_declarations() -> None:
    file = HOUSE / "ui" / "components" / "operations.d.ts"
    now = operations_types()
    if os.environ.get("UPDATE_DOCS"):
        file.write_text(now)
    assert file.read_text() == now, "run: make docs"


def test_the_names_that_no_feature_may_take_are_those_of_the_code() -> None:
    module = HOUSE / "imgsearch" / "features" / "core_names.py"
    now = core_names()
    if os.environ.get("UPDATE_DOCS"):
        module.write_text(now)
    assert module.read_text() == now, "run: make docs"


@pytest.mark.features()
def test_the_page_of_python_is_the_one_of_the_signatures() -> None:
    page = HOUSE / "docs" / "python.md"
    now = python_page()
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(now)
    assert page.read_text() == now, "run: make docs"


def test_the_page_of_python_has_every_part_of_a_library() -> None:
    properties = {
        name: inspect.signature(member.fget).return_annotation
        for name, member in vars(Library).items()
        if isinstance(member, property) and member.fget is not None
    }
    facts = {"Settings", "str", "Path", "frozenset[str]"}
    parts = {name: kind for name, kind in properties.items() if kind not in facts}
    of_features = installed.parts()
    assert parts == {name: part.__name__ for name, part in PARTS.items() if name not in of_features}


@pytest.mark.features()
def test_the_manual_page_is_the_one_of_these_commands() -> None:
    page = HOUSE / "docs" / "imgsearch.1"
    done = CliRunner().invoke(commands, ["help", "--man"], prog_name="imgsearch")
    assert done.exit_code == 0
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(done.output)
    assert page.read_text() == done.output, "run: make docs"


def test_every_exit_code_is_documented() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = {kind.exit_code for kind in classes if issubclass(kind, errors.ImgsearchError)}
    documented = set(
        map(int, re.findall(r"^\| (\d+) \|", (HOUSE / "docs/cli.md").read_text(), re.M))
    )
    assert documented == codes | {0, 1, 130}


def test_the_docstring_shows_the_tree_of_errors() -> None:
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.ImgsearchError):
            row = re.search(rf"\b{kind.__name__} +(\d+) ", errors.__doc__ or "")
            assert row and int(row[1]) == kind.exit_code, kind


def test_every_setting_is_documented() -> None:
    table = (HOUSE / "docs" / "settings.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` \|", table, re.M))
    assert documented == {*Settings.__struct_fields__}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_have_a_target(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_guides_are_short() -> None:
    index = (HOUSE / "docs" / "index.md").read_text()
    (guides,) = re.findall(r":caption: Guides\n:maxdepth: 1\n\n([^`]+)```", index)
    words = {
        name: len((HOUSE / "docs" / f"{name}.md").read_text().split()) for name in guides.split()
    }
    assert {name: count for name, count in words.items() if count > MAX_GUIDE_WORDS} == {}


def test_the_architecture_fits_two_screens() -> None:
    assert len((HOUSE / "docs" / "architecture.md").read_text().split()) <= MAX_GUIDE_WORDS


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_decisions_are_short_and_have_one_form(page: Path) -> None:
    title, empty, status, *rest = page.read_text().splitlines()
    assert re.match(rf"# {int(page.name[:4])}\. \S", title) and not empty
    assert STATUS.fullmatch(status), status
    assert [line for line in rest if line.startswith("#")] == [
        "## Context",
        "## Decision",
        "## Consequences",
        "## What would change our mind",
    ]
    words = [word for word in page.read_text().split() if re.search(r"\w", word)]
    assert len(words) <= 300


def test_the_index_lists_every_decision_with_its_status() -> None:
    """Once each, by its title, with the status that the decision itself has."""
    index = (HOUSE / "docs" / "decisions" / "README.md").read_text()
    rows = re.findall(r"^\| \[(.+)\]\((.+)\) \| (.+) \|$", index, re.M)
    expected = []
    for page in DECISIONS:
        title, _, status, *_ = page.read_text().splitlines()
        found = STATUS.fullmatch(status)
        assert found, page.name
        plain = re.sub(r"\[(\d+)\]\([^)]*\)", r"\1", found["later"] or "accepted")
        expected.append((title.removeprefix("# "), page.name, plain))
    assert sorted(rows, key=lambda row: row[1]) == expected


# ------------------------------------------------------------------------- the changelog


@pytest.mark.parametrize("version", ["Unreleased", VERSION])
def test_the_changelog_has_a_short_section_for_a_version(version: str) -> None:
    changelog = (HOUSE / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert headings[0] == "Unreleased"
    number = next(heading for heading in headings if heading.split(" ")[0] == version)
    section = changelog.split(f"\n## {number}\n")[1].split("\n## ")[0]
    assert len(section.strip().splitlines()) <= 60, "lines are for what users notice: merge them"
    assert set(re.findall(r"^### (.+)$", section, re.MULTILINE)) <= {
        *("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Known limits"),
    }
    for page in re.findall(r"\bdocs/[\w-]+\.md\b", section):
        assert (HOUSE / page).is_file(), page
