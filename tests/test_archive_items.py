"""What people make in one replica of an archive reaches the others, and nothing of it is lost."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

import pytest
from msgspec.structs import replace

pytest.importorskip("lance", reason="needs the extra scale")

import lance

from imgsearch.archive.items.of_library import copy_marks, copy_others, copy_people
from imgsearch.archive.items.synchronising import ItemChanges
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.archive.lance.nearest import USUAL_POLICY
from imgsearch.archive.lance.tables import Table
from imgsearch.archive.lance.writer import LanceWriter
from imgsearch.archive.replica.sending import ItemSending
from imgsearch.errors import StorageUnreachable, StoreError, UsageError
from imgsearch.items import local
from imgsearch.items.groups import GROUP_OF, GROUPS
from imgsearch.items.item import MarkItem, UserItem, encoded
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.named_point import NamedPoint
from imgsearch.records.photo import Facts
from imgsearch.store import changes, migrations
from imgsearch.store.database import Database
from imgsearch.store.marks import MarkStore
from imgsearch.store.store import Store
from tests.absent import environment_of, without_feature
from tests.factories import PATIENCE_S, wait_until
from tests.item_replicas import (
    CONTENTS,
    SENDING,
    VECTORS,
    Sharer,
    killed_at,
    new_archive,
    settle,
    synchronise,
)
from tests.made_things import (
    FIVE,
    FOUR,
    MAKING,
    ONE,
    THREE,
    TWO,
    call_event,
    correct,
    make_album,
    mark,
    name_person,
    save_labels,
    save_search,
)
from tests.object_storage import s3_server


@pytest.fixture
def archive(tmp_path: Path) -> str:
    return new_archive(tmp_path / "archive")


@pytest.fixture
def make(tmp_path: Path, archive: str) -> Iterator[Callable[..., Sharer]]:
    """Makes replicas of the archive; the photos of each have other ids."""
    made: list[Sharer] = []

    def replica(contents: list[bytes] | None = None) -> Sharer:
        photos = contents
        if photos is None:
            photos = list(CONTENTS)
            random.Random(len(made)).shuffle(photos)
        made.append(Sharer(tmp_path / f"replica{len(made)}", archive, photos))
        made[-1].synchronise()
        return made[-1]

    yield replica
    for each in made:
        each.close()


@pytest.fixture
def anna(make: Callable[..., Sharer]) -> Sharer:
    return make()


@pytest.fixture
def ben(make: Callable[..., Sharer], anna: Sharer) -> Sharer:
    return make()


# ------------------------------------------------------------------------- every kind


@pytest.mark.parametrize("kind", MAKING)
def test_everything_that_is_made_reaches_another_replica(
    anna: Sharer, ben: Sharer, make: Callable[..., Sharer], kind: str
) -> None:
    before = settle(anna, ben)
    MAKING[kind](anna)
    said = anna.said()
    assert said != before
    assert settle(anna, ben) == said
    assert settle(make(), ben) == said, "a replica that comes later gets it as well"


# ------------------------------------------------------------------------- of a library


@pytest.fixture
def library(tmp_path: Path, archive: str) -> Iterator[Sharer]:
    """A library that is no replica."""
    with closing(Sharer(tmp_path / "library", archive)) as made:
        yield made


def in_the_archive(contents: list[bytes]) -> list[bytes]:
    return contents


def copy(library: Sharer) -> int:
    """Copy everything that was made in a library; returns how many things but marks changed."""
    shared = ArchiveItems(library.archive)
    copy_marks(library.store.database, shared, in_the_archive)
    changed = copy_others(library.store.database, shared, in_the_archive)
    copy_people(library.store.database, shared, in_the_archive)
    return changed


@pytest.mark.parametrize("kind", MAKING)
def test_everything_that_is_made_in_a_library_is_copied(
    library: Sharer, anna: Sharer, ben: Sharer, kind: str
) -> None:
    MAKING[kind](library)
    library.tray.add(library.ids(FIVE))  # it is of one machine
    said = library.said()
    copy(library)
    assert settle(anna, ben) == said
    assert copy(library) == 0, "nothing has changed"
    assert settle(anna, ben) == said
    assert not library.rows("SELECT * FROM item_state"), "the library is no replica"
    assert not library.rows("SELECT * FROM item_identities"), "nothing was written to it"


@pytest.mark.features("albums", "labels")
def test_a_later_copy_follows_the_library_but_for_what_others_have_changed(
    library: Sharer, anna: Sharer, ben: Sharer
) -> None:
    make_album(library)
    library.albums.make("Hills", library.ids(FOUR))
    save_labels(library)
    copy(library)
    settle(anna, ben)
    anna.labels.delete_facet("scenery")
    anna.albums.add("Hills", anna.ids(FIVE))
    settle(anna, ben)
    library.albums.remove("Seaside")
    library.albums.rename("Hills", "Mountains")
    assert copy(library) == 5  # two albums, and three photos of the one
    said = settle(anna, ben)
    assert said["albums"] == {"Mountains": ["04", "05"]}
    assert said["labels"] == [], "somebody has removed them"


@pytest.mark.features("albums")
def test_two_libraries_are_copied_into_one_archive(
    library: Sharer, anna: Sharer, tmp_path: Path
) -> None:
    with closing(Sharer(tmp_path / "other", library.archive)) as other:
        library.albums.make("Seaside", library.ids(ONE))
        other.albums.make("Seaside", other.ids(TWO))
        for each in (library, other, library, other):
            copy(each)
        albums = settle(anna)["albums"]
    assert sorted(albums) == ["Seaside", "Seaside (2)"]
    assert sorted(albums.values()) == [["01"], ["02"]]


@pytest.mark.features("albums", "corrections")
def test_things_about_photos_that_the_archive_lacks_are_left_out(
    library: Sharer, anna: Sharer
) -> None:
    make_album(library)
    correct(library)
    shared = ArchiveItems(library.archive)

    def all_but_one(contents: list[bytes]) -> list[bytes]:
        return [each for each in contents if each != ONE]

    assert copy_others(library.store.database, shared, all_but_one) == 4
    said = settle(anna)
    assert said["albums"] == {"Seaside": ["03", "02"]}
    assert [row[0] for row in said["corrections"]] == ["02"]
    assert copy_others(library.store.database, shared, in_the_archive) == 3
    assert settle(anna)["albums"] == {"Seaside": ["03", "01", "02"]}


@pytest.mark.features(
    "albums", "corrections", "labels", "concepts", "saved", "events", "duplicates"
)
def test_everything_that_is_removed_goes_from_another_replica(anna: Sharer, ben: Sharer) -> None:
    empty = settle(anna, ben)
    for do in MAKING.values():
        do(anna)
    assert settle(anna, ben) != empty
    people, ids = ben.store.people, ben.ids(*CONTENTS)
    ben.albums.remove("Seaside")
    ben.store.marks.set(ids, {"rating": None, "favourite": None, "hidden": None})
    ben.corrections.forget(ids, date=True, place=True)
    ben.duplicates.clear()
    for name in ("Anna", "Nobody"):
        people.unname(ben.person(name))
    ben.store.faces.forget(with_names=True)
    ben.add_photos([])
    ben.labels.delete_facet("scenery")
    ben.concepts.delete("plants")
    ben.saved_searches.remove("beaches")
    ben.events.set(ben.event(9, 12), "")
    said = settle(anna, ben)
    assert said == empty
    assert anna.rows("SELECT DISTINCT value FROM user_items") == [(None,)]


@pytest.mark.features("albums", "saved")
def test_albums_and_saved_searches_are_renamed_and_photos_taken_out(
    anna: Sharer, ben: Sharer
) -> None:
    make_album(anna)
    save_search(anna)
    settle(anna, ben)
    ben.albums.rename("seaside", "Coast")
    anna.albums.take_out("Seaside", anna.ids(ONE))
    ben.saved_searches.rename("Beaches", "Shores")
    said = settle(anna, ben)
    assert said["albums"] == {"Coast": ["03", "02"]}
    assert [name for name, *_ in said["searches"]] == ["Shores"]


def test_the_groups_have_all_kinds_and_are_noted(anna: Sharer) -> None:
    assert len(GROUP_OF) == sum(len(group.kinds) for group in GROUPS.values())
    triggers = anna.rows("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
    for group in GROUPS:
        assert sum(f"SELECT '{group}', subject" in sql for (sql,) in triggers) >= 3, group


def test_the_tray_stays_where_it_is(anna: Sharer, ben: Sharer) -> None:
    anna.tray.add(anna.ids(ONE))
    anna.tray.take_out(anna.ids(ONE))
    anna.tray.add(anna.ids(TWO))
    settle(anna, ben)
    assert len(anna.tray.photos().photo_ids) == 1
    assert ben.tray.photos().photo_ids == ()
    assert anna.rows("SELECT * FROM user_items") == []


def test_a_group_that_a_program_has_made_stays_where_it_is(anna: Sharer, ben: Sharer) -> None:
    anna.store.faces.assign({}, [[anna.face(ONE), anna.face(TWO)]])
    anna.synchronise()
    ben.synchronise()
    assert anna.rows("SELECT count(*) FROM persons") == [(1,)]
    assert ben.rows("SELECT count(*) FROM persons") == [(0,)]


def test_a_library_that_is_no_replica_notes_nothing(tmp_path: Path, archive: str) -> None:
    alone = Sharer(tmp_path / "alone", archive)
    with closing(alone):
        for do in MAKING.values():
            do(alone)
        assert alone.changes.undo() is not None
        for table in ("outbox", "user_items", "item_state", "item_identities", "rows_of_others"):
            assert alone.rows(f"SELECT * FROM {table}") == []


def test_a_library_that_becomes_a_replica_sends_what_it_has(
    tmp_path: Path, archive: str, anna: Sharer
) -> None:
    old = Sharer(tmp_path / "old", archive)
    with closing(old):
        for do in MAKING.values():
            do(old)
        said = old.said()
        assert settle(old, anna) == said


# ------------------------------------------------------------------------- two people


def test_of_two_changes_of_the_same_thing_the_later_one_counts(anna: Sharer, ben: Sharer) -> None:
    anna.store.marks.set(anna.ids(ONE), {"rating": 2})
    anna.shift_clock(-10)
    ben.store.marks.set(ben.ids(ONE), {"rating": 5})
    assert settle(anna, ben)["marks"] == [("01", "rating", 5)]
    # Also where the earlier one arrives later, and against a removal.
    anna.store.marks.set(anna.ids(ONE), {"rating": 3})
    ben.store.marks.set(ben.ids(ONE), {"rating": None})
    ben.shift_clock(-10)
    anna.synchronise()
    assert settle(ben, anna)["marks"] == [("01", "rating", 3)]


def test_who_has_seen_a_value_and_changes_it_comes_later_whatever_the_clock(
    anna: Sharer, ben: Sharer
) -> None:
    anna.store.marks.set(anna.ids(ONE), {"rating": 2})
    anna.shift_clock(3600)  # an hour ahead
    settle(anna, ben)
    ben.store.marks.set(ben.ids(ONE), {"rating": 5})
    assert settle(anna, ben)["marks"] == [("01", "rating", 5)]
    ben.store.marks.set(ben.ids(ONE), {"rating": None})
    assert settle(ben, anna)["marks"] == []


@pytest.mark.features("albums", "corrections")
def test_changes_of_different_things_are_all_kept(anna: Sharer, ben: Sharer) -> None:
    from imgsearch.features.corrections.records import PhotoDate

    make_album(anna)
    settle(anna, ben)
    anna.albums.add("Seaside", anna.ids(FOUR))
    ben.albums.add("Seaside", ben.ids(FIVE))
    ben.albums.rename("Seaside", "Coast")
    anna.store.marks.set(anna.ids(ONE), {"rating": 4})
    ben.store.marks.set(ben.ids(ONE), {"favourite": 1})
    anna.corrections.set_dates([PhotoDate(anna.ids(ONE)[0], datetime(1974, 1, 1))])
    ben.corrections.set_place(ben.ids(ONE), NamedPoint(38.7, -9.1, "Lisbon"))
    said = settle(anna, ben)
    assert said["albums"] == {"Coast": ["03", "01", "02", "04", "05"]}
    assert said["marks"] == [("01", "favourite", 1), ("01", "rating", 4)]
    assert said["photos"][0] == ("01", "1974-01-01T00:00:00", "you", 38.7, "Lisbon")
    order = [replica.albums.photos("Coast") for replica in (anna, ben)]
    named = [
        [replica.ids(*CONTENTS).index(photo_id) for photo_id in album.photo_ids]
        for replica, album in zip((anna, ben), order, strict=True)
        if album is not None
    ]
    assert named[0] == named[1] == [2, 0, 1, 3, 4], "in one order, though two have one place"


@pytest.mark.features("albums")
def test_two_albums_of_one_name_stay_two(anna: Sharer, ben: Sharer) -> None:
    anna.albums.make("Holiday", anna.ids(ONE))
    with anna.store.database.brief_transaction() as connection:
        connection.execute("UPDATE albums SET made_at = '2020-01-01T00:00:00+00:00'")
    ben.albums.make("HOLIDAY", ben.ids(TWO))
    assert settle(ben, anna)["albums"] == {"Holiday": ["01"], "HOLIDAY (2)": ["02"]}


@pytest.mark.features("albums")
def test_two_albums_exchange_their_names(anna: Sharer, ben: Sharer) -> None:
    anna.albums.make("One", anna.ids(ONE))
    anna.albums.make("Two", anna.ids(TWO))
    settle(anna, ben)
    anna.albums.rename("One", "x")
    anna.albums.rename("Two", "One")
    anna.albums.rename("x", "Two")
    assert settle(anna, ben)["albums"] == {"One": ["02"], "Two": ["01"]}


@pytest.mark.parametrize("stays", ["anna's", "ben's"])
def test_two_persons_of_one_name_become_one(anna: Sharer, ben: Sharer, stays: str) -> None:
    anna.store.people.make([anna.face(ONE)], "Maria")
    ben.store.people.make([ben.face(TWO)], "maria")
    earlier = anna if stays == "anna's" else ben
    with earlier.store.database.brief_transaction() as connection:
        connection.execute("UPDATE persons SET made_at = '2020-01-01T00:00:00+00:00'")
    ben.store.people.decide(ben.person("Maria"), [], [ben.face(THREE)])
    said = settle(anna, ben)
    assert len(said["persons"]) == 1
    assert [(photo, is_person) for photo, _, _, is_person in said["decided"]] == [
        ("01", 1),
        ("02", 1),
        ("03", 0),
    ]
    assert len(said["faces"]) == 2


def test_of_two_decisions_about_a_face_the_later_one_counts(anna: Sharer, ben: Sharer) -> None:
    anna.store.people.make([anna.face(ONE)], "Maria")
    anna.store.people.make([anna.face(TWO)], "Rosa")
    settle(anna, ben)
    anna.store.people.decide(anna.person("Maria"), [anna.face(THREE)])
    anna.shift_clock(-10)
    ben.store.people.decide(ben.person("Rosa"), [ben.face(THREE)])
    said = settle(anna, ben)
    assert [each for each in said["decided"] if each[0] == "03"] == [("03", 0.1, "Rosa", 1)]
    assert [each for each in said["faces"] if each[0] == "03"] == [("03", "Rosa", 0.1, 0)]
    # Two denials do not exclude each other; a later yes and a no of one person do.
    anna.store.people.decide(anna.person("Maria"), [], [anna.face(FOUR)])
    ben.store.people.decide(ben.person("Rosa"), [], [ben.face(FOUR)])
    anna.store.people.decide(anna.person("Maria"), [], [anna.face(FIVE)])
    anna.shift_clock(-10)
    ben.store.people.decide(ben.person("Maria"), [ben.face(FIVE)])
    decided = settle(anna, ben)["decided"]
    assert [each for each in decided if each[0] == "04"] == [
        ("04", 0.1, "Maria", 0),
        ("04", 0.1, "Rosa", 0),
    ]
    assert [each for each in decided if each[0] == "05"] == [("05", 0.1, "Maria", 1)]


def test_a_face_is_one_face_where_another_model_has_found_it_a_little_elsewhere(
    anna: Sharer, ben: Sharer
) -> None:
    for name, content in (("Maria", ONE), ("Rosa", TWO)):
        anna.store.people.make([anna.face(content)], name)
    settle(anna, ben)
    with ben.store.database.brief_transaction() as connection:
        connection.execute("UPDATE faces SET x = x + 0.025")
    anna.store.people.decide(anna.person("Maria"), [anna.face(THREE)])
    anna.shift_clock(-10)
    ben.store.people.decide(ben.person("Rosa"), [ben.face(THREE)])
    for replica in (anna, ben, anna):
        replica.synchronise()
    for replica in (anna, ben):
        said = replica.said()
        assert [each for each in said["decided"] if each[0] == "03"] == [("03", 0.125, "Rosa", 1)]
        assert [name for photo, name, *_ in said["faces"] if photo == "03"] == ["Rosa"]
    ben.changes.undo()  # and that of Maria counts again
    for replica in (ben, anna, ben):
        replica.synchronise()
    for replica in (anna, ben):
        faces = replica.said()["faces"]
        assert [name for photo, name, *_ in faces if photo == "03"] == ["Maria"]


def test_a_denial_of_two_persons_who_were_joined_is_one_and_goes(anna: Sharer, ben: Sharer) -> None:
    for name, content in (("Maria", ONE), ("Rosa", TWO)):
        anna.store.people.make([anna.face(content)], name)
        anna.store.people.decide(anna.person(name), [], [anna.face(THREE)])
    settle(anna, ben)
    anna.store.people.merge(anna.person("Rosa"), anna.person("Maria"), [])
    denied = "SELECT count(*) FROM face_decisions WHERE NOT is_person"
    assert anna.rows(denied) == [(2,)]
    decided = settle(anna, ben)["decided"]
    assert [each for each in decided if not each[3]] == [("03", 0.1, "Maria", 0)]
    assert ben.rows(denied) == [(1,)]
    ben.store.people.decide(ben.person("Maria"), [ben.face(THREE)])
    settle(anna, ben)
    assert anna.rows(denied) == [(0,)]


def test_what_others_decide_about_a_person_who_is_joined_counts_for_the_other(
    anna: Sharer, ben: Sharer, make: Callable[..., Sharer]
) -> None:
    for name, content in (("Maria", ONE), ("Rosa", TWO)):
        anna.store.people.make([anna.face(content)], name)
    settle(anna, ben)
    anna.store.people.merge(anna.person("Rosa"), anna.person("Maria"), [])
    ben.store.people.decide(ben.person("Rosa"), [ben.face(FIVE)], [ben.face(FOUR)])
    ben.store.people.set_own(ben.person("Rosa"), True)
    late = make()
    said = settle(anna, ben, late)
    assert said["decided"] == [
        ("01", 0.1, "Maria", 1),
        ("02", 0.1, "Maria", 1),
        ("04", 0.1, "Maria", 0),
        ("05", 0.1, "Maria", 1),
    ]
    assert said["me"] == [("Maria",)]
    anna.changes.undo()
    apart = settle(anna, ben, late)
    assert apart == settle(make(), late)
    assert apart["decided"] == [
        ("01", 0.1, "Maria", 1),
        ("02", 0.1, "Rosa", 1),
        ("04", 0.1, "Rosa", 0),
        ("05", 0.1, "Rosa", 1),
    ]


def test_one_names_and_the_other_hides_a_person(anna: Sharer, ben: Sharer) -> None:
    anna.store.people.make([anna.face(ONE)], "Maria")
    settle(anna, ben)
    anna.store.people.name(anna.person("Maria"), "Mary", [])
    ben.store.people.hide(ben.person("Maria"), True, [])
    assert settle(anna, ben)["persons"] == [("Mary", 1)]


@pytest.mark.features("events")
def test_of_two_titles_of_overlapping_events_the_later_one_counts_until_it_goes(
    anna: Sharer, ben: Sharer
) -> None:
    anna.events.set(anna.event(9, 12), "A walk")
    anna.shift_clock(-10)
    ben.events.set(ben.event(11, 14), "Lunch")
    ben.events.set(ben.event(16, 17), "Tea")
    assert [title for title, *_ in settle(anna, ben)["events"]] == ["Lunch", "Tea"]
    ben.events.set(ben.event(11, 14), "")
    assert [title for title, *_ in settle(anna, ben)["events"]] == ["A walk", "Tea"]


@pytest.mark.features("concepts")
def test_two_teach_one_concept(anna: Sharer, ben: Sharer) -> None:
    anna.teach("Plants", anna.example(ONE))
    settle(anna, ben)
    anna.teach("Plants", anna.example(ONE), anna.example(TWO))
    ben.teach("plants", ben.example(ONE), ben.example(THREE, False))
    examples = [(photo, is_like) for _, photo, is_like, _ in settle(anna, ben)["examples"]]
    assert examples == [("01", 1), ("02", 1), ("03", 0)]
    # Neither probe was fitted to all of them: it is fitted again with the next update.
    assert [state.vectors for state in anna.concepts.states()] == [0]


@pytest.mark.features("albums")
def test_a_photo_that_is_added_to_a_removed_album_comes_back_with_it(
    anna: Sharer, ben: Sharer
) -> None:
    make_album(anna)
    settle(anna, ben)
    ben.albums.add("Seaside", ben.ids(FIVE))
    anna.albums.remove("Seaside")
    assert settle(ben, anna)["albums"] == {}
    assert anna.changes.undo() is not None
    assert settle(anna, ben)["albums"] == {"Seaside": ["03", "01", "02", "05"]}


@pytest.mark.features(
    "albums", "corrections", "concepts", "duplicates", "events", "labels", "saved"
)
@pytest.mark.parametrize("seed", range(6))
def test_replicas_agree_after_any_changes(make: Callable[..., Sharer], seed: int) -> None:
    chosen = random.Random(seed)
    replicas = [make() for _ in range(3)]
    for _ in range(60):
        replica = chosen.choice(replicas)
        with suppress(UsageError):  # an undo that is refused, or a name that is taken
            change_something(replica, chosen)
        replica.shift_clock(chosen.choice((0, 0, -5, 7)))
        if chosen.random() < 0.3:
            chosen.choice(replicas).synchronise()
    said = settle(*replicas)
    assert settle(make(), replicas[0]) == said
    assert [each.store.database.dangling_rows() for each in replicas] == [0, 0, 0]


def change_something(replica: Sharer, chosen: random.Random) -> None:
    """One change at random, as somebody may make it."""
    from imgsearch.features.corrections.records import PhotoDate
    from imgsearch.features.labels.records import Classes

    people, albums = replica.store.people, replica.albums
    photos = replica.ids(*chosen.sample(CONTENTS, 3))
    name = chosen.choice(("Red", "Green", "red"))
    face = replica.face(chosen.choice(CONTENTS), chosen.randrange(2))
    persons = [person.id for person in people.all(hidden=True)]
    first = chosen.randrange(20)
    plain: list[Callable[[], object]] = [
        lambda: albums.make(name, photos),
        lambda: albums.add(name, photos),
        lambda: albums.take_out(name, photos),
        lambda: albums.rename(name, chosen.choice(("Red", "Blue"))),
        lambda: albums.remove(name),
        lambda: replica.store.marks.set(photos, {"rating": chosen.choice((None, 1, 5))}),
        lambda: replica.store.marks.set(photos, {"hidden": chosen.choice((None, 1))}),
        lambda: replica.corrections.set_dates([PhotoDate(photos[0], datetime(1990, 1, first + 1))]),
        lambda: replica.corrections.set_place(photos, NamedPoint(float(first), 1.0)),
        lambda: replica.corrections.forget(photos, date=True, place=chosen.random() < 0.5),
        lambda: replica.duplicates.set(photos[0], chosen.choice((None, True, False))),
        lambda: people.make([face], name),
        lambda: replica.events.set(replica.event(first, first + 3), chosen.choice(("", name))),
        lambda: replica.labels.save_facet(name, Classes((name, str(first)))),
        lambda: replica.labels.delete_facet(name),
        lambda: replica.teach(name, replica.example(chosen.choice(CONTENTS))),
        lambda: replica.concepts.delete(name),
        lambda: replica.save_search(name, str(first), photos[0]),
        lambda: replica.saved_searches.rename(name, "Blue"),
        lambda: replica.changes.undo(),
        lambda: replica.changes.undo(),
        lambda: replica.changes.redo(),
    ]
    if persons:
        person = chosen.choice(persons)
        plain += [
            lambda: people.decide(person, [face]),
            lambda: people.decide(person, [], [face]),
            lambda: people.name(person, name, []),
            lambda: people.unname(person),
            lambda: people.hide(person, chosen.random() < 0.5, []),
            lambda: people.split([face], person),
            lambda: people.merge(person, chosen.choice(persons), []) if len(persons) > 1 else None,
            lambda: people.set_own(person, True),
        ]
    chosen.choice(plain)()


# ------------------------------------------------------------------------- undo


@pytest.mark.features("albums")
def test_an_undo_reaches_the_other_replica_and_so_does_a_redo(anna: Sharer, ben: Sharer) -> None:
    make_album(anna)
    name_person(anna)
    before = settle(anna, ben)
    anna.albums.remove("Seaside")
    anna.store.people.unname(anna.person("Anna"))
    removed = settle(anna, ben)
    assert removed != before
    anna.changes.undo()
    anna.changes.undo()
    assert settle(anna, ben) == before
    anna.changes.redo()
    anna.changes.redo()
    assert settle(anna, ben) == removed


def test_a_change_of_somebody_else_is_never_undone(anna: Sharer, ben: Sharer) -> None:
    anna.store.marks.set(anna.ids(TWO), {"rating": 1})
    anna.store.marks.set(anna.ids(ONE), {"rating": 1})
    settle(anna, ben)
    assert ben.changes.all() == (), "the changes of others are not in the list"
    assert ben.changes.undo() is None
    ben.store.marks.set(ben.ids(ONE), {"rating": 5})
    said = settle(anna, ben)
    with pytest.raises(UsageError) as refused:
        anna.changes.undo()
    assert str(refused.value) == (
        '"Gave 1 photo 1 star" cannot be undone: somebody else has changed the same marks of those '
        "photos since. Change it anew, or choose another change: imgsearch undo --list"
    )
    assert settle(anna, ben) == said
    first = anna.changes.all()[-1]
    assert anna.changes.undo(first.id) is not None, "as the message says"
    anna.store.marks.set(anna.ids(ONE), {"rating": 2})
    assert anna.changes.undo() is not None, "the own change after that of somebody else"
    assert settle(anna, ben)["marks"] == [("01", "rating", 5)]


@pytest.mark.features("albums")
def test_an_album_to_which_somebody_else_has_added_is_not_unmade(anna: Sharer, ben: Sharer) -> None:
    make_album(anna)
    settle(anna, ben)
    ben.albums.add("Seaside", ben.ids(FIVE))
    said = settle(anna, ben)
    with pytest.raises(UsageError, match="whether those photos are in that album"):
        anna.changes.undo()
    assert settle(anna, ben) == said


def test_what_others_have_changed_is_forgotten_with_the_changes_before(
    anna: Sharer, ben: Sharer
) -> None:
    anna.store.marks.set(anna.ids(ONE), {"rating": 1})
    settle(anna, ben)
    ben.store.marks.set(ben.ids(ONE), {"rating": 5})
    settle(anna, ben)
    assert anna.rows("SELECT of_table FROM rows_of_others") == [("marks",)]
    with anna.store.database.brief_transaction() as connection:
        connection.execute("DELETE FROM changes")
    ben.store.marks.set(ben.ids(TWO), {"rating": 5})
    settle(anna, ben)
    assert anna.rows("SELECT of_table FROM rows_of_others") == []


def test_every_table_that_an_undo_restores_is_watched(anna: Sharer) -> None:
    triggers = {name for (name,) in anna.rows("SELECT name FROM sqlite_master")}
    assert {
        name.removesuffix("_insert_by_others") for name in triggers if "_insert_by_" in name
    } == {*changes.OF_OTHERS}


# ------------------------------------------------------------------------- photos


def test_an_item_waits_for_its_photo(make: Callable[..., Sharer], anna: Sharer) -> None:
    for do in MAKING.values():
        do(anna)
    said = settle(anna)
    late = make([])
    late.synchronise()
    assert late.said()["marks"] == []
    late.add_photos(CONTENTS[:3])
    late.synchronise()
    assert late.said()["albums"] == {"Seaside": ["03", "01", "02"]}
    late.add_photos(CONTENTS[3:])
    assert settle(late, anna) == said


@pytest.mark.features("albums", "concepts")
def test_a_photo_that_goes_takes_nothing_from_others_and_gets_its_own_back(
    anna: Sharer, ben: Sharer
) -> None:
    for do in MAKING.values():
        do(anna)
    said = settle(anna, ben)
    with ben.store.database.brief_transaction() as connection:
        connection.execute("DELETE FROM photos")
    ben.albums.rename("Seaside", "Coast")
    # The photos that are examples have gone, and nobody has withdrawn them.
    from imgsearch.features.concepts.records import ConceptExample

    ben.teach("Plants", ConceptExample(b"\xdd" * 32, True, None, Path("fern.jpg"), b"WebP"))
    ben.synchronise()
    anna.synchronise()
    said["albums"] = {"Coast": said["albums"]["Seaside"]}
    said["concepts"] = [("Plants", None)]
    said["examples"] = [*said["examples"][:2], ("Plants", "dd", 1, 1)]
    assert anna.said() == said
    ben.add_photos(CONTENTS)
    assert settle(ben, anna) == said


def test_nothing_is_written_where_nothing_is_new(anna: Sharer, ben: Sharer) -> None:
    for do in MAKING.values():
        do(anna)
    settle(anna, ben)
    ben.store.photos.prune(datetime.now().astimezone())
    with ben.store.database.brief_transaction() as connection:
        connection.execute("DELETE FROM photos WHERE content_hash = ?", (ONE,))
    ben.synchronise()
    before = [each.store.database.version() for each in (anna, ben)]
    tables_before = ArchiveItems(anna.archive).since(0).version
    settle_again = [anna, ben, anna]
    for replica in settle_again:
        replica.synchronise()
    assert [each.store.database.version() for each in (anna, ben)] == before
    assert ArchiveItems(anna.archive).since(0).version == tables_before


def test_the_work_for_an_item_does_not_grow_with_their_number(
    make: Callable[..., Sharer],
) -> None:
    def steps_of(items: int) -> tuple[float, float]:
        """Steps of SQLite to make and to take in an item, among so many."""
        contents = [number.to_bytes(32, "big") for number in range(items)]
        anna, ben = make([]), make([])
        for replica in (anna, ben):
            replica.store.record(
                replica.root,
                replica.encoder,
                [
                    IngestResult(FileStat(f"/p/{n}", 1, 1, 1), each, Facts("JPEG", 8, 8), VECTORS)
                    for n, each in enumerate(contents)
                ],
            )
            replica.synchronise()
        anna.store.marks.set(anna.ids(*contents), {"rating": 3})
        with counted(anna) as (connection, made):
            local.take_in(connection)
        sent = local.unsent(anna.store.database, items)
        with counted(ben) as (connection, taken):
            local.apply(connection, sent)
        assert len(sent) == len(ben.rows("SELECT * FROM marks")) == items
        return len(made) / items, len(taken) / items

    few, many = steps_of(200), steps_of(1600)
    assert all(more < 2 * less for less, more in zip(few, many, strict=True)), (few, many)


@contextmanager
def counted(replica: Sharer) -> Iterator[tuple[sqlite3.Connection, list[None]]]:
    """A transaction in a replica, and a list that grows with every tenth step of SQLite in it."""
    steps: list[None] = []
    with replica.store.database.brief_transaction() as connection:
        connection.set_progress_handler(lambda: steps.append(None), 10)
        yield connection, steps
        connection.set_progress_handler(None, 0)


# ------------------------------------------------------------------------- interruptions


@pytest.mark.parametrize("place", ["before the commit", "after the commit"])
def test_a_killed_replica_has_sent_everything_once_in_the_end(
    anna: Sharer, ben: Sharer, place: str
) -> None:
    for do in MAKING.values():
        do(anna)
    said = anna.said()
    with killed_at(anna, place):
        anna.store.marks.set(anna.ids(FIVE), {"rating": 1})  # while it sends
    items = settle(anna, ben)
    assert items["marks"] == sorted([*said["marks"], ("05", "rating", 1)])
    assert {**items, "marks": said["marks"]} == said
    written = [item for part in ArchiveItems(anna.archive).since(0).parts for item in part]
    assert len(written) == len({item.name for item in written})


@pytest.mark.parametrize("place", ["between two parts", "before the position"])
def test_a_replica_that_is_killed_while_it_takes_in_goes_on(
    anna: Sharer, ben: Sharer, place: str
) -> None:
    for do in MAKING.values():
        do(anna)
    anna.synchronise()
    ben.store.marks.set(ben.ids(FIVE), {"rating": 1})
    with killed_at(ben, place):
        pass
    assert local.position_of(ben.store.database) < ArchiveItems(ben.archive).since(0).version
    said = anna.said()
    assert settle(ben, anna)["marks"] == sorted([*said["marks"], ("05", "rating", 1)])


@pytest.mark.parametrize("place", ["before the commit", "after the commit"])
def test_a_process_that_is_killed_while_it_sends_has_sent_once_in_the_end(
    anna: Sharer, ben: Sharer, place: str
) -> None:
    anna.synchronise()
    content = dict(anna.rows("SELECT id, content_hash FROM photos"))[1]
    with killed_at(anna, SENDING + place):
        pass
    sending = ItemSending(anna.folder, anna.shared, print)
    assert sending.waiting_count() == 1
    sending.send_waiting()
    sending.close()
    assert sending.waiting_count() == 0
    assert settle(ben)["marks"] == [(content.hex()[:2], "favourite", 1)] == anna.said()["marks"]
    ((item,),) = ArchiveItems(anna.archive).since(0).parts
    assert item.name == ("mark", f"{content.hex()}/favourite")


class StuckItems:
    """The items of an archive whose storage does not answer until it is let go."""

    def __init__(self, archive: str) -> None:
        self._shared = ArchiveItems(archive)
        self.is_asked, self.may_answer = Event(), Event()

    def since(self, version: int) -> ItemChanges:
        return self._shared.since(version)

    def put(self, items: Sequence[UserItem]) -> None:
        self.is_asked.set()
        assert self.may_answer.wait(PATIENCE_S)
        self._shared.put(items)


def test_a_process_ends_though_the_storage_does_not_answer(anna: Sharer, ben: Sharer) -> None:
    anna.synchronise()
    told: list[str] = []
    stuck = StuckItems(anna.archive)
    sending = ItemSending(anna.folder, stuck, told.append, last_wait_s=0.1)
    with closing(Database.open(anna.folder, around_transactions=sending.around)) as database:
        MarkStore(database).set(anna.ids(ONE), {"favourite": 1})
        assert stuck.is_asked.wait(PATIENCE_S)
        MarkStore(database).set(anna.ids(TWO), {"favourite": 1})  # nobody waits for the storage
        sending.close()
        assert told == ["Sending what was made here to the archive …"]
        assert sending.waiting_count() == 2
    stuck.may_answer.set()
    wait_until(lambda: not sending.waiting_count())  # the same thread sends both
    assert settle(ben)["marks"] == [("01", "favourite", 1), ("02", "favourite", 1)]
    sending.close()


def test_a_transaction_that_does_not_end_leaves_no_sign(anna: Sharer, ben: Sharer) -> None:
    mark(anna)
    anna.synchronise()
    before = ben.said()
    new = ArchiveItems(ben.archive).since(local.position_of(ben.store.database))
    with pytest.raises(RuntimeError), ben.store.database.brief_transaction() as connection:
        for part in new.parts:
            local.apply(connection, part)
        raise RuntimeError
    assert ben.said() == before
    assert ben.rows("SELECT is_applying FROM item_state") == [(0,)]
    assert settle(ben, anna) == anna.said()


@pytest.mark.features("albums")
def test_what_is_made_while_the_storage_is_away_is_sent_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with s3_server() as server:
        server.put({"other": b""}, "items")
        address = new_archive("s3://items/archive")
        anna, ben = (Sharer(tmp_path / name, address) for name in ("anna", "ben"))
        with closing(anna), closing(ben):
            mark(anna)
            settle(anna, ben)
            server.stop()
            make_album(anna)
            with pytest.raises(StorageUnreachable, match="cannot be reached"):
                anna.synchronise()
            said = anna.said()
            assert anna.changes.all()[0].title == "Made the album Seaside with 3 photos"
            server.start()
            assert settle(anna, ben) == said


# ------------------------------------------------------------------------- the archive


def test_an_archive_without_the_table_gets_it_with_the_first_item(
    tmp_path: Path, archive: str
) -> None:
    folder = Path(archive)
    shutil.rmtree(folder / "items.lance")  # as in an archive of 0.1.0
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    anna, ben = (Sharer(tmp_path / name, archive) for name in ("anna", "ben"))
    with closing(anna), closing(ben):
        settle(anna, ben)
        assert not (folder / "items.lance").exists(), "nobody has made anything"
        mark(anna)
        said = anna.said()
        assert settle(anna, ben) == said
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert {path: after.get(path) for path in before} == before, "the other tables are as they were"
    assert (folder / "items.lance").stat().st_mode & 0o077 == 0, "as private as they are"


def test_a_place_without_an_archive_is_refused(tmp_path: Path) -> None:
    anna = Sharer(tmp_path / "anna", str(tmp_path / "nothing"))
    with closing(anna):
        mark(anna)
        with pytest.raises(StoreError, match="There is no archive at"):
            anna.synchronise()
        assert not (tmp_path / "nothing").exists()
        assert len(anna.rows("SELECT * FROM user_items WHERE NOT is_sent")) == 5


@pytest.mark.features("albums", "corrections")
def test_after_a_backup_was_restored_everything_is_there_again(
    anna: Sharer, ben: Sharer, tmp_path: Path
) -> None:
    mark(anna)
    settle(anna, ben)
    table = Path(anna.archive) / "items.lance"
    shutil.copytree(table, tmp_path / "backup")
    for stars in (1, 2, 3):
        anna.store.marks.set(anna.ids(TWO), {"rating": stars})
        anna.synchronise()
    make_album(anna)
    correct(ben)
    said = settle(anna, ben)
    shutil.rmtree(table)
    shutil.move(tmp_path / "backup", table)
    for replica in (anna, ben):
        replica.shared = ArchiveItems(replica.archive)  # another process
    ben.albums.rename("Seaside", "Coast")
    ben.synchronise()
    reached = local.position_of(anna.store.database)
    assert ArchiveItems(anna.archive).since(0).version < reached, "as if it was long ago"
    said["albums"] = {"Coast": said["albums"]["Seaside"]}
    assert settle(anna, ben) == said
    assert len(
        [item for part in ArchiveItems(anna.archive).since(0).parts for item in part]
    ) == len(anna.rows("SELECT * FROM user_items"))


def test_settling_an_archive_repeats_and_hides_nothing(anna: Sharer, ben: Sharer) -> None:
    for number in range(6):  # each a commit
        anna.store.marks.set(anna.ids(CONTENTS[number]), {"rating": 1})
        anna.synchronise()
        if number == 2:
            ben.synchronise()
    behind = local.position_of(ben.store.database)
    policy = replace(USUAL_POLICY, scalar_index_from=1, keep_minutes=0)
    LanceWriter(anna.archive, policy=policy).settle()
    dataset = lance.dataset(f"{anna.archive}/items.lance")
    assert len(dataset.get_fragments()) == 1
    assert len(dataset.versions()) < 6, "old versions are gone"
    shared = ArchiveItems(anna.archive)
    missing = [item.key[:2] for part in shared.since(behind).parts for item in part]
    assert sorted(missing) == ["04", "05", "06"]
    assert settle(ben, anna)["marks"] == [(f"0{number}", "rating", 1) for number in range(1, 7)]
    position = shared.since(0).version
    ben.store.marks.set(ben.ids(ONE), {"rating": 2})
    ben.synchronise()
    (changed,) = [item for part in shared.since(position).parts for item in part]
    assert changed.key == f"{ONE.hex()}/rating"
    LanceWriter(anna.archive, policy=policy).settle()
    assert settle(anna, ben)["marks"][0] == ("01", "rating", 2)


@pytest.mark.features("albums")
def test_settling_deletes_what_was_removed_long_ago_and_no_replica_keeps_it(
    make: Callable[..., Sharer], anna: Sharer, ben: Sharer
) -> None:
    shared = ArchiveItems(anna.archive)

    def put(value: str | None, days_ago: int, *contents: bytes) -> None:
        """Give or take a mark, as another replica did so many days ago."""
        at_us = (time.time_ns() // 1_000) - days_ago * 86_400_000_000
        names = [f"{content.hex()}/favourite" for content in contents]
        shared.put([UserItem("mark", name, value, at_us, "f" * 32) for name in names])

    put('{"value":1}', 60, ONE, TWO, THREE)
    make_album(anna)
    settle(anna, ben)
    # Ben is away while two marks go, one of them long ago, and he gives stars meanwhile.
    ben.store.marks.set(ben.ids(FOUR), {"rating": 3})
    put(None, 40, TWO)
    put(None, 1, THREE)
    writer = LanceWriter(anna.archive)
    writer.settle()
    items = {item.name: item for part in ArchiveItems(anna.archive).since(0).parts for item in part}
    gone = [item.key[:2] for item in items.values() if item.value is None]
    assert gone == ["03"] and ("mark", f"{TWO.hex()}/favourite") not in items
    said = settle(anna, ben, make())
    assert said["marks"] == [("01", "favourite", 1), ("04", "rating", 3)]
    assert list(said["albums"]) == ["Seaside"]
    cleaned = Table(anna.archive, "items").newest().dataset.config()
    writer.settle()
    assert Table(anna.archive, "items").newest().dataset.config() == cleaned, "nothing to delete"


def test_an_item_that_this_version_cannot_read_stays_as_it_is(anna: Sharer, ben: Sharer) -> None:
    mark(anna)
    said = settle(anna, ben)
    odd = [
        UserItem("wish", "x", '"a new kind"', 1, "other"),
        UserItem("mark", f"{ONE.hex()}/liked", '{"value":1}', 1, "other"),
        UserItem("mark", f"{FOUR.hex()}/rating", '{"value":9}', 1, "other"),
        UserItem("mark", "../../etc/rating", '{"value":1}', 1, "other"),
        UserItem("album", "f" * 32, '{"name":"","made_at":"2020-01-01T00:00:00Z"}', 1, "other"),
        UserItem("date", FOUR.hex(), '{"taken_at":"soon"}', 1, "other"),
        UserItem("face", f"{FOUR.hex()}/1,2", "{", 1, "other"),
        UserItem("mark", f"{ONE.hex()}/rating", None, 2**63 - 1, "other"),
        UserItem("album photo", f"{'f' * 32}/{FOUR.hex()}", f'{{"place":{2**70}}}', 1, "other"),
        UserItem("label", "odd", '{"classes":[],"template":null,"none_of_these":true}', 1, "other"),
        UserItem(
            "label",
            "half",
            '{"classes":["\\ud800"],"template":null,"none_of_these":true}',
            1,
            "other",
        ),
        UserItem(
            "saved search",
            "odd",
            '{"name":"odd","line":"","k":null,"include_weak":false,"saved_at":'
            '"2020-01-01T00:00:00Z","examples":[{"position":0,"weight":1,"image":"AA=="},'
            '{"position":0,"weight":1,"image":"AA=="}]}',
            1,
            "other",
        ),
    ]
    ArchiveItems(anna.archive).put(odd)
    assert settle(anna, ben) == said
    anna.store.marks.set(anna.ids(FOUR), {"favourite": 1})
    anna.store.marks.set(anna.ids(ONE), {"rating": 1})
    anna.synchronise()
    ben.synchronise()
    there = [item for part in ArchiveItems(anna.archive).since(0).parts for item in part]
    assert all(each in there for each in odd)


@pytest.mark.features("events")
def test_a_kind_that_an_older_version_did_not_know_gets_its_rows(anna: Sharer, ben: Sharer) -> None:
    call_event(anna)
    settle(anna)
    ben.synchronise()
    with ben.store.database.brief_transaction() as connection:  # as an older version leaves it
        connection.execute("DELETE FROM event_titles")
        connection.execute("DELETE FROM outbox")
        connection.execute("UPDATE user_items SET is_waiting = 1, subject = key")
    call_event(ben)
    assert settle(ben, anna) == anna.said()


@pytest.mark.parametrize("is_settled", [False, True])
def test_many_writers_at_once_lose_nothing_and_a_reader_misses_nothing(
    archive: str, is_settled: bool
) -> None:
    shared = ArchiveItems(archive)
    if is_settled:  # with an index of keys, Lance inserts a new key as often as there are writers
        mark = encoded(MarkItem(1))  # settling deletes what was removed
        shared.put([UserItem("mark", f"{ONE.hex()}/favourite", mark, 0, "first")])
        LanceWriter(archive, policy=replace(USUAL_POLICY, scalar_index_from=1)).settle()
    best: dict[str, UserItem] = {}
    rounds: list[list[UserItem]] = []
    chosen = random.Random(5)
    for number in range(24):
        contents = chosen.sample(CONTENTS, 4)
        rounds.append(
            [
                UserItem(
                    "mark",
                    f"{content.hex()}/rating",
                    encoded(MarkItem(chosen.randrange(6))),
                    chosen.randrange(5),
                    f"writer {number}",
                )
                for content in contents
            ]
        )
    for item in (each for items in rounds for each in items):
        if item.key not in best or item.order > best[item.key].order:
            best[item.key] = item

    def put(own: Sequence[list[UserItem]]) -> None:
        for items in own:
            shared.put(items)

    threads = [Thread(target=put, args=(rounds[own::4],)) for own in range(4)]
    seen: dict[str, UserItem] = {}
    position = shared.since(0).version if is_settled else 0
    for thread in threads:
        thread.start()
    while True:
        last = not any(thread.is_alive() for thread in threads)
        new = shared.since(position)
        seen |= {item.key: item for part in new.parts for item in part}
        position = new.version
        if last:
            break
    assert seen == best
    everything = [item for part in ArchiveItems(archive).since(0).parts for item in part]
    assert len(everything) == len(best) + is_settled


@pytest.mark.features("albums")
def test_a_library_of_an_older_version_becomes_a_replica(tmp_path: Path, archive: str) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "library.db", isolation_level=None)) as connection:
        before = list(migrations.MIGRATIONS).index("items of people")
        migrations.apply_first(connection, before)
        connection.execute(
            "INSERT INTO albums (key, name, made_at) VALUES "
            "('old', 'Old', '2020-01-01T00:00:00+00:00')"
        )
    new = Sharer(tmp_path / "new", archive)
    with Store.open(folder, writable=True) as store, closing(new):
        synchronise(store, ArchiveItems(archive))
        new.synchronise()
        assert [album.name for album in new.albums.all()] == ["Old"]


# ------------------------------------------------------------------------- features

# Synchronises a replica, as an installation does that lacks a feature.
WITHOUT_FEATURE = """
import sys
from pathlib import Path
from imgsearch.items import local
from imgsearch.archive.items.synchronising import pull, push
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.store.store import Store
folder, archive = sys.argv[1:]
with Store.open(Path(folder), writable=True) as store:
    shared = ArchiveItems(archive)
    store.marks.set([1], {"rating": 3})
    pull(store.database, shared.since)
    push(store.database, shared)
    assert not pull(store.database, shared.since), "there is nothing to do any more"
    assert not local.has_changes(store.database)
"""


@pytest.mark.features("albums")
def test_an_installation_without_a_feature_keeps_its_items_for_later(
    anna: Sharer, ben: Sharer, tmp_path: Path
) -> None:
    anna.albums.make("Seaside", anna.ids(ONE))
    ben.albums.make("Hills", ben.ids(TWO))
    ben.synchronise()
    checkout = without_feature("albums", tmp_path / "checkout")
    subprocess.run(
        [sys.executable, "-c", WITHOUT_FEATURE, str(anna.folder), anna.archive],
        env={**os.environ, **environment_of(checkout)},
        cwd=checkout,
        check=True,
    )
    assert [each.name for each in anna.albums.all()] == ["Seaside"]
    ben.synchronise()
    assert [each.name for each in ben.albums.all()] == ["Hills"], "Seaside was not sent yet"
    assert ben.rows("SELECT value FROM marks") == [(3,)]
    said = settle(anna, ben)
    assert said["albums"] == {"Hills": ["02"], "Seaside": ["01"]}
