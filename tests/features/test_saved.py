"""Saved searches: they find what the query finds, survive their files, and know what is new."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsearch import Example, Library, Query, Region, Term, parse
from imgsearch.cli import commands
from imgsearch.errors import QueryError, UsageError
from imgsearch.features.saved.queries import query_of
from imgsearch.features.saved.store import pack_ids, unpack_ids
from imgsearch.search.named_queries import with_named_queries
from imgsearch.store.lock import writing
from imgsearch.store.reads import Reads
from tests.factories import run_cli, wait_until, write_photo, write_photos
from tests.stand_in import StandIn


@pytest.fixture
def stocked(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    """A library of `0000.png` to `0004.png`, in the folder `photos`."""
    library.index([write_photos(tmp_path / "photos", 5)]).run()
    return library


def names(library: Library, query: str | Query, k: int = 20) -> list[str]:
    return [hit.path.name for hit in library.find(query, k).hits]


def spelled(query: Query) -> tuple[object, ...]:
    """A query with what equality leaves out: which words are free."""
    return query, [term.is_free for term in query.terms]


# ------------------------------------------------------------------------- the query


def test_it_finds_what_its_query_finds(library: Library, demo_photos: Path) -> None:
    library.index([demo_photos]).run()
    line = "a cat -dog type:png"
    library.saved.save("pets", line)
    saved, typed = library.find("saved:pets", 5), library.find(line, 5)
    assert saved.hits == typed.hits
    assert saved.hits[0].path.name == "chelsea.png"
    assert saved.verdict == typed.verdict
    page = library.find("saved:pets", 5, saved.cursor)
    assert page.hits == library.find(line, 5, typed.cursor).hits
    assert library.explain(demo_photos / "chelsea.png", "saved:pets").rank == 1
    assert library.lines.exact("saved:pets") == library.lines.exact(line)
    assert library.browse.timeline("saved:pets") == library.browse.timeline(line)
    (summary,) = library.saved.all()
    weak = [hit for hit in library.find(line, 21).hits if hit.level == "weak"]
    assert weak and summary.photos == len(library.find(line, 21).hits) - len(weak)
    assert summary.cover_id == saved.hits[0].photo.id
    library.saved.save("all pets", line, include_weak=True)
    library.saved.save("some pets", line, k=1)
    counts = {each.name: each.photos for each in library.saved.all()}
    pngs = len(library.find("type:png", 30).hits)
    assert counts == {"all pets": pngs, "pets": summary.photos, "some pets": 1}


def test_a_correction_that_is_accepted_shows_weak_results_as_the_saved_search_does(
    library: Library,
    demo_photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    library.index([demo_photos]).run()
    library.saved.save("launch", "a rockett", k=15, include_weak=True)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(click, "getchar", lambda: "y")
    data = str(library.settings.data_dir)
    commands.main(["search", "saved:launch", "--data", data], standalone_mode=False)
    shown = capsys.readouterr()
    assert "Did you mean a rocket?" in shown.err
    assert len(re.findall(r"^ *15  ", shown.out, re.M)) == 2, "both answers have weak results"


@pytest.mark.parametrize(
    ("saved", "query", "same"),
    [
        ("sunset over water in:Holidays", "saved:s", "sunset over water in:Holidays"),
        ("sunset over water in:Holidays", "saved:s boat", "sunset over water boat in:Holidays"),
        ("sunset -people", "red saved:s -2:dog rating:>3", "sunset red -people -2:dog rating:>3"),
        ('"sunset in Paris"', "saved:s tower", '"sunset in Paris" tower'),
        ('2:sunset "by the sea"', "saved:s", '2:sunset "by the sea"'),
        ("camera:canon sort:path", "saved:s after:2024", "camera:canon after:2024 sort:path"),
        ("sunset t:0.2 sort:path", "saved:s sort:date", "sunset t:0.2 sort:date"),
        ("sunset t:0.2", "saved:s t:0.3", "sunset t:0.3"),
        ("photo:3 dog sort:date", "saved:s -cat", "photo:3 dog -cat sort:date"),
        ('keyword:"a|b" name:"x y"|z', "saved:s", 'keyword:"a|b" name:"x y"|z'),
    ],
)
def test_it_stands_for_its_query_in_other_queries(
    stocked: Library, saved: str, query: str, same: str
) -> None:
    stocked.saved.save("s", saved)
    with closing(Reads.open(stocked.settings.data_dir)) as reads:
        assert spelled(with_named_queries(reads.definitions, parse(query))) == spelled(parse(same))


def test_names_and_dates_in_its_words_are_understood_anew(stocked: Library) -> None:
    stocked.saved.save("now", "photos from today")
    stocked.saved.save("text", '"photos from today"')
    assert stocked.lines.understand("saved:now").parts[0].words == "from today"
    assert not stocked.lines.understand("saved:text").parts
    assert stocked.saved.get("now").line == "photos from today"


def test_a_saved_search_in_another_is_copied(stocked: Library) -> None:
    stocked.saved.save("red", "name:0001|0002")
    stocked.saved.save("both", "saved:red sort:path")
    stocked.saved.save("red", "name:0003", replace=True)
    assert names(stocked, "saved:both") == ["0001.png", "0002.png"]
    assert names(stocked, "saved:red") == ["0003.png"]


def test_names_are_compared_without_case_and_accents(stocked: Library) -> None:
    stocked.saved.save("  Été   à la mer ", "name:0001")
    assert stocked.saved.get("ete a la MER").name == "Été à la mer"
    assert names(stocked, 'saved:"été À LA mer"') == ["0001.png"]
    with pytest.raises(UsageError, match=r"already\. It is: name:0001\. Choose another name"):
        stocked.saved.save("ETE A LA MER", "name:0002")


@pytest.mark.features("concepts")
def test_a_taught_concept_is_part_of_it(stocked: Library, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    stocked.index([write_photos(folder, 40)]).run()
    stocked.concepts.teach("dark ones", [folder / f"{number:04}.png" for number in range(4)])
    line = 'concept:"dark ones" -photo:30 sort:path'
    stocked.saved.save("dark", line, 5)
    assert stocked.saved.get("dark").line == line
    assert stocked.find("saved:dark", 5).hits == stocked.find(line, 5).hits != ()


# ------------------------------------------------------------------------- examples


def test_an_example_file_may_go_afterwards(
    stocked: Library, tmp_path: Path, make_photo: Callable[..., Path]
) -> None:
    known = tmp_path / "photos" / "0002.png"
    copy, other = tmp_path / "copy.png", make_photo("other.png", (9, 200, 30))
    shutil.copy(known, copy)
    content = other.read_bytes()
    part = Region(0, 0, 50, 50, percent=True)
    queries = {
        "known": Query((Term(Example(copy)),)),
        "other": Query((Term("red"), Term(Example(other), 2.0)), sort="path"),
        "bytes": Query((Term(Example(content)), Term("red", -0.5))),
        "part": Query((Term(Example(other, part)), Term(Example(known, part), -1.5))),
    }
    before = {name: stocked.find(query).hits for name, query in queries.items()}
    for name, query in queries.items():
        stocked.saved.save(name, query)
    other.unlink()
    copy.unlink()
    known_id = stocked.find("name:0002").hits[0].photo.id
    assert stocked.saved.get("known").line == f"photo:{known_id}"
    for name in queries:
        assert stocked.find(f"saved:{name}").hits == before[name], name
    assert query_of(stocked.saved.get("other")).terms == (
        Term("red"),
        Term(Example(content), 2.0),
    )
    with pytest.raises(QueryError, match="A query line cannot express"):
        stocked.lines.exact("saved:part")


def test_an_example_that_is_gone_is_told_and_breaks_no_other_search(
    stocked: Library, tmp_path: Path
) -> None:
    stocked.saved.save("like", "photo:3")
    stocked.saved.save("first", "name:0000")
    (tmp_path / "photos" / "0002.png").unlink()
    stocked.index().run()
    wait_until(lambda: stocked.folders.prune(0))  # what was removed in an earlier second
    first, like = stocked.saved.all()
    assert (first.photos, first.problem) == (1, None)
    assert (like.photos, like.cover_id) == (0, None)
    assert like.problem is not None and "no photo with the id 3" in like.problem


def test_an_example_that_is_too_large_is_refused(stocked: Library, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate((32 << 20) + 1)
    with pytest.raises(QueryError, match="larger than 32 MB"):
        stocked.saved.save("large", Query((Term(Example(large)),)))
    assert stocked.saved.all() == ()


# ------------------------------------------------------------------------- what is new


def test_it_says_what_is_new_since_one_looked(stocked: Library, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    stocked.saved.save("all", "in:photos sort:path")
    stocked.saved.save("like", "photo:1")
    assert [(each.photos, each.new) for each in stocked.saved.all()] == [(5, 0), (4, 0)]
    write_photo(folder / "0005.png", 5)
    (folder / "0000.png").unlink()
    stocked.index().run()
    new_id = stocked.find("name:0005").hits[0].photo.id
    every, like = stocked.saved.all()
    assert (every.photos, every.new) == (5, 1)
    assert every.cover_id == stocked.find("name:0001").hits[0].photo.id
    assert stocked.find("saved:all").hits, "asking is not looking"
    assert stocked.saved.mark_looked_at("ALL") == (new_id,)
    assert stocked.saved.mark_looked_at("all") == ()
    again, like = stocked.saved.all()
    assert (again.new, like.new) == (0, 1)
    assert again.looked_at >= every.looked_at
    stocked.saved.rename("like", "alike")
    assert [(each.name, each.new) for each in stocked.saved.all()] == [
        ("alike", 1),
        ("all", 0),
    ]


def test_it_is_saved_while_another_process_writes(stocked: Library) -> None:
    with writing(stocked.settings.data_dir):
        stocked.saved.save("all", "in:photos")
        assert stocked.saved.mark_looked_at("all") == ()
        stocked.saved.remove("all")
    assert stocked.saved.all() == ()


@given(st.sets(st.integers(1, (1 << 62))))
def test_packed_ids_are_the_same(ids: set[int]) -> None:
    assert unpack_ids(pack_ids(ids)) == ids


# ------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "is empty"),
        (" \t ", "is empty"),
        ("x" * 101, "at most 100 characters"),
        ("a|b", r"cannot contain '\|'"),
        ("a:b", "cannot contain ':'"),
        ('a"b', "cannot contain"),
        ("a/b", "cannot contain '/'"),
        ("a=b", "cannot contain '='"),
        ("a\x1bb", "cannot contain"),
        ("-a", "cannot begin with a minus"),
    ],
)
def test_names_that_cannot_be_used_are_refused(stocked: Library, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        stocked.saved.save(name, "name:0001")
    stocked.saved.save("fine", "name:0001")
    with pytest.raises(UsageError, match=message):
        stocked.saved.rename("fine", name)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("saved:beech", "No search is saved as 'beech'. Did you mean 'beach'?"),
        ("saved:xyz", "No search is saved as 'xyz'. Saved: beach, our dog."),
        ("-saved:beach", "cannot be negated"),
        ('saved:beach|"our dog"', "takes the name of one search"),
        ("2:saved:beach", "Only words and examples can have a weight"),
    ],
)
def test_an_invalid_use_is_explained(stocked: Library, query: str, message: str) -> None:
    stocked.saved.save("beach", "name:0001")
    stocked.saved.save("our dog", "name:0002")
    for call in (
        stocked.find,
        stocked.lines.understand,
        lambda each: stocked.saved.save("x", each),
    ):
        with pytest.raises(QueryError, match=message):
            call(query)
    assert len(stocked.saved.all()) == 2


def test_queries_that_find_nothing_to_save_are_refused(stocked: Library) -> None:
    for query, message in (
        ("", "empty"),
        (Query(), "empty"),
        ("t:0.3", "needs words or an example"),
        ("sunset sort:size", "Unknown sort order"),
        ("photo:99", "no photo with the id 99"),
    ):
        with pytest.raises(QueryError, match=message):
            stocked.saved.save("x", query)
    with pytest.raises(QueryError, match="1 or more"):
        stocked.saved.save("x", "sunset", 0)
    for call in (stocked.saved.get, stocked.saved.remove, stocked.saved.mark_looked_at):
        with pytest.raises(QueryError, match="and none at all"):
            call("x")


# ------------------------------------------------------------------------- the commands


def test_the_commands(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    photos, data = tmp_path / "photos", library.settings.data_dir
    assert run_cli("save", "x", "sunset", data=data).returncode == 2  # no library yet
    assert run_cli("index", write_photos(photos, 3), data=data).returncode == 0

    saved = run_cli("save", "by the sea", "in:photos", "--sort", "path", "-k", "2", data=data)
    assert saved.stdout == "Saved by the sea: in:photos sort:path\n"
    assert "imgsearch search 'saved:\"by the sea\"'" in saved.stderr
    taken = run_cli("save", "By The Sea", "in:photos", data=data)
    assert taken.returncode == 2 and "--replace" in taken.stderr
    with_image = run_cli("save", "alike", "--image", photos / "0001.png", data=data)
    assert with_image.stdout == "Saved alike: photo:2\n"

    write_photo(photos / "0000-a.png", 9)
    assert run_cli("index", data=data).returncode == 0
    listed = run_cli("saved", data=data)
    assert [line.split() for line in listed.stdout.splitlines()] == [
        ["alike", "3", "photos", "1", "new", "photo:2"],
        ["by", "the", "sea", "2", "photos", "1", "new", "in:photos", "sort:path"],
    ]
    found = run_cli("search", 'saved:"by the sea"', "--paths", data=data)
    assert found.stdout.splitlines() == [str(photos / "0000-a.png"), str(photos / "0000.png")]
    (_, sea) = json.loads(run_cli("saved", "--json", data=data).stdout)
    assert sea["new"] == 1, "a program is no look"
    assert (sea["name"], sea["line"], sea["k"]) == ("by the sea", "in:photos sort:path", 2)
    assert run_cli("search", 'saved:"by the sea"', data=data).stdout.count("\n") == 2
    assert (
        run_cli("search", 'saved:"by the sea" -name:a', "-k", "9", data=data).stdout.count("\n")
        == 3
    )
    (alike, sea) = json.loads(run_cli("saved", "--json", data=data).stdout)
    assert (alike["new"], sea["new"]) == (1, 0)

    assert "Did you mean 'alike'?" in run_cli("search", "saved:alik", data=data).stderr
    assert run_cli("saved", "--rename", "alike", "like 2", data=data).returncode == 0
    assert run_cli("saved", "--remove", "by the sea", data=data).returncode == 0
    assert run_cli("saved", "--remove", "by the sea", data=data).returncode == 2
    assert run_cli("saved", "--remove", "like 2", data=data).returncode == 0
    assert run_cli("saved", data=data).returncode == 1
