"""The looks of a person: faces that are alike, with the days from when to when their photos are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from imgsearch import Library, Settings
from imgsearch.cli import commands
from imgsearch.errors import UsageError
from imgsearch.features.people.looks import best_face, looks_of
from imgsearch.records.faces import StoredFaces
from imgsearch.store.lock import writing
from tests.factories import random_vectors
from tests.people import library_with_faces, of_colour, write_three_persons
from tests.stand_in import StandIn

DAYS = {
    "red0": datetime(2011, 3, 5, 10),
    "red1": datetime(2012, 8, 1, 9),
    "lime": datetime(2019, 12, 24, 18),
    "both": datetime(2019, 1, 2, 18),
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_three_persons(tmp_path / "photos")


@pytest.fixture
def library(tmp_path: Path, photos: Path) -> Iterator[Library]:
    """A library in which some photos have a date in their metadata, the others that of a file."""
    with library_with_faces(tmp_path, photos) as library:
        hits = library.find("sort:path width:>0", 20).hits
        with writing(library.settings.data_dir) as store:
            store.photos.update_facts(
                {
                    hit.photo.id: replace(hit.photo.facts, taken_at=DAYS[hit.path.stem])
                    for hit in hits
                    if hit.path.stem in DAYS
                }
            )
        yield library


def invoke(library: Library, *arguments: str) -> str:
    line = ["people", *arguments, "--data", str(library.settings.data_dir)]
    done = CliRunner().invoke(commands, line)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_look_says_from_when_to_when_its_photos_are(library: Library) -> None:
    red = of_colour(library, "red0")
    (look,) = library.people.looks_of(red.id)
    assert (look.faces, look.confirmed) == (4, 0)
    assert (look.first, look.last) == (date(2011, 3, 5), date(2019, 1, 2)), "no dates of files"
    with pytest.raises(UsageError, match="no person with the id 99"):
        library.people.looks_of(99)


def test_a_child_and_the_adult_are_two_looks_of_one_person(library: Library) -> None:
    child, adult = of_colour(library, "red0"), of_colour(library, "lime")
    library.people.name(child.id, "Anna")
    faces = {
        hit.path.stem: face
        for hit in library.find("sort:path width:>0", 20).hits
        for face in library.people.faces_in(hit.photo.id)
        if face.person_id == adult.id
    }
    library.people.decide((faces["lime"].id,), child.id, True)
    looks = library.people.looks_of(child.id)
    assert [(look.first, look.last) for look in looks] == [
        (date(2011, 3, 5), date(2019, 1, 2)),
        (date(2019, 12, 24), date(2019, 12, 24)),
    ]
    assert looks[1].best_face == faces["lime"].id and looks[1].confirmed >= 1
    shown = invoke(library, "anna").splitlines()
    assert shown[1] == "  look 1  2011-03-05 to 2019-01-02  4 faces, 4 confirmed"
    assert shown[2].split()[:3] == ["look", "2", "2019-12-24"]
    listed = json.loads(invoke(library, "anna", "--json"))
    assert [(each["first"], each["last"]) for each in listed["looks"]] == [
        ("2011-03-05", "2019-01-02"),
        ("2019-12-24", "2019-12-24"),
    ]
    assert sum(each["faces"] for each in listed["looks"]) == len(listed["faces_listed"])


def test_a_person_of_one_look_without_a_date_has_no_line_of_it(library: Library) -> None:
    with writing(library.settings.data_dir) as store:
        hits = library.find("sort:path width:>0", 20).hits
        store.photos.update_facts(
            {hit.photo.id: replace(hit.photo.facts, taken_at=None) for hit in hits}
        )
    red = of_colour(library, "red0")
    (look,) = library.people.looks_of(red.id)
    assert look.first is None and look.last is None
    assert "  look " not in invoke(library, str(red.id))


def test_photos_that_left_the_library_are_in_no_look(library: Library, photos: Path) -> None:
    red = of_colour(library, "red0")
    for name in ("red0.png", "red1.png"):
        (photos / name).unlink()
    library.index().run()
    (look,) = library.people.looks_of(red.id)
    assert (look.faces, look.first) == (2, date(2019, 1, 2))


def test_looks_of_an_archive_are_those_of_the_library(library: Library, tmp_path: Path) -> None:
    pytest.importorskip("lance", reason="needs the extra scale")
    red = of_colour(library, "red0")
    library.people.name(red.id, "Anna")
    library.people.merge(of_colour(library, "lime").id, red.id)
    settings = Settings.load(data_dir=tmp_path / "other", cache_dir=tmp_path / "cache")
    with Library.open_archive(tmp_path / "archive", settings, encoder=StandIn()) as archive:
        archive.fleet.copy_from(library.settings.data_dir, faces=True).run()
        (anna,) = archive.people.all()
        shown, expected = (
            [replace(each, best_face=0) for each in one.people.looks_of(number)]
            for one, number in ((archive, anna.id), (library, red.id))
        )
        assert shown == expected and len(shown) == 2


def stored(vectors: Any, confirmed: Any = 0) -> StoredFaces:
    count = len(vectors)
    numbers = np.arange(1, count + 1)
    return StoredFaces(
        numbers,
        numbers,
        numbers,
        vectors,
        np.full(count, 50, np.float32),
        np.linspace(0.8, 0.9, count, dtype=np.float32),
        np.ones(count, np.int64),
        np.broadcast_to(np.asarray(confirmed, np.int64), (count,)).copy(),
        frozenset(),
        np.full(count, np.nan, np.float32),
        np.full(count, np.nan, np.float32),
    )


def near(centre: Any, count: int, seed: int) -> Any:
    """Vectors of length 1 that are alike."""
    noisy = centre + 0.4 * random_vectors(count, len(centre), seed)
    return (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 2, 40, 3000])
def test_every_face_is_in_one_look(count: int) -> None:
    child, adult, other = np.eye(64, dtype=np.float32)[:3]
    faces = stored(np.concatenate((near(child, count, 1), near(adult, 2 * count, 2))))
    looks = looks_of(faces)
    assert sorted(np.concatenate(looks).tolist()) == list(range(3 * count))
    if count > 1:
        assert [len(rows) for rows in looks] == [2 * count, count]
        assert set(looks[1].tolist()) == set(range(count))
    # A confirmed face that is like no other is a look; one that nobody confirmed is none.
    for confirmed, wanted in ((1, 1), (0, 0)):
        vectors = np.concatenate((faces.vectors, other[None]))
        alone = stored(vectors, [*([0] * 3 * count), confirmed])
        assert len(looks_of(alone)) == len(looks) + wanted


def test_the_face_of_a_look_is_a_confirmed_one() -> None:
    faces = stored(near(np.eye(8, dtype=np.float32)[0], 5, 3), [0, 1, 0, 1, 0])
    assert best_face(faces, np.arange(5)) == 4, "the more certain of the two"
    assert best_face(faces, np.array([0, 2])) == 3
    assert looks_of(stored(np.zeros((0, 8), np.float32))) == []
