"""One box: names, places and dates in words, files found by name, and what an empty answer says."""

from __future__ import annotations

import json
import subprocess
from datetime import date
from pathlib import Path

import pytest

from imgsearch import Answer, Example, Library, Query, Region, Term, Verdict
from imgsearch.errors import QueryError
from imgsearch.language.grammar import parse
from imgsearch.records.picture_text import TextLine
from imgsearch.search.name_search import fused_score
from imgsearch.store.store import Store
from tests.factories import run_cli, write_noise
from tests.stand_in import StandIn
from tests.travels import AREZZO, SYDNEY, write_taken


@pytest.fixture
def travels(tmp_path: Path, library: Library, stand_in: StandIn) -> Library:
    """40 photos of noise, and ten with names, places and dates."""
    folder = tmp_path / "photos"
    for number in range(40):
        write_noise(folder / "noise" / f"{number:03}.png", number, 8)
    for number in range(3):
        write_taken(folder / "Trip to Genève" / f"DSCN{number + 41:04}.png", "2019-06-15T10:00:00")
    for number in range(4):
        write_taken(folder / "beach" / f"IMG_{number + 2041}.png", "2018-07-01", AREZZO)
    write_taken(folder / "scans" / "handwritten notes.png", "2015-01-01", SYDNEY)
    write_taken(folder / "scans" / "old notes 7.png", "2019-01-01", Headline="Sunset at the pier")
    write_taken(folder / "scans" / "dog-beach.png", "2019-01-02")
    library.index([folder]).run()
    return library


def names(answer: Answer) -> list[str]:
    return [hit.path.stem for hit in answer.hits]


def named(library: Library, line: str) -> dict[str, tuple[str, ...]]:
    """The photos found by name, in their order, with the fields that matched."""
    hits = library.find(line, 60).hits
    return {hit.path.stem: hit.matched_by for hit in hits if hit.matched_by}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("DSCN0042", {"DSCN0042": ("file_name",)}),
        ("img 2043", {"IMG_2043": ("file_name",)}),
        ("IMG_2043.png", {"IMG_2043": ("file_name",)}),
        ("handwritten notes", {"handwritten notes": ("file_name",)}),
        ('"handwritten notes"', {"handwritten notes": ("file_name",)}),
        ("a photo of handwritten notes", {"handwritten notes": ("file_name",)}),
        ("sunset at the pier", {"old notes 7": ("headline",)}),
        ("geneve", dict.fromkeys(("DSCN0041", "DSCN0042", "DSCN0043"), ("folder",))),
        ("a red car Genève", dict.fromkeys(("DSCN0041", "DSCN0042", "DSCN0043"), ("folder",))),
        ("genève dscn0041", {"DSCN0041": ("file_name", "folder")}),
        ("the beach", dict.fromkeys([f"IMG_{2041 + n}" for n in range(4)], ("folder",))),
        # A usual word counts as a whole name only, and alone.
        ("notes", {}),
        ("dogs on a beach", {}),
        ("a dog at the pier", {}),
        ("DSCN", {}),
        ("-DSCN0042", {}),
    ],
)
def test_photos_are_found_by_their_names(
    travels: Library, line: str, found: dict[str, tuple[str, ...]]
) -> None:
    by_name = named(travels, line)
    assert by_name == found
    if found and "red car" not in line:
        assert names(travels.find(line, len(found))) == list(by_name), "they come first"


def test_text_in_pictures_is_found_and_the_hit_says_so(travels: Library) -> None:
    with Store.open(travels.settings.data_dir, writable=True) as store:
        (photo,) = travels.find("name:003", 1).hits
        line = TextLine("Table 12, Ristorante Zugspitze", 0.1, 0.1, 0.5, 0.1, 0.9)
        store.picture_text.record(photo.photo.id, "test", [line])
    assert named(travels, "zugspitze") == {"003": ("text",)}
    assert named(travels, "table 12") == {"003": ("text",)}
    assert named(travels, "table") == {}
    everything = travels.find_all("zugspitze")
    for hit in (
        *travels.find("zugspitze", 60).hits,
        *travels.hits_of(everything, everything.ids.tolist()),
    ):
        assert [each.text for each in hit.text_lines] == ([line.text] if hit.matched_by else [])
    explained = travels.explain(photo.path, "zugspitze")
    assert (explained.matched_by, explained.text_lines, explained.rank) == (("text",), (line,), 1)


@pytest.fixture
def signs(travels: Library) -> Library:
    """The library of travels, in which the first photos of noise show text."""
    texts = {
        "000": ("STOP", "ALL WAY"),
        "001": ("ARKING", "Bülowstrafe 12"),
        "002": ("Bus stop: no stopping,", "see the time table for the next bus"),
        "004": ("Barking dogs",),
    }
    with Store.open(travels.settings.data_dir, writable=True) as store:
        for name, lines in texts.items():
            (photo,) = travels.find(f"name:{name}", 1).hits
            boxes = [TextLine(text, 0.1, 0.2 * at, 0.5, 0.1, 0.9) for at, text in enumerate(lines)]
            store.picture_text.record(photo.photo.id, "test", boxes)
    return travels


