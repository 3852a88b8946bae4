"""Choices of near-duplicates stay with the content of the photos."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgsearch import Library, Settings, UsageError
from tests.factories import write_photos
from tests.stand_in import StandIn


def open_library(place: Path) -> Library:
    return Library.open(Settings.load(data_dir=place / "library"), encoder=StandIn())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the indexed library of three photos."""
    with open_library(tmp_path) as library:
        library.index([write_photos(tmp_path / "photos", 3)]).run()
    return tmp_path


@pytest.fixture
def library(place: Path) -> Iterator[Library]:
    with open_library(place) as library:
        yield library


def test_choices_are_seen_by_others_and_can_be_taken_back(place: Path, library: Library) -> None:
    one, two, three = sorted(hit.photo.id for hit in library.search("sort:path", k=3))
    assert library.duplicates.choices() == {}
    library.duplicates.choose(one, True)
    library.duplicates.choose(two, False)
    with open_library(place) as other:
        assert other.duplicates.choices() == {one: True, two: False}
        other.duplicates.choose(one, False)
        other.duplicates.choose(two, None)
        other.duplicates.choose(three, None)
    assert library.duplicates.choices() == {one: False}
    assert library.duplicates.forget_choices() == 1
    assert library.duplicates.choices() == {} and library.duplicates.forget_choices() == 0
    with pytest.raises(UsageError, match="no photo 999"):
        library.duplicates.choose(999, True)


def test_choices_stay_when_photos_move_or_leave_for_a_while(place: Path, library: Library) -> None:
    by_path = {hit.path: hit.photo.id for hit in library.search("sort:path", k=3)}
    (moved, moved_id), (gone, gone_id), _ = sorted(by_path.items())
    library.duplicates.choose(moved_id, True)
    library.duplicates.choose(gone_id, False)
    (place / "photos" / "below").mkdir()
    moved.rename(place / "photos" / "below" / moved.name)
    shutil.move(gone, place / gone.name)
    library.index().run()
    shutil.move(place / gone.name, gone)
    library.index().run()
    hits = {hit.path.name: hit.photo.id for hit in library.search("sort:path", k=3)}
    wanted = {hits[moved.name]: True, hits[gone.name]: False}
    assert library.duplicates.choices() == wanted
    library.rebuild().run()
    assert library.duplicates.choices() == wanted


def test_a_choice_is_made_while_photos_are_indexed(place: Path, library: Library) -> None:
    chosen = library.search("sort:path", k=1)[0].photo.id
    write_photos(place / "photos" / "more", 20)
    with open_library(place) as writer:
        steps = iter(writer.index())
        next(steps)  # it holds the writer's lock
        library.duplicates.choose(chosen, True)
        for _ in steps:
            pass
    assert library.duplicates.choices() == {chosen: True}
