"""Brackets in a query line: alternatives of different filters, at every door of a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgsearch import Library, QueryError, parse
from imgsearch.language.grammar import MAX_DEPTH, to_text
from tests.factories import run_cli
from tests.travels import AREZZO, SYDNEY, write_taken
from ui.filters import chips_of

PHOTOS: dict[str, tuple[str | None, tuple[float, float] | None]] = {
    "arezzo 2008": ("2008-10-22T16:00:00", AREZZO),
    "arezzo 2015": ("2015-10-22T08:00:00", AREZZO),
    "sydney 2008": ("2008-02-01T10:00:00", SYDNEY),
    "sydney 2015": ("2015-02-01T10:00:00", SYDNEY),
    "nowhere 2008": ("2008-02-03T10:00:00", None),
    "undated": (None, AREZZO),
}


@pytest.fixture(scope="module")
def travels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a library of six photos."""
    folder = tmp_path_factory.mktemp("brackets")
    (folder / "photos").mkdir()
    for name, (taken, at) in PHOTOS.items():
        write_taken(folder / "photos" / f"{name}.png", taken, at)
    made = run_cli("index", folder / "photos", "--encoder", "lite", data=folder / "library")
    assert made.returncode == 0, made.stderr
    return folder / "library"


def names(data: Path, *line: str) -> set[str]:
    printed = run_cli("search", *line, "--paths", data=data).stdout
    return {Path(path).stem for path in printed.splitlines()}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("(on:2008 | place:Sydney)", {"arezzo 2008", "sydney 2008", "sydney 2015", "nowhere 2008"}),
        ("(on:2008 | place:Sydney) -country:Australia", {"arezzo 2008", "nowhere 2008"}),
        ("type:png -(on:2008 | place:Sydney)", {"arezzo 2015", "undated"}),
        ("on:2008 -(on:2008 place:Sydney)", {"arezzo 2008", "nowhere 2008"}),
        (
            "(on:2008 -no:place | on:2015 country:Italy)",
            {"arezzo 2008", "sydney 2008", "arezzo 2015"},
        ),
        ("((on:2008 | on:2015) place:Sydney | no:date)", {"sydney 2008", "sydney 2015", "undated"}),
        (
            "(near:Arezzo,5km | no:place) on:2008|2015",
            {"arezzo 2008", "arezzo 2015", "nowhere 2008"},
        ),
    ],
)
def test_alternatives_of_different_filters(travels: Path, line: str, expected: set[str]) -> None:
    assert names(travels, line) == expected
    assert to_text(parse(to_text(parse(line)))) == to_text(parse(line)) == line.strip()


@pytest.mark.parametrize(
    ("line", "message", "at"),
    [
        ("(camera:canon | place:Paris", "never closed", 0),
        ("camera:canon | (place:Paris", "never closed", 15),
        ("camera:canon | place:Paris", "in brackets", 13),
        ("camera:canon)", "closes nothing", 12),
        ("(camera:canon | dog)", "Only filters can stand in brackets", 16),
        ("(camera:canon sort:date)", "Only filters", 14),
        ("(camera:canon | liked:1)", "cannot stand in brackets", 16),
        ("(camera:canon | )", "A filter is missing", 16),
        ("(camera:canon)x", "A space is missing", 14),
        ("(" * (MAX_DEPTH + 1) + "on:2008" + ")" * (MAX_DEPTH + 1), "deep at most", MAX_DEPTH),
    ],
)
def test_what_is_wrong_is_said_where_it_is(line: str, message: str, at: int) -> None:
    with pytest.raises(QueryError, match=message) as refused:
        parse(line)
    assert refused.value.at == at


def test_words_in_brackets_and_values_with_brackets_stay_what_they_are() -> None:
    assert parse("a dog (brown)").terms == parse("a dog (brown)").terms
    assert not parse("a dog (brown)").filters
    assert parse("name:img(1)").filters[0].values == ("img(1)",)
    inside = parse('(name:"img(1)" | name:"a)")').filters[0]
    assert [each.values for each in inside.alone] == [("img(1)",), ("a)",)]
    assert parse(to_text(parse('(name:"img(1)" | on:2008)'))) == parse('(name:"img(1)" | on:2008)')


def test_saved_searches_json_and_the_page_have_them(travels: Path) -> None:
    line = "(on:2008 | place:Sydney) country:Italy"
    saved = run_cli("save", "old", line, data=travels)
    assert saved.returncode == 0, saved.stderr
    assert names(travels, "saved:old") == {"arezzo 2008"}
    answer = json.loads(run_cli("search", line, "--json", data=travels).stdout)
    assert len(answer["hits"]) == 1
    chips = list(chips_of(parse(line)))
    assert chips[0].label == "(on:2008 | place:Sydney)"
    assert chips[0].rest == "country:Italy"
    unknown = run_cli("search", "(place:Sydney | near:Nosuchtown)", data=travels)
    assert unknown.returncode == 2 and "No town called" in unknown.stderr


def test_hidden_photos_are_found_by_brackets_that_name_them(demo: Library) -> None:
    assert parse("(is:hidden | on:2008)").filters[0].alone[0].values == ("hidden",)
    assert {int(each) for each in demo.find_all("(type:jpeg | type:png)").ids} == {
        int(each) for each in demo.find_all("type:jpeg|png").ids
    }
