"""What people make in a library or a replica, one function for each kind of items."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from imgsearch.features.installed import features
from imgsearch.records.named_point import NamedPoint
from tests.item_replicas import CONTENTS, Sharer

ONE, TWO, THREE, FOUR, FIVE = CONTENTS[:5]


def make_album(replica: Sharer) -> None:
    replica.albums.make("Seaside", replica.ids(THREE, ONE, TWO))


def mark(replica: Sharer) -> None:
    replica.store.marks.set(replica.ids(ONE, TWO), {"rating": 4, "favourite": 1})
    replica.store.marks.set(replica.ids(THREE), {"hidden": 1})


def correct(replica: Sharer) -> None:
    from imgsearch.features.corrections.records import PhotoDate

    (photo_id,) = replica.ids(ONE)
    replica.corrections.set_dates([PhotoDate(photo_id, datetime(1974, 1, 1), "year")])
    replica.corrections.set_place(replica.ids(ONE, TWO), NamedPoint(38.7, -9.1, "Lisbon"))


def choose_duplicates(replica: Sharer) -> None:
    replica.duplicates.set(replica.ids(ONE)[0], True)
    replica.duplicates.set(replica.ids(TWO)[0], False)


def name_person(replica: Sharer) -> None:
    people = replica.store.people
    person_id, _ = people.make([replica.face(ONE), replica.face(TWO)], "Anna")
    people.decide(person_id, [], [replica.face(THREE)])
    people.set_own(person_id, True)


def hide_person(replica: Sharer) -> None:
    person_id, _ = replica.store.people.make([replica.face(FOUR, 1)], "Nobody")
    replica.store.people.hide(person_id, True, [])


def save_labels(replica: Sharer) -> None:
    from imgsearch.features.labels.records import Classes

    replica.labels.save_facet("scenery", Classes(("beach", "forest"), None, True))


def teach(replica: Sharer) -> None:
    from imgsearch.features.concepts.records import ConceptExample

    elsewhere = ConceptExample(b"\xee" * 32, False, None, Path("/home/anna/fern.jpg"), b"WebP")
    replica.teach("Plants", replica.example(ONE), replica.example(TWO, False), elsewhere)


def save_search(replica: Sharer) -> None:
    replica.save_search("Beaches", "beach -people", replica.ids(ONE)[0], b"an image")


def call_event(replica: Sharer) -> None:
    replica.events.set(replica.event(9, 12), "A walk")


MAKING_WITH_FEATURES: dict[str, tuple[str, Callable[[Sharer], None]]] = {
    "album photo": ("albums", make_album),
    "correction": ("corrections", correct),
    "duplicate choice": ("duplicates", choose_duplicates),
    "label": ("labels", save_labels),
    "concept": ("concepts", teach),
    "saved search": ("saved", save_search),
    "event title": ("events", call_event),
}
MAKING: dict[str, Callable[[Sharer], None]] = {
    "mark": mark,
    "face": name_person,
    "person": hide_person,
    **{
        kind: make
        for kind, (feature, make) in MAKING_WITH_FEATURES.items()
        if feature in features()
    },
}