@pytest.mark.parametrize(
    ("line", "found"),
    [
        # A usual word counts where it is a big part of the text, in quotes anywhere.
        ("stop", {"000"}),
        ("the table", set()),
        ('"STOP"', {"000", "002"}),
        ('"next bus"', {"002"}),
        ("time table for the next bus", {"002"}),
        # One letter of six or more may be wrong, but another usual word is another word.
        ("parking", {"001"}),
        ("Bülowstraße", {"001"}),
        ("Bülowstraße 12", {"001"}),
        ("a house in the Bulowstrasse", {"001"}),
        ("barking dogs", {"004"}),
        ("barkin dogs", {"004"}),
        ("Bülowstein", set()),
        ('"parking"', set()),
        # One of four letters is another word.
        ("stap", set()),
    ],
)
def test_words_find_text_in_pictures(signs: Library, line: str, found: set[str]) -> None:
    assert named(signs, line) == dict.fromkeys(found, ("text",))


def test_words_in_quotes_come_first(travels: Library, signs: Library) -> None:
    answer = signs.find('a red car "stop"', 60)
    assert set(names(answer)[:2]) == {"000", "002"} and len(answer.hits) == 50
    assert answer.remarks == ()
    both = signs.find('"stop" "next bus"', 60)
    assert names(both)[0] == "002" and named(signs, '"stop" "next bus"').keys() == {"002"}
    # A distinctive word beside them decides only where the words in quotes leave photos.
    assert named(signs, '"stop" Genève').keys() == {"000", "002"}
    nowhere = signs.find('"next train"', 60)
    assert nowhere.remarks[0].startswith('No photo has exactly "next train"')
    first, second = (
        signs.find('"stop" a car', 1, cursor) for cursor in (None, answer_cursor(signs))
    )
    assert {names(first)[0], names(second)[0]} == {"000", "002"}
    with pytest.raises(QueryError, match="another query"):
        signs.find("plain:stop a car", 1, answer_cursor(signs))


def answer_cursor(library: Library) -> str | None:
    """The cursor of the page after the first photo with "stop" in it."""
    return library.find('"stop" a car', 1).cursor


def test_what_is_found_by_name_is_found(travels: Library) -> None:
    answer = travels.find("DSCN0042", 60)
    assert answer.verdict is not None and answer.verdict.found and answer.verdict.named == 1
    assert str(answer.verdict).startswith("1 by name")
    first, *others = answer.hits
    assert first.level not in ("possible", "weak") and first.score is not None
    levels = [hit.level for hit in others]
    order = ("sure", "likely", "possible", "weak")
    assert levels == sorted(levels, key=lambda level: order.index(level or "sure"))
    assert travels.find("xylophonist", 60).verdict != answer.verdict
    assert str(Verdict("nothing", 0.0)) == "nothing here looks like that"


def test_ranks_are_joined_by_their_reciprocals() -> None:
    assert fused_score(1, 1) == 2 / 61
    assert fused_score(None, 1) == fused_score(1, None) == 1 / 61
    assert fused_score(3, 40) > fused_score(None, 1) > fused_score(2, None)


@pytest.mark.parametrize("line", ["geneve", "the beach", "a red car Genève t:-1"])
def test_pages_show_each_photo_once(travels: Library, line: str) -> None:
    everything = names(travels.find(line, 60))
    assert len(everything) == 50
    paged, cursor = [], None
    while True:
        page = travels.find(line, 7, cursor)
        paged += names(page)
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(paged) == sorted(everything) and len(paged) == 50
    assert paged[:3] == everything[:3]


def test_names_keep_to_the_filters_and_the_score(travels: Library) -> None:
    assert named(travels, "geneve before:2019") == {}
    assert named(travels, "geneve t:0.99") == {}
    assert list(named(travels, "geneve sort:path")) == ["DSCN0041", "DSCN0042", "DSCN0043"]


def test_understood_parts_are_filters(travels: Library) -> None:
    answer = travels.find("a red car in Italy 2018", 60)
    assert [(part.words, part.filters) for part in answer.understood] == [
        ("in Italy", "country:Italy"),
        ("2018", "on:2018"),
    ]
    assert set(names(answer)) == {f"IMG_{2041 + number}" for number in range(4)}
    exact = travels.find('"a red car" country:Italy on:2018', 60)
    assert names(exact) == names(answer) and exact.understood == ()
    assert travels.lines.exact("a red car in Italy 2018") == "a red car country:Italy on:2018"
    assert travels.browse.timeline("in Italy 2018").years[0].photos == 4
    line = answer.understood[0].undo
    assert set(names(travels.find(line, 60))) == set(names(travels.find("on:2018", 60)))


