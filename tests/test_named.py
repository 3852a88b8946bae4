"""The names of photos: kept in step by every change of a library, and found by words and parts."""

from __future__ import annotations

import os
import random
import re
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.names import NAME_FIELDS, MatchedField, NameField
from imgsearch.records.photo import Facts
from imgsearch.store.store import Store
from imgsearch.text import words_of
from tests.factories import ingested, random_vectors

VECTOR = random_vectors(1, 2)
ROOTS = ("/home/ada/Pictures", "/mnt/Trip to Genève")
FOLDERS = ("", "2019/Trip to Genève/", "Annas Hochzeit/", "Привет/", os.fsdecode(b"latin-\xe9/"))
FILES = ("DSCN0042.JPG", "IMG_2041.jpg", "handwritten notes.png", "Ça va.heic", "東京タワー.jpg")
TEXTS = (None, "Trip to the lake", "Anna, at night", "2041", "ÉTÉ \u200f2008", "النيل", "😀")
LISTS: tuple[tuple[str, ...], ...] = ((), ("Anna",), ("Bob Smith", "Anna Lake"), ("Nature|Lake",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path, writable=True)
    yield opened
    opened.close()


def add(store: Store, path: str, facts: Facts | None = None, root: str = ROOTS[0]) -> int:
    """Record a new photo at a path; returns its id."""
    root_id = store.files.add_root(root)
    key = store.vectors.add_encoder("test/1", "test", 2).key
    store.record(root_id, key, [ingested(path, VECTOR, facts=facts)])
    photo_id = store.reads.photos.at(Path(path))
    assert photo_id is not None
    return photo_id


def found(store: Store, phrase: str) -> list[tuple[int, tuple[MatchedField, ...]]]:
    """The photos with a phrase in their names, in the order of ids: (id, fields with it)."""
    ids = store.reads.names.ids_named(phrase).tolist()
    fields = store.reads.names.fields_with_any(ids, [phrase])
    return [(photo_id, fields[photo_id]) for photo_id in ids]


# ------------------------------------------------------------------------- what is found


def test_a_name_is_known_as_a_whole_and_a_person_by_the_first_or_last_words(store: Store) -> None:
    facts = Facts("JPEG", 8, 8, keywords=("Nature|Lake Como",), people=("Anna Maria Smith",),
                  town="New York", country="\u200fItaly")  # fmt: skip
    add(store, f"{ROOTS[0]}/Trip to Genève/one.jpg", facts)
    knows = store.reads.names.knows_name
    for name in ("anna", "ANNA maria", "Anna Maria Smith", "smith", "Maria Smith"):
        assert knows("people", name), name
    for name in ("ann", "mith", "maria", "anna smith", "", "…"):
        assert not knows("people", name), name
    assert knows("place", "new york") and not knows("place", "york") and not knows("place", "new")
    assert knows("folder", "trip to geneve") and not knows("folder", "geneve")
    assert knows("keywords", "lake como") and knows("keywords", "nature")
    assert knows("country", "italy") and not knows("place", "italy")
    assert store.reads.names.ids_named("one", is_whole=True).size == 1
    assert store.reads.names.ids_named("trip", is_whole=True).size == 0
    assert store.reads.names.ids_named("trip").size == 1 and store.reads.names.has_named(
        "anna maria"
    )


def test_photos_are_found_by_the_words_of_every_field(store: Store) -> None:
    facts = Facts(
        "JPEG",
        8,
        8,
        title="Lunch at Zoë's",
        headline="Chef wins",
        description="A long table",
        creator="Ada Lovelace",
        keywords=("Food|Pasta",),
        people=("Anna Smith",),
        town="Arezzo",
        region="Tuscany",
        country="Italy",
    )
    one = add(store, f"{ROOTS[0]}/2008/Trip to Genève/DSCN0042.JPG", facts)
    add(store, f"{ROOTS[0]}/other.jpg")
    expected: dict[str, NameField] = {
        "DSCN0042": "file_name",
        "dscn0042.jpg": "file_name",
        "2008": "folder",
        "GENEVE": "folder",
        "trip to gene\u0300ve": "folder",
        "zoe": "title",
        "chef": "headline",
        "long table": "description",
        "lovelace": "creator",
        "pasta": "keywords",
        "anna": "people",
        "arezzo": "place",
        "tuscany": "place",
        "italy": "country",
    }
    assert set(expected.values()) == set(NAME_FIELDS)
    for phrase, field in expected.items():
        assert found(store, phrase) == [(one, (field,))], phrase
    assert found(store, "genev") == found(store, "to trip") == []
    assert found(store, "") == found(store, "-") == found(store, "😀") == []
    several = store.reads.names.fields_with_any([one], ["anna", "france", "italy", "geneve"])
    assert several == {one: ("folder", "people", "country")}
    assert not store.reads.names.has_phrase("anna", ("title", "creator"))


def test_the_fields_that_have_a_phrase_are_known(store: Store) -> None:
    add(store, f"{ROOTS[0]}/Anna/1.jpg", Facts("JPEG", 8, 8, town="Nice", people=("Bob Lee",)))
    add(store, f"{ROOTS[0]}/2.jpg", Facts("JPEG", 8, 8, title="Lee and Anna"))
    assert store.reads.names.fields_named("ANNA") == ("folder", "title")
    assert store.reads.names.fields_named("bob lee") == ("people",)
    assert store.reads.names.fields_named("nice") == ("place",)
    assert store.reads.names.fields_named("lee bob") == store.reads.names.fields_named("?") == ()


def test_no_phrase_matches_across_two_names(store: Store) -> None:
    add(store, f"{ROOTS[0]}/a/b.jpg", Facts("JPEG", 8, 8, people=("Anna Smith", "Bob Lee")))
    assert found(store, "smith bob") == found(store, "a b") == found(store, "pictures a") == []
    assert len(found(store, "bob lee")) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Straße_Malmö–Łódź.JPG", ["strasse", "malmo", "lodz", "jpg"]),
        ("Tromsø ﬁne İstanbul", ["tromso", "fine", "istanbul"]),
        ("\u202etxet\u202c.jpg\u200f", ["txet", "jpg"]),
        ("bad\udce9name", ["bad", "name"]),
        ("Ελλάδα Москва", ["ελλαδα", "москва"]),
        ("…—\ue000", []),
    ],
)
def test_names_become_words(name: str, words: list[str]) -> None:
    assert words_of(name) == words
    assert words_of(unicodedata.normalize("NFD", name)) == words


