"""What a library on this machine has of marks and people, copied into an archive as items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("lance", reason="needs the extra scale")

from imgsearch.archive.items.of_library import copy_marks, copy_people
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.records.marks import PhotoMarks
from tests.catalogue_writer import content_of, photo
from tests.item_replicas import CONTENTS, Sharer, new_archive, settle
from tests.old_archives import write_marks
from tests.replicas import new_archive as archive_with_photos

ONE, TWO, THREE, FOUR = CONTENTS[:4]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Sharer]]:
    """Makes libraries, which become replicas of one archive when they are synchronised."""
    archive = new_archive(tmp_path / "archive")
    made: list[Sharer] = []

    def library(name: str) -> Sharer:
        made.append(Sharer(tmp_path / name, archive))
        return made[-1]

    yield library
    for each in made:
        each.close()


def all_but_four(contents: list[bytes]) -> list[bytes]:
    """The contents that the archive has."""
    return [each for each in contents if each != FOUR]


def test_marks_are_those_of_the_library(make: Callable[[str], Sharer]) -> None:
    library, anna = make("library"), make("anna")
    shared = ArchiveItems(library.archive)
    library.store.marks.set(library.ids(ONE, TWO, FOUR), {"favourite": 1})
    library.store.marks.set(library.ids(ONE), {"rating": 3})
    assert copy_marks(library.store.database, shared, all_but_four) == 2
    copied = [("01", "favourite", 1), ("01", "rating", 3), ("02", "favourite", 1)]
    assert settle(anna)["marks"] == copied
    assert copy_marks(library.store.database, shared, all_but_four) == 0, "nothing has changed"
    # What somebody has marked in a replica stays; what the library has lost goes, and comes back.
    anna.store.marks.set(anna.ids(THREE), {"hidden": 1})
    anna.store.marks.set(anna.ids(ONE), {"rating": 5})
    anna.synchronise()
    library.store.marks.set(library.ids(TWO), {"favourite": None})
    assert copy_marks(library.store.database, shared, all_but_four) == 2
    assert settle(anna)["marks"] == [*copied[:2], ("03", "hidden", 1)]
    library.store.marks.set(library.ids(TWO), {"favourite": 1})
    assert copy_marks(library.store.database, shared, all_but_four) == 1
    assert settle(anna)["marks"] == [*copied, ("03", "hidden", 1)]
    assert not library.rows("SELECT * FROM item_state"), "the library is no replica"


def test_marks_that_are_added_replace_none(make: Callable[[str], Sharer]) -> None:
    library, anna = make("library"), make("anna")
    anna.store.marks.set(anna.ids(ONE, TWO), {"rating": 2})
    anna.synchronise()
    anna.store.marks.set(anna.ids(TWO), {"rating": None})
    anna.synchronise()
    library.store.marks.set(library.ids(ONE, TWO, THREE), {"rating": 5})
    shared = ArchiveItems(library.archive)
    assert copy_marks(library.store.database, shared, all_but_four, adding=True) == 2
    assert settle(anna)["marks"] == [("01", "rating", 2), ("02", "rating", 5), ("03", "rating", 5)]


@pytest.mark.features("people")
def test_people_are_added_once_and_what_is_there_stays(make: Callable[[str], Sharer]) -> None:
    library, anna = make("library"), make("anna")
    shared = ArchiveItems(library.archive)
    people = library.store.people
    maria, _ = people.make([library.face(ONE), library.face(TWO), library.face(FOUR)], "Maria")
    people.set_own(maria, True)
    nobody, _ = people.make([library.face(THREE)], "Nobody")
    people.hide(nobody, True, [])
    copy_people(library.store.database, shared, all_but_four)
    said = settle(anna)
    assert said["me"] == [("Maria",)]
    assert [row[:2] for row in said["persons"]] == [("Maria", 0), ("Nobody", 1)]
    assert {(content, name) for content, _, name, _ in said["decided"]} == {
        ("01", "Maria"),
        ("02", "Maria"),
        ("03", "Nobody"),
    }
    anna.store.people.name(anna.person("Maria"), "Maria Müller", [])
    anna.store.people.decide(anna.person("Maria Müller"), [], [anna.face(TWO)])
    anna.synchronise()
    after = anna.said()
    copy_people(library.store.database, shared, all_but_four)
    assert settle(anna) == after
    # Another library knows a Maria, who is the same person.
    other = make("other")
    other.store.people.make([other.face(THREE, 1)], "maria")
    version = len([item for part in shared.since(0).parts for item in part])
    copy_people(other.store.database, shared, all_but_four)
    items = [item for part in shared.since(0).parts for item in part]
    assert len(items) == version + 1
    assert ("03", "Maria Müller") in {
        (content, name) for content, _, name, _ in settle(anna)["decided"]
    }


def test_what_an_archive_had_before_there_were_items_stays(tmp_path: Path) -> None:
    writer = archive_with_photos(tmp_path / "archive")
    writer.put([photo(number, f"/photos/{number}.jpg") for number in range(3)])
    write_marks(writer.address, {content_of(1): PhotoMarks(False, 2, False)})
    with closing(Sharer(tmp_path / "library", writer.address, [content_of(1)])) as library:
        library.store.marks.set(library.ids(content_of(1)), {"rating": 5})
        shared = ArchiveItems(writer.address)
        database = library.store.database
        assert copy_marks(database, shared, writer.known, adding=True) == 0
        name = ("mark", f"{content_of(1).hex()}/rating")
        assert shared.read([name])[name].value == '{"value":2}'
        assert copy_marks(database, shared, writer.known) == 1
        assert shared.read([name])[name].value == '{"value":5}'