def test_an_exact_query_and_quotes_are_not_understood(travels: Library) -> None:
    for query in (Query((Term("in Italy 2018"),)), '"in Italy 2018"', 'plain:"in Italy 2018"'):
        answer = travels.find(query, 60)
        assert answer.understood == () and len(answer.hits) == 50


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ("in Italy 2019", "No photo of 2019 in Italy; without Italy there are 5."),
        ("in Italy 2015", "No photo of 2015 in Italy; without 2015 there are 4."),
        ("a car country:Italy type:raw",
         "No photo in Italy with type:raw; without type:raw there are 4."),
        ("in Australia name:nothing on:2019", "No photo of 2019 in Australia with name:nothing."),
        ("a car type:raw", "No photo with type:raw. To search without it, write: a car"),
    ],
)  # fmt: skip
def test_an_empty_answer_names_the_part_that_emptied_it(
    travels: Library, line: str, remark: str
) -> None:
    answer = travels.find(line)
    assert answer.hits == () and answer.remarks == (remark,)


@pytest.mark.parametrize(
    ("line", "remarks", "suggestion"),
    [
        (
            "in:Genf",
            (
                "No photo in Genf.",
                "No folder is called Genf or nearly so. Known: photos, noise, beach and 2 more.",
            ),
            None,
        ),
        (
            "in:Genèv",
            (
                "No photo in Genèv.",
                "No folder is called Genèv. The nearest name is Trip to Genève, with 3 photos.",
            ),
            'in:"Trip to Genève"',
        ),
        (
            "a dog place:arezo",
            (
                "No photo in arezo.",
                "No place is called arezo. The nearest name is Arezzo, with 4 photos.",
            ),
            "a dog place:Arezzo",
        ),
        ("person:Anna", ("No photo with Anna.", "No person is named in any photo."), None),
        (
            "near:Florence",
            ("No photo with near:Florence,5km.", "Within 100 km are 4 photos."),
            "near:Florence,100km",
        ),
        (
            "country:Itally on:2015",
            (
                "No photo of 2015 in Itally; without Itally there is 1.",
                "No country is called Itally. The nearest name is Italy, with 4 photos.",
            ),
            "country:Italy on:2015",
        ),
        (
            "-person:Anna name:nothing",
            ("No photo with -person:Anna with name:nothing; without name:nothing there are 50.",),
            None,
        ),
        ("name:nothing", ("No photo with name:nothing.",), None),
    ],
)  # fmt: skip
def test_a_name_that_no_photo_has_is_answered_with_what_there_is(
    travels: Library, line: str, remarks: tuple[str, ...], suggestion: str | None
) -> None:
    answer = travels.find(line)
    assert answer.hits == () and answer.suggestion == suggestion
    assert answer.remarks == remarks
    if suggestion is not None and "on:" not in line:
        assert travels.find(suggestion).hits


def test_explain_knows_the_rank_of_a_photo_found_by_name(travels: Library) -> None:
    (path,) = [hit.path for hit in travels.find("DSCN0042", 1).hits]
    explanation = travels.explain(path, "DSCN0042")
    assert (explanation.rank, explanation.matched_by) == (1, ("file_name",))
    explained = travels.explain(path, "in Italy 2018").filters
    assert [each.passes for each in explained] == [False, False]


def test_names_that_come_later_do_not_disturb_a_cursor(travels: Library, tmp_path: Path) -> None:
    first = travels.find("dscn0099", 10)
    assert first.cursor is not None
    write_taken(tmp_path / "photos" / "new" / "DSCN0099.png", "2020-01-01")
    travels.index([]).run()
    second = travels.find("dscn0099", 60, first.cursor)
    assert not set(names(first)) & set(names(second))


def test_a_part_of_an_image_has_no_exact_line(travels: Library) -> None:
    part = Term(Example(1, Region(0, 0, 50, 50, percent=True)))
    with pytest.raises(QueryError, match="cannot express"):
        travels.lines.exact(Query((Term("a car"), part)))


def run(library: Library, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_cli("search", *arguments, data=library.settings.data_dir)


def test_the_command_tells_how_it_understood(demo: Library) -> None:
    done = run(demo, "--explain-query", "a cat -dog in:somewhere")
    assert done.stdout == "a cat -dog in:somewhere\n" and done.returncode == 0
    done = run(demo, "chelsea", "-k", "1")
    assert "chelsea.png  (file name)" in done.stdout and "1 by name" in done.stderr
    year = date.today().year
    done = run(demo, "a", "cat", "this", "year", "--json", "--all")
    assert f"Understood this year as on:{year}" in done.stderr
    (part,) = json.loads(done.stdout)["understood"]
    assert part == {
        "words": "this year", "filters": f"on:{year}", "rest": "a cat",
        "undo": 'a cat plain:"this year"',
    }  # fmt: skip


def test_words_without_names_stay_as_they_are(demo: Library) -> None:
    line = "a cat on a red sofa in a small room with a view"
    understanding = demo.lines.understand(line)
    assert understanding.parts == () and understanding.query == parse(line)
