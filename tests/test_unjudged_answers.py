"""Answers of the page before a library has the score baseline that judges them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from imgsearch import Library, Settings, Verdict
from ui.answer_data import UNJUDGED_SHOWN, WholeAnswer, answer_of
from ui.search_state import SearchInput
from ui.views.search import result_heading


@pytest.fixture
def page_data(demo_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of a library as it is while its first photos are being indexed."""
    folder = tmp_path / "library"
    shutil.copytree(demo_data, folder)
    with closing(sqlite3.connect(folder / "library.db")) as connection, connection:
        connection.execute("DELETE FROM nulls")
    monkeypatch.setenv("IMGSEARCH_DATA", str(folder))
    monkeypatch.setenv("IMGSEARCH_ENCODER", "lite")
    return folder


def answered(line: str) -> WholeAnswer:
    return answer_of(SearchInput(line))


def test_only_the_closest_are_shown_while_nothing_can_judge_them(page_data: Path) -> None:
    answer = answered("asdkjhqwe")
    assert answer.first.verdict is None and answer.total > UNJUDGED_SHOWN
    assert len(answer.strong.ids) == UNJUDGED_SHOWN
    assert len(answer.everything.ids) == answer.total, "on request"
    heading, rest = result_heading(answer, answer.strong)
    assert heading == "The 10 closest, not judged yet"
    assert rest.startswith(f"of {answer.total} photos")


def test_photos_like_an_example_and_filters_need_no_judgement(page_data: Path) -> None:
    settings = Settings.load(data_dir=page_data, encoder="lite")
    with Library.open(settings) as library:
        (hit,) = library.search("name:coffee", k=1)
    like, filtered = answered(f"photo:{hit.photo.id}"), answered("width:>0")
    for answer in (like, filtered):
        assert len(answer.strong.ids) == len(answer.everything.ids) > UNJUDGED_SHOWN
        assert "judged" not in result_heading(answer, answer.strong)[0]


@pytest.mark.parametrize(
    ("verdict", "heading"),
    [
        (Verdict("found", 6.8, 1, 0, 0), "1 good match"),
        (Verdict("found", 6.8, 2, 27, 171, more=True), "29 good matches · 171 possible · and more"),
        (Verdict("found", 3.0, 0, 3, 0, named=2), "2 by name · 3 good matches"),
        (Verdict("unsure", 0.5, possible=6), "Unsure, the 6 nearest are possible"),
    ],
)
def test_the_heading_counts_good_matches_for_people(
    page_data: Path, verdict: Verdict, heading: str
) -> None:
    answer = answered("a dog")
    judged = replace(answer, first=replace(answer.first, verdict=verdict))
    assert result_heading(judged, judged.strong) == (
        heading,
        f"{len(judged.strong.ids)} of {answer.total} photos",
    )
