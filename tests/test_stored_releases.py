"""A library and a pack that a release has stored open, answer, grow and are merged: tests/data."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from imgsearch import Library, Settings
from imgsearch.errors import SchemaTooNew
from tests.stored_data import (
    EVENT_TITLE,
    EVERYTHING,
    LIBRARY,
    LIKE_THE_SKY,
    LINES,
    OF_A_LIBRARY,
    PACK,
    PACK_FILE,
    PHOTOS,
    assert_found,
    expected,
    found,
    unpacked,
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return shutil.copytree(PHOTOS, tmp_path / "photos", copy_function=shutil.copy2)


@pytest.fixture
def library(stored: Path, photos: Path, tmp_path: Path, model_cache: Path) -> Iterator[Library]:
    """The library of the release, with its root at `photos`."""
    data_dir = unpacked(stored / LIBRARY, tmp_path)
    with closing(sqlite3.connect(data_dir / "library.db")) as connection, connection:
        connection.execute("UPDATE roots SET path = ?", (str(photos).encode(),))
    settings = Settings.load(data_dir=data_dir, cache_dir=model_cache, service="off")
    with Library.open(settings) as library:
        yield library


@pytest.mark.features("albums", "concepts", "events", "labels", "people", "text")
def test_a_library_answers_and_keeps_what_people_have_said(library: Library, stored: Path) -> None:
    assert_found(library, expected(stored, "library"))
    assert set(expected(stored, "library")) == {*LINES, *OF_A_LIBRARY}
    (person,) = [each for each in library.people.all() if each.name]
    assert (person.name, person.photos) == ("Anna", 2)
    assert EVENT_TITLE in [event.title for event in library.events.all()]
    (album,) = library.albums.all()
    assert (album.name, album.photos) == ("Seaside", 2)
    (label,) = library.labels.all()
    assert label.name == "scenery"
    (concept,) = library.concepts.all()
    assert concept.name == "plants"
    undone = [library.changes.undo(each.id) for each in library.changes.all() if not each.undone]
    assert undone, "the last changes can be undone"


def test_a_library_is_indexed_further_and_rebuilt(
    library: Library, stored: Path, photos: Path
) -> None:
    Image.new("RGB", (64, 48), (10, 200, 90)).save(photos / "new.png")
    report = library.index([photos]).run()
    assert (report.new, report.photos) == (1, 17)
    (photos / "new.png").unlink()
    assert library.index([photos]).run().gone == 1
    rebuilt = library.rebuild().run()
    assert rebuilt.missing == 0
    assert_found(library, expected(stored, "library"))


def test_a_library_of_a_newer_version_is_refused(
    stored: Path, tmp_path: Path, model_cache: Path
) -> None:
    data_dir = unpacked(stored / LIBRARY, tmp_path)
    with closing(sqlite3.connect(data_dir / "library.db")) as connection, connection:
        connection.execute("INSERT INTO migrations VALUES ('of tomorrow', '2027-01-01T00:00:00Z')")
    settings = Settings.load(data_dir=data_dir, cache_dir=model_cache, service="off")
    with (
        pytest.raises(SchemaTooNew, match="by a newer imgsearch"),
        Library.open(settings) as opened,
    ):
        opened.find(EVERYTHING)


@pytest.mark.features("concepts", "saved")
def test_a_pack_is_merged(stored: Path, photos: Path, tmp_path: Path, model_cache: Path) -> None:
    settings = Settings.load(
        data_dir=tmp_path / "other", cache_dir=model_cache, encoder="lite", service="off"
    )
    pack = unpacked(stored / PACK, tmp_path) / PACK_FILE
    with Library.open(settings) as library:
        report = library.packs.merge(pack, at=photos).run()
        assert (report.new, report.embedded) == (16, 16)  # with the vectors of the pack
        answers = expected(stored, "library")
        assert_found(library, {line: answers[line] for line in (LIKE_THE_SKY, EVERYTHING)})
        assert set(found(library, "person:Anna")) == {"sea.jpg", "sunset.jpg"}
        assert {search.name for search in library.saved.all()} == {"evenings"}
        assert {concept.name for concept in library.concepts.all()} == {"plants"}