# ------------------------------------------------------------------------- kept in step


def plain_scan(store: Store) -> dict[int, dict[str, list[str]]]:
    """The names of each photo with a path, read from the library's other tables."""
    names: dict[int, dict[str, list[str]]] = {}
    ids = store.reads.photos.live_ids().tolist()
    photos = store.reads.photos.records(ids)
    for photo_id, paths in store.reads.photos.paths(ids).items():
        facts = photos[photo_id].facts
        names[photo_id] = {
            "file_name": [path.name for _, path in paths],
            "folder": [
                part
                for root_id, path in paths
                for part in path.relative_to(Path(store.reads.roots.all()[root_id]).parent).parts[
                    :-1
                ]
            ],
            **{
                field: [getattr(facts, field) or ""]
                for field in ("title", "headline", "description", "creator", "country")
            },
            "keywords": list(facts.keywords),
            "people": list(facts.people),
            "place": [facts.town or "", facts.region or ""],
        }
    return names


def fields_with(names: dict[str, list[str]], phrase: str) -> tuple[str, ...]:
    wanted = f" {' '.join(words_of(phrase))} "
    return tuple(
        field
        for field in NAME_FIELDS
        if any(wanted in f" {' '.join(words_of(name))} " for name in names[field])
    )


def random_facts(chance: random.Random) -> Facts:
    return Facts(
        "JPEG",
        8,
        8,
        title=chance.choice(TEXTS),
        description=chance.choice(TEXTS),
        creator=chance.choice(TEXTS),
        keywords=chance.choice(LISTS),
        people=chance.choice(LISTS),
        town=chance.choice([None, "Genève"]),
        country=chance.choice([None, "Italy"]),
    )


PHRASES = ["geneve", "trip to", "anna", "lake", "dscn0042", "2041", "jpg", "ete", "latin", "italy",
           "pictures", "привет", "النيل", "smith", "notes", "nothing of this name"]  # fmt: skip


