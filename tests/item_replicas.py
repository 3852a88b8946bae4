"""Replicas that hold the same photos, and what people have said in each of them.

A replica has its own ids for photos, albums and persons, so what was said is told by contents.

Run as a program, it synchronises a replica and is held where a test says:

    python -m tests.item_replicas FOLDER ARCHIVE PLACE
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imgsearch.archive.items.synchronising import ItemChanges, SharedItems, pull, push
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.archive.lance import tables
from imgsearch.archive.replica.sending import ItemSending
from imgsearch.features.installed import features
from imgsearch.items import local
from imgsearch.items.item import UserItem
from imgsearch.records.directions import CalibratedDirection
from imgsearch.records.faces import FoundFace
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.index import EncoderRow
from imgsearch.records.photo import Facts
from imgsearch.records.query import Example, Term
from imgsearch.store.changes import ChangeStore
from imgsearch.store.database import Database
from imgsearch.store.marks import MarkStore
from imgsearch.store.store import Store
from imgsearch.store.tray import TRAY_KEY, TrayStore
from tests.factories import wait_until

if TYPE_CHECKING:
    from imgsearch.features.albums.store import AlbumStore
    from imgsearch.features.concepts.records import ConceptExample
    from imgsearch.features.concepts.store import ConceptStore
    from imgsearch.features.corrections.store import CorrectionStore
    from imgsearch.features.duplicates.choices import DuplicateChoices
    from imgsearch.features.events.records import PhotoEvent
    from imgsearch.features.events.store import EventTitleStore
    from imgsearch.features.labels.store import LabelStore
    from imgsearch.features.saved.records import PlacedTerm
    from imgsearch.features.saved.store import SavedSearchStore

DIM = 4
CONTENTS = [bytes([number]) * 32 for number in range(1, 11)]  # of the photos of every replica
VECTORS = np.eye(DIM, dtype=np.float32)[:1]  # of each photo
NOON = datetime(2024, 5, 1, 12)


def synchronise(store: Store, shared: SharedItems) -> None:
    """Take what others have made into a replica, and send what was made in it."""
    local.prepare(store.database)
    pull(store.database, shared.since)
    push(store.database, shared)


def new_archive(address: str | Path) -> str:
    """Make an archive without photos."""
    tables.create(str(address), EncoderRow(1, "test/1", "test", DIM))
    return str(address)


class Sharer:
    """A library with the ten photos, or some of them, whose ids are its own."""

    def __init__(self, folder: Path, archive: str, contents: Sequence[bytes] = CONTENTS) -> None:
        self.folder = folder
        self.archive = archive
        self.shared: SharedItems = ArchiveItems(archive)
        folder.mkdir(exist_ok=True)
        self.store = Store.open(folder, writable=True)
        self.root = self.store.files.add_root("/p")
        self.encoder = self.store.vectors.add_encoder("test/1", "test", DIM).key
        self.add_photos(contents)
        database = self.store.database
        self.tray = TrayStore(database)
        self.changes = ChangeStore(database)

    # What features store; a checkout may lack some of them.

    @property
    def albums(self) -> AlbumStore:
        from imgsearch.features.albums.store import AlbumStore

        return AlbumStore(self.store.database)

    @property
    def concepts(self) -> ConceptStore:
        from imgsearch.features.concepts.store import ConceptStore

        return ConceptStore(self.store.database)

    @property
    def corrections(self) -> CorrectionStore:
        from imgsearch.features.corrections.store import CorrectionStore

        return CorrectionStore(self.store.database)

    @property
    def duplicates(self) -> DuplicateChoices:
        from imgsearch.features.duplicates.choices import DuplicateChoices

        return DuplicateChoices(self.store.database)

    @property
    def events(self) -> EventTitleStore:
        from imgsearch.features.events.store import EventTitleStore

        return EventTitleStore(self.store.database)

    @property
    def labels(self) -> LabelStore:
        from imgsearch.features.labels.store import LabelStore

        return LabelStore(self.store.database)

    @property
    def saved_searches(self) -> SavedSearchStore:
        from imgsearch.features.saved.store import SavedSearchStore

        return SavedSearchStore(self.store.database)

    def add_photos(self, contents: Sequence[bytes]) -> None:
        """Record photos, each with two faces."""
        self.store.record(
            self.root,
            self.encoder,
            [
                IngestResult(
                    FileStat(f"/p/{content[0]}.jpg", 1, 1, 1), content, Facts("JPEG", 8, 8), VECTORS
                )
                for content in contents
            ],
        )
        for content in contents:
            faces = [
                FoundFace(x, 0.1, 0.2, 0.3, 0.9, 60.0, np.ones(DIM, np.float32)) for x in (0.1, 0.6)
            ]
            self.store.faces.record(self.ids(content)[0], "model", faces)

    def close(self) -> None:
        self.store.close()

    def synchronise(self) -> None:
        """Synchronise the replica as a new process would."""
        synchronise(self.store, self.shared)

    def ids(self, *contents: bytes) -> list[int]:
        """The ids of photos in this replica."""
        known = dict(self.rows("SELECT content_hash, id FROM photos"))
        return [known[content] for content in contents]

    def face(self, content: bytes, place: int = 0) -> int:
        """The id of a face in a photo."""
        return [face.id for face in self.store.people.faces_in(self.ids(content)[0])][place]

    def person(self, name: str) -> int:
        """The id of the person of a name."""
        person_id = self.store.people.named(name)
        assert person_id is not None, f"there is no {name}"
        return person_id

    def event(self, first_hour: int, last_hour: int) -> PhotoEvent:
        """An event on one day."""
        from imgsearch.features.events.records import PhotoEvent

        start, end = NOON.replace(hour=first_hour), NOON.replace(hour=last_hour)
        return PhotoEvent(start, end, False, (), (), ())

    def teach(self, name: str, *examples: ConceptExample) -> None:
        """Teach a concept with these examples alone."""
        from imgsearch.features.concepts.records import FittedConcept

        probe = CalibratedDirection(name, np.ones(DIM, np.float32), 1.0, 0.0, 0.9, 0.5)
        self.concepts.save(name, examples, self.encoder, FittedConcept(probe, None, None, 9))

    def example(self, content: bytes, is_like: bool = True) -> ConceptExample:
        from imgsearch.features.concepts.records import ConceptExample

        return ConceptExample(content, is_like, self.ids(content)[0])

    def save_search(self, name: str, line: str, *examples: int | bytes) -> None:
        """Save a search with these example images, in place of one of its name."""
        from imgsearch.features.saved.records import PlacedTerm, SavedSearch

        placed = tuple(
            PlacedTerm(place, Term(Example(source), 1.0)) for place, source in enumerate(examples)
        )
        made_at = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
        search = SavedSearch(name, line, placed, None, False, made_at, made_at)
        assert self.saved_searches.save(search, (), replace=True)

    def shift_clock(self, seconds: int) -> None:
        """Make the last changes as they would be on a machine whose clock is wrong."""
        with self.store.database.brief_transaction() as connection:
            connection.execute(
                "UPDATE outbox SET changed_us = changed_us + ?", (seconds * 1_000_000,)
            )

    def rows(self, query: str, *parameters: object) -> list[Any]:
        return self.store.database.fetch_all(query, *parameters)

    def said(self) -> dict[str, Any]:
        """What people have said, by contents and names, and what follows from it for queries."""
        albums = {
            album: [
                content.hex()[:2]
                for (content,) in self.rows(
                    "SELECT content_hash FROM album_photos JOIN photos ON photos.id = photo_id "
                    "JOIN albums ON albums.id = album_id WHERE name = ? ORDER BY place, "
                    "content_hash",
                    album,
                )
            ]
            for (album,) in self.rows("SELECT name FROM albums WHERE key != ?", TRAY_KEY)
        }
        by_content = {
            "marks": "kind, value FROM marks JOIN photos ON photos.id = photo_id",
            "corrections": "corrections.taken_at, corrections.date_precision, corrections.lat, "
            "corrections.town FROM corrections JOIN photos ON photos.id = photo_id",
            "photos": "taken_at, dated_by, lat, town FROM photos",
            # A group without a name is what a program has made of the faces in one replica.
            "faces": "name, faces.x, is_hidden FROM faces JOIN persons ON persons.id = person_id "
            "JOIN photos ON photos.id = photo_id WHERE name NOT NULL OR is_hidden",
            "decided": "x, name, is_person FROM face_decisions JOIN persons "
            "ON persons.id = person_id",
        }
        said: dict[str, Any] = {
            name: sorted(
                {
                    (content.hex()[:2], *row)
                    for content, *row in self.rows(f"SELECT content_hash, {query}")
                },
                key=repr,
            )
            for name, query in by_content.items()
        }
        searches = [
            (search.name, search.line, [_named(self, each) for each in search.examples])
            for search in (self.saved_searches.all() if "saved" in features() else ())
        ]
        examples = self.rows(
            "SELECT name, content_hash, is_like, photo_id IS NULL FROM concept_examples JOIN "
            "concepts ON concepts.id = concept_id ORDER BY plain_name, content_hash"
        )
        return said | {
            "albums": albums,
            "persons": sorted(
                self.rows("SELECT name, is_hidden FROM persons WHERE name NOT NULL"), key=repr
            ),
            "me": self.rows("SELECT name FROM own_person JOIN persons ON persons.id = person_id"),
            "duplicates": self.rows("SELECT * FROM duplicate_choices ORDER BY content_hash"),
            "events": self.rows("SELECT title, start, end_at FROM event_titles ORDER BY start"),
            "labels": self.rows("SELECT name, classes, none_of_these FROM facets ORDER BY name"),
            "concepts": self.rows("SELECT name, words FROM concepts ORDER BY plain_name"),
            "examples": [(name, content.hex()[:2], *row) for name, content, *row in examples],
            "searches": searches,
            "names": self.rows("SELECT people FROM names ORDER BY file_name"),
        }


def _named(replica: Sharer, placed: PlacedTerm) -> str:
    what = placed.term.what
    assert isinstance(what, Example)
    if isinstance(what.source, int):
        (row,) = replica.rows("SELECT hex(content_hash) FROM photos WHERE id = ?", what.source)
        return str(row[0][:2])
    return repr(what.source)


def settle(*replicas: Sharer) -> dict[str, Any]:
    """Synchronise replicas until nothing is new to any; what people have said in all of them."""
    for _ in range(3):
        for replica in replicas:
            replica.synchronise()
    said = [replica.said() for replica in replicas]
    for other in said[1:]:
        different = [
            (name, said[0][name], each) for name, each in other.items() if each != said[0][name]
        ]
        assert different == [], different
    return said[0]


# ------------------------------------------------------------------------- a held process


SENDING = "sending "  # before the name of a place


class HeldItems:
    """The items of an archive, which make their process wait at a place until it is killed."""

    def __init__(self, shared: SharedItems, place: str, reached: Path) -> None:
        self._shared = shared
        self._place = place
        self._reached = reached

    def since(self, version: int) -> ItemChanges:
        changes = self._shared.since(version)
        return ItemChanges(changes.version, self._parts(changes))

    def _parts(self, changes: ItemChanges) -> Iterator[Sequence[UserItem]]:
        for part in changes.parts:
            for item in part:  # one item a transaction, so that there is a place between two
                yield [item]
                self._hold("between two parts")
        self._hold("before the position")

    def put(self, items: Sequence[UserItem]) -> None:
        self._hold("before the commit")
        self._shared.put(items)
        self._hold("after the commit")

    def _hold(self, place: str) -> None:
        if place == self._place:
            self._reached.touch()
            time.sleep(3600)


@contextmanager
def killed_at(replica: Sharer, place: str) -> Iterator[None]:
    """Synchronise a replica in another process, which is killed at a place."""
    reached = replica.folder / "reached"
    reached.unlink(missing_ok=True)
    command = (sys.executable, "-m", "tests.item_replicas")
    with subprocess.Popen(
        [*command, str(replica.folder), replica.archive, place], env={**os.environ}
    ) as process:
        try:
            wait_until(lambda: reached.exists() or process.poll() is not None)
            assert reached.exists(), f"it never came to the place {place}"
            yield
        finally:
            process.kill()


def main() -> None:
    """Synchronise a replica, or mark a photo and send that, and wait at a place."""
    folder, archive, place = sys.argv[1:]
    is_sending, place = place.startswith(SENDING), place.removeprefix(SENDING)
    shared = HeldItems(ArchiveItems(archive), place, Path(folder) / "reached")
    if is_sending:
        sending = ItemSending(Path(folder), shared, print)
        with closing(Database.open(Path(folder), around_transactions=sending.around)) as database:
            MarkStore(database).set([1], {"favourite": 1})
            sending.close()
        return
    with Store.open(Path(folder), writable=True) as store:
        synchronise(store, shared)


if __name__ == "__main__":
    main()
