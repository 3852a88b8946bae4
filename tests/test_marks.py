"""Marks: favourites, stars and hidden photos, and which stars count."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.errors import QueryError, SettingsError, UsageError
from tests.factories import run_cli, wait_until, write_photos, write_xmp
from tests.stand_in import StandIn


@pytest.fixture
def stocked(library: Library, stand_in: StandIn, tmp_path: Path) -> Library:
    """A library of six photos with the ids 1 to 6; the files of 1 and 2 have 3 and 5 stars."""
    photos = write_photos(tmp_path / "photos", 6)
    write_xmp(photos / "0000.xmp", 3)
    write_xmp(photos / "0001.xmp", 5)
    library.index([photos]).run()
    return library


def ids(library: Library, query: str) -> list[int]:
    return sorted(library.find_all(query).ids.tolist())


def test_favourites_are_found(stocked: Library) -> None:
    assert stocked.marks.set([2, 4], favourite=True).title == "Marked 2 photos as favourite"
    assert ids(stocked, "is:favourite") == [2, 4] and ids(stocked, "-is:favourite") == [1, 3, 5, 6]
    assert stocked.marks.set([2], favourite=True).id is None
    stocked.marks.set(query="is:favourite name:0001", favourite=False)
    assert ids(stocked, "is:favourite") == [4]
    marks = stocked.photo(4).marks
    assert marks is not None and marks.favourite and marks.rating is None
    assert stocked.photo(1).marks is None


@pytest.mark.parametrize(
    ("query", "own", "files"),
    [
        ("rating:4+", [1, 2, 3], [2, 3]),
        ("rating:>=4", [1, 2, 3], [2, 3]),
        ("rating:3", [], [1]),
        ("rating:0", [4, 5, 6], [4, 5, 6]),
        ("rating:1..4", [1, 3], [1, 3]),
        ("-rating:4+", [4, 5, 6], [1, 4, 5, 6]),
    ],
)
def test_own_stars_count_before_those_of_files_unless_chosen_otherwise(
    stocked: Library, query: str, own: list[int], files: list[int]
) -> None:
    stocked.marks.set([1, 3], rating=4)
    stocked.marks.set([4], rating=0)
    assert ids(stocked, query) == own
    data = stocked.settings.data_dir
    chosen = Settings.load(data_dir=data, rating="files", encoder="lite")
    with Library.open(chosen, encoder=StandIn()) as other:
        assert ids(other, query) == files
        passes = other.explain(1, query).filters[0].passes
        assert passes == (1 in files)
    assert stocked.explain(1, query).filters[0].passes == (1 in own)


def test_own_stars_can_be_taken_back(stocked: Library) -> None:
    stocked.marks.set([1, 2], rating=0)
    assert ids(stocked, "rating:1+") == []
    assert stocked.marks.forget_rating([1, 2, 3]).photos == 2
    assert ids(stocked, "rating:1+") == [1, 2]
    (photo,) = stocked.photos([1])
    assert photo.photo.facts.rating == 3, "what the file says stays what it was"


@pytest.mark.features("albums")
def test_hidden_photos_leave_every_answer_unless_they_are_asked_for(stocked: Library) -> None:
    stocked.albums.make("Book", [1, 2, 3])
    stocked.saved.save("all", "type:png")
    everything = "photo:6"
    assert len(stocked.find(everything, 10).hits) == 5
    stocked.marks.set([1, 5], hidden=True)
    assert ids(stocked, "type:png") == [2, 3, 4, 6] and ids(stocked, "-type:jpeg") == [2, 3, 4, 6]
    assert ids(stocked, "album:Book") == [2, 3]
    for query in (everything, "a red thing", "0000", "0000 name:0000"):
        assert not {hit.photo.id for hit in stocked.find(query, 10).hits} & {1, 5}, query
    assert {hit.photo.id for hit in stocked.find(f"{everything} sort:date", 9).hits} == {2, 3, 4}
    assert stocked.saved.all()[0].photos == 4
    assert sum(year.photos for year in stocked.browse.timeline().years) == 4
    assert sum(len(day.photo_ids) for day in stocked.browse.days()) == 4
    assert sum(each.photos for each in stocked.browse.cameras()) == 4
    assert stocked.browse.positions().unknown == 4
    assert ids(stocked, "is:hidden") == [1, 5]
    assert [hit.photo.id for hit in stocked.find(f"{everything} is:hidden", 9).hits] in (
        [1, 5],
        [5, 1],
    )
    assert [hit.photo.id for hit in stocked.find("is:hidden sort:path").hits] == [1, 5]
    assert sum(year.photos for year in stocked.browse.timeline("is:hidden").years) == 2
    assert ids(stocked, "-is:hidden type:png") == [2, 3, 4, 6]
    assert "only is:hidden" in str(stocked.explain(1, "type:png").reason)
    assert "only is:hidden" in str(stocked.explain(1, everything).reason)
    assert stocked.explain(1, f"{everything} is:hidden").rank is not None
    assert stocked.explain(2, everything).reason is None
    assert stocked.photos([1])[0].photo.id == 1, "by its id it is still there"
    stocked.marks.set(query="is:hidden", hidden=False)
    assert ids(stocked, "type:png") == [1, 2, 3, 4, 5, 6]
    assert len(stocked.find(everything, 10).hits) == 5


def test_pages_of_an_answer_skip_what_is_hidden_meanwhile(stocked: Library) -> None:
    first = stocked.find("type:png sort:path", 2)
    assert [hit.photo.id for hit in first.hits] == [1, 2]
    stocked.marks.set([3], hidden=True)
    second = stocked.find("type:png sort:path", 2, first.cursor)
    assert [hit.photo.id for hit in second.hits] == [4, 5]


def test_marks_stay_when_a_photo_is_moved_and_go_when_it_is_forgotten(
    stocked: Library, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    stocked.marks.set([1, 2], favourite=True, rating=2)
    (photos / "0000.png").rename(photos / "moved.png")
    kept = shutil.move(photos / "0001.png", tmp_path / "kept.png")
    stocked.index().run()
    stocked.rebuild().run()
    assert ids(stocked, "is:favourite") == [1]
    shutil.copy(kept, photos / "again.png")
    stocked.index().run()
    assert ids(stocked, "is:favourite rating:2") == [1, 2]
    (photos / "again.png").unlink()
    stocked.index().run()
    wait_until(lambda: stocked.folders.prune(0))
    assert set(stocked.marks.of(range(1, 9))) == {1}


def test_bad_marks_are_refused(stocked: Library) -> None:
    for rating in (-1, 6):
        with pytest.raises(UsageError, match="0 to 5 stars"):
            stocked.marks.set([1], rating=rating)
    with pytest.raises(UsageError, match="Say how to mark"):
        stocked.marks.set([1])
    with pytest.raises(QueryError, match=r"Unknown value 'favorite'\. Did you mean favourite"):
        stocked.find("is:favorite")
    with pytest.raises(UsageError, match=r"does not have photo 99\. imgsearch search --json"):
        stocked.marks.set([99], favourite=True)
    with pytest.raises(UsageError, match="does not have one of these 2 photos"):
        stocked.marks.forget_rating([98, 99])
    assert stocked.marks.set([1, 99], favourite=True).photos == 1
    nothing = stocked.marks.set(query="name:nothing", favourite=True)
    assert (nothing.id, nothing.title) == (None, "No photo matches, so none was marked")
    with pytest.raises(SettingsError, match="rating must be own or files"):
        Settings.load(rating="mine")


def test_the_command_refuses_a_photo_that_is_not_there(stocked: Library) -> None:
    refused = run_cli("mark", "--photo", "99999", "--stars", "3", data=stocked.settings.data_dir)
    assert refused.returncode == 2 and refused.stdout == ""
    assert "does not have photo 99999" in refused.stderr


def test_states_are_suggested(stocked: Library) -> None:
    assert [each.line for each in stocked.lines.suggest("is:fav")] == ["is:favourite"]


def test_the_command(library: Library, stand_in: StandIn, tmp_path: Path) -> None:
    data = library.settings.data_dir
    assert run_cli("index", write_photos(tmp_path / "photos", 4), data=data).returncode == 0
    marked = run_cli("mark", "name:0001", "--photo", "1", "--favourite", "--stars", "4", data=data)
    assert marked.stdout == "Marked 2 photos\n" and "imgsearch undo" in marked.stderr
    found = json.loads(run_cli("search", "is:favourite rating:4+", "--json", data=data).stdout)
    assert sorted(hit["photo"]["id"] for hit in found["hits"]) == [1, 2]
    assert run_cli("mark", "rating:4+", "--hide", data=data).stdout == "Hid 2 photos\n"
    assert run_cli("search", "is:favourite", data=data).returncode == 1
    assert run_cli("mark", "is:hidden", "--show", data=data).stdout == "Showed 2 photos again\n"
    taken = run_cli("mark", "--photo", "1", "--stars-of-file", data=data)
    assert taken.stdout == "Removed your stars from 1 photo\n"
    for wrong in (["name:0001"], ["--favourite"], ["name:1", "--stars", "6"]):
        assert run_cli("mark", *wrong, data=data).returncode == 2, wrong
    assert run_cli("mark", "name:1", "--stars-of-file", "--hide", data=data).returncode == 2