def assert_in_step(store: Store) -> None:
    expected = plain_scan(store)
    for phrase in PHRASES:
        assert dict(found(store, phrase)) == {
            photo_id: fields
            for photo_id, names in expected.items()
            if (fields := fields_with(names, phrase))
        }, phrase
    with closing(sqlite3.connect(store.reads.data_dir / "library.db")) as connection:
        known = connection.execute("SELECT field, name, photos FROM known_names").fetchall()
    assert {(field, name): photos for field, name, photos in known} == known_names(expected)


def known_names(photos: dict[int, dict[str, list[str]]]) -> Counter[tuple[str, str]]:
    """How many photos have each name of a folder, keyword, person or place."""
    return Counter(
        (field, plain)
        for names in photos.values()
        for field in ("folder", "keywords", "people", "place", "country")
        for plain in {
            " ".join(words_of(each))
            for name in names[field]
            for each in ([name, *re.split("[|/]", name)] if field == "keywords" else [name])
        }
        if plain
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_names_follow_every_change_of_the_library(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with Store.open(tmp_path, writable=True) as store:
        encoder = store.vectors.add_encoder("test/1", "test", 2).key
        roots: dict[int, str] = {}

        def some_path() -> tuple[int, str]:
            root_id = chance.choice(list(roots))
            return root_id, f"{roots[root_id]}/{chance.choice(FOLDERS)}{chance.choice(FILES)}"

        def record() -> None:
            root_id, path = some_path()
            content = bytes([chance.randrange(8)]) * 32
            known = store.reads.photos.with_content(content) is not None
            new = None if known and chance.random() < 0.5 else random_facts(chance)
            vector = None if known else VECTOR
            result = IngestResult(FileStat(path, 1, 1, 1), content, new, vector)
            store.record(root_id, encoder, [result])

        def fail() -> None:  # the file at a known path has become unreadable
            root_id, path = some_path()
            store.record(root_id, encoder, [IngestResult(FileStat(path, 1, 2, 1))])

        def forget() -> None:
            root_id, _ = some_path()
            known = sorted(store.files.known(root_id))
            store.files.forget(root_id, chance.sample(known, min(2, len(known))))

        def update() -> None:
            ids = store.reads.photos.live_ids().tolist()
            if ids:
                store.photos.update_facts({chance.choice(ids): random_facts(chance)})

        def prune() -> None:
            store.photos.prune(datetime.now(UTC) + timedelta(days=1))

        def move_root() -> None:
            root_id = chance.choice(list(roots))
            path = f"/media/{chance.choice(['Trip to Pisa', 'disk'])}-{chance.randrange(10**6)}"
            store.files.move_root(root_id, path)
            roots[root_id] = path

        def remove_root() -> None:
            root_id = chance.choice(list(roots))
            store.files.remove_root(root_id)
            del roots[root_id]

        def absorb() -> None:  # a new root that contains another
            root_id = chance.choice(list(roots))
            outer = roots[root_id].rpartition("/")[0]
            new_id = store.files.add_root(outer)
            roots.clear()
            roots.update(store.reads.roots.all())
            assert new_id in roots

        actions = [record] * 8 + [update] * 4 + [fail, forget, forget, prune, move_root]
        actions += [remove_root, absorb]
        changed: set[Any] = set()
        for _ in range(60):
            if not roots:
                for root in ROOTS:
                    store.files.add_root(root)
                roots.update(store.reads.roots.all())
            before = plain_scan(store)
            action = chance.choice(actions)
            action()
            if plain_scan(store) != before:
                changed.add(action)
            assert_in_step(store)
        assert {record, update, forget} <= changed
        assert store.database.check_integrity() == "ok"


def test_a_transaction_that_fails_changes_no_names(store: Store) -> None:
    one = add(store, f"{ROOTS[0]}/a.jpg", Facts("JPEG", 8, 8, title="Before"))
    with pytest.raises(ZeroDivisionError), store.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE photos SET title = 'After'")
        raise ZeroDivisionError
    assert (found(store, "before"), found(store, "after")) == ([(one, ("title",))], [])
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE photos SET title = 'After'")
    assert (found(store, "before"), found(store, "after")) == ([], [(one, ("title",))])
