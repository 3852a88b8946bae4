"""The same answer is given again, and no longer once anything that it depends on has changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from imgsearch import Example, Library, Query, Term
from imgsearch.language.grammar import parse
from imgsearch.opened.library import OpenedLibrary, open_library
from imgsearch.records.answer import Answer, FoundPhotos
from imgsearch.search.kept_answers import kept_for_found, kept_or_found
from imgsearch.search.prepared import prepare
from imgsearch.search.vector import QueryVector
from tests.factories import run_cli, write_noise, write_xmp

DOGS = "a dog"


@pytest.fixture
def photos(tmp_path: Path, demo_photos: Path, library: Library) -> Path:
    """A folder of photos that `library` has, and that a test may change."""
    folder = tmp_path / "photos"
    shutil.copytree(demo_photos, folder)
    library.index([folder]).run()
    return folder


def is_kept(library: Library, query: str | Query) -> bool:
    """Whether a query that is asked twice is answered by the same computation."""
    return library.find(query).verdict is library.find(query).verdict


def content(answer: Answer) -> tuple[object, ...]:
    """What somebody sees of an answer."""
    hits = [(hit.photo, hit.paths, hit.score, hit.level, hit.offline) for hit in answer.hits]
    return (*hits, answer.verdict, answer.remarks, answer.understood)


def is_as_computed_anew(library: Library, query: str) -> bool:
    """Whether the library gives the same answer when it is opened again, with nothing kept."""
    with Library.open(library.settings) as other:
        return content(other.find(query)) == content(library.find(query))


def test_an_answer_is_computed_once(library: Library, photos: Path) -> None:
    first = library.find(DOGS)
    assert len(first.hits) == 20
    assert first.verdict is not None
    assert library.find(DOGS).verdict is first.verdict
    assert content(library.find(DOGS)) == content(first)
    assert library.find(DOGS, 5).hits == first.hits[:5]
    second_page = library.find(DOGS, 5, library.find(DOGS, 5).cursor)
    assert [hit.photo.id for hit in second_page.hits] == [hit.photo.id for hit in first.hits[5:10]]
    assert is_kept(library, Query((Term(Example(first.hits[0].photo.id)),)))


def test_the_version_changes_with_anything_in_the_library(library: Library, photos: Path) -> None:
    before = library.version()
    library.find(DOGS)
    assert library.version() == before
    with Library.open(library.settings) as other:
        other.saved.save("dogs", DOGS)
    assert library.version() != before


def _add(library: Library, photos: Path) -> None:
    write_noise(photos / "noise.png", seed=1)
    library.index().run()


def _remove(library: Library, photos: Path) -> None:
    min(photos.rglob("*.jpg")).unlink()
    library.index().run()


def _rate(library: Library, photos: Path) -> None:
    write_xmp(min(photos.rglob("*.jpg")).with_suffix(".jpg.xmp"), rating=5)
    library.index().run()


def _save(library: Library, photos: Path) -> None:
    library.saved.save("mine", "a boat")


def _in_another_process(library: Library, photos: Path) -> None:
    write_noise(photos / "other.png", seed=2)
    done = run_cli("index", data=library.settings.data_dir)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("change", [_add, _remove, _rate, _save, _in_another_process])
def test_after_a_change_it_is_computed_anew(
    library: Library, photos: Path, change: Callable[[Library, Path], None]
) -> None:
    queries = [DOGS, "noise", "rating:5", "a dog -people"]
    before = {query: library.find(query).verdict for query in queries}
    change(library, photos)
    for query in queries:
        assert is_as_computed_anew(library, query)
    assert library.find(DOGS).verdict is not before[DOGS]


def test_a_saved_search_that_changed_is_searched_as_it_is_now(
    library: Library, photos: Path
) -> None:
    library.saved.save("mine", "a boat")
    boats = library.find("saved:mine")
    library.saved.remove("mine")
    library.saved.save("mine", DOGS)
    dogs = library.find("saved:mine")
    assert dogs.hits[0].photo.id == library.find(DOGS).hits[0].photo.id
    assert dogs.hits[0].photo.id != boats.hits[0].photo.id


def test_a_folder_that_cannot_be_reached_shows_at_once(library: Library, photos: Path) -> None:
    assert not any(hit.offline for hit in library.find(DOGS).hits)
    assert library.find(f"{DOGS} is:online").hits
    away = photos.rename(photos.with_name("away"))
    assert all(hit.offline for hit in library.find(DOGS).hits)
    assert not library.find(f"{DOGS} is:online").hits
    away.rename(photos)
    assert not any(hit.offline for hit in library.find(DOGS).hits)


def test_a_photo_that_is_shown_again_is_read_once(library: Library, photos: Path) -> None:
    shown = library.find(DOGS, 5).hits
    again = library.find(DOGS, 6).hits
    assert [hit.photo for hit in again[:5]] == [hit.photo for hit in shown]
    assert all(before.photo is now.photo for before, now in zip(shown, again, strict=False))
    by_id = {hit.photo.id: hit for hit in library.photos([hit.photo.id for hit in again])}
    assert [by_id[hit.photo.id].photo for hit in again] == [hit.photo for hit in again]
    _rate(library, photos)
    for hit in library.find(DOGS, 6).hits:
        assert hit.photo is not by_id[hit.photo.id].photo, "anything may have changed"
    assert is_as_computed_anew(library, DOGS)


def test_photos_are_shown_in_the_order_they_are_asked_for(library: Library, photos: Path) -> None:
    ids = [hit.photo.id for hit in library.find(DOGS, 12).hits]
    with Library.open(library.settings) as other:
        other.photos(ids[3:6])  # known from now on
        assert [hit.photo.id for hit in other.photos(ids[::-1])] == ids[::-1]
        assert [hit.photo.id for hit in other.photos([*ids, 10**9])] == ids


def test_what_is_made_of_an_answer_is_made_of_the_same_one(library: Library, photos: Path) -> None:
    def found(opened: OpenedLibrary, what: str, query: Query) -> FoundPhotos:
        return kept_for_found(opened.context(), what, query, 20, lambda found: found)

    with closing(open_library(library.settings, print)) as opened:
        first = found(opened, "years", parse(DOGS))
        assert len(first.ids) > 10
        assert found(opened, "months", parse(DOGS)) is first
        assert found(opened, "months", parse("a cat")) is not first
        _save(library, photos)
        assert found(opened, "years", parse(DOGS)) is not first
        of_file = Query((Term(Example(min(photos.rglob("*.jpg")))),))
        first = found(opened, "years", of_file)
        assert found(opened, "years", of_file) is not first, "the file may have changed"


def test_the_vector_of_a_query_is_composed_once(library: Library, photos: Path) -> None:
    file = min(photos.rglob("*.jpg"))
    with closing(open_library(library.settings, print)) as opened:

        def vector(query: Query) -> QueryVector:
            return prepare(opened.context(), query).vector

        for query in (parse(DOGS), parse("a dog -people"), parse("photo:1 in the snow")):
            composed = vector(query)
            assert vector(query) is composed
            assert composed.nbytes >= 3 * composed.vector.nbytes
            with pytest.raises(ValueError, match="read-only"):
                composed.vector[0] = 1
            with pytest.raises(ValueError, match="read-only"):
                composed.contributions[0, 0] = 1
        of_file = Query((Term(Example(file)),))
        assert vector(of_file) is not vector(of_file), "the file may have changed"
        _save(library, photos)
        assert vector(parse(DOGS)) is not composed


def test_an_example_file_is_read_again(library: Library, photos: Path, tmp_path: Path) -> None:
    one, other = sorted(photos.rglob("*.jpg"))[:2]
    example = tmp_path / "example.jpg"
    query = Query((Term(Example(example)),))
    found = []
    for source in (one, other):
        shutil.copy(source, example)
        found.append(library.find(query).remarks)
        assert str(source) in found[-1][0]
    assert not is_kept(library, query)
    assert is_kept(library, Query((Term(Example(one.read_bytes())),))), "bytes stay as they are"


def test_words_in_quotes_are_another_query(library: Library, photos: Path) -> None:
    free, quoted = (Query((Term("last year", is_free=is_free),)) for is_free in (True, False))
    assert free == quoted  # how a text was typed does not count when terms are compared
    assert library.find(free).understood
    assert not library.find(quoted).understood


def test_yesterday_is_another_day_tomorrow(library: Library, photos: Path) -> None:
    query = parse("a dog yesterday")
    with closing(open_library(library.settings, print)) as opened:

        def understood(today: date) -> object:
            with opened.reads().recent.one_version() as version:
                context = replace(opened.context(), today=today)
                return kept_or_found(context, version, query, 20, None).understood

        first = understood(date(2026, 11, 28))
        assert first
        assert understood(date(2026, 11, 29)) != first
        assert understood(date(2026, 11, 28)) == first
