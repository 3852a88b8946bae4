"""Faces and persons of an archive: decisions about them, and the photos that follow from these."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from imgsearch.archive.fleet.base import patiently
from imgsearch.archive.lance.people_tables import ChangedMeanwhile
from imgsearch.archive.lance.rows import id_of
from imgsearch.archive.lance.unread import count_readings
from imgsearch.archive.packing_faces import ArchiveFaces
from imgsearch.archive.working_copy import (
    WorkingCopy,
    add_photo,
    add_ungrouped,
    begin_epoch,
    take_in,
)
from imgsearch.errors import LibraryLocked
from imgsearch.indexer.faces import group_all, group_stored
from imgsearch.store import face_decisions
from imgsearch.store.faces import forget_rows
from imgsearch.store.names import own_person
from imgsearch.store.pack_faces import FaceMerger
from imgsearch.store.sql import IN_IDS, ids_parameter

if TYPE_CHECKING:
    import sqlite3

    from imgsearch.archive.lance.reader import LanceCatalogue
    from imgsearch.archive.lance.writer import LanceWriter
    from imgsearch.records.faces import FaceCounts, PhotoFaces
    from imgsearch.records.pack import PackedPerson
    from imgsearch.store.people_stores import PeopleStores

_Result = TypeVar("_Result")

_ATTEMPTS = 20  # of a decision while others decide
_ROUNDS = 100  # until photos follow from what others decide at the same time
_LONGEST_WAIT_S = 0.2  # between two of them
_PHOTOS_AT_ONCE = 5_000


class ArchivePeople:
    """The faces and persons of an archive. Safe in any thread and in any process."""

    def __init__(
        self,
        address: str,
        cache_folder: Path,
        open_catalogue: Callable[[], LanceCatalogue],
        open_writer: Callable[[], LanceWriter],
    ) -> None:
        """Nothing is read or written before it is needed."""
        self._address = address
        self._copy = WorkingCopy(cache_folder, address, open_catalogue)
        self._open_catalogue = open_catalogue
        self._open_writer = open_writer
        self.tables = self._copy.tables

    def close(self) -> None:
        """Close the working copy."""
        self._copy.close()

    def version(self) -> tuple[int, ...]:
        """Changes when somebody has decided something; empty before people are asked for here."""
        return self._copy.version()

    def stores(self) -> PeopleStores:
        """The faces and persons of the archive as they were a second ago, on this machine."""
        return self._copy.stores()

    def counts(self) -> FaceCounts:
        """Count the photos in each state, and faces and persons."""
        found, none, failed, unread = count_readings(
            self._open_catalogue().pinned(), self.tables.faces()
        )
        counts = self.stores().faces.counts()
        return replace(counts, found=found, none=none, failed=failed, unread=unread)

    # ------------------------------------------------------------------ deciding

    def deciding(self, decide: Callable[[PeopleStores], _Result]) -> _Result:
        """Decide something in the store of people; in the end, photos follow from it.

        Where somebody else decides at the same time, `decide` is called again. Raises
        LibraryLocked if others decide all the time.
        """
        result = self._decided(decide)
        self.follow()
        return result

    def _decided(self, decide: Callable[[PeopleStores], _Result]) -> _Result:
        for _ in range(_ATTEMPTS):
            try:
                return decide(self._copy.stores(at_once=True))
            except ChangedMeanwhile:
                time.sleep(random.uniform(0, _LONGEST_WAIT_S))
        raise LibraryLocked(
            f"Others change the people of the archive {self._address} all the time. Nothing was "
            "changed: run the command again."
        )

    def follow(self) -> None:
        """Bring the photos in line with all decisions, also those that were cut off."""
        self._follow_photos()
        with self._copy.stores().database.reading() as connection:
            own = own_person(connection)
        if self._open_catalogue().own_person() != own:
            self._open_writer().set_own_person(own)

    def _follow_photos(self) -> None:
        for key, due in self.tables.due().items():
            contents = self.tables.all_contents() if due.everything else due.contents
            for start in range(0, len(contents), _PHOTOS_AT_ONCE):
                self._follow_some(contents[start : start + _PHOTOS_AT_ONCE], due.readings)
            self.tables.delete_due([key])

    def _follow_some(self, contents: Sequence[str], taken: Mapping[str, str]) -> None:
        """Record what is shown of people in some photos, until nobody decides meanwhile.

        Of two processes that record the same photo, the slower one notices the revision of the
        other and records it again, so in the end the newest revision is recorded.
        """
        writer = self._open_writer()
        for _ in range(_ROUNDS):
            shown, revision = self._copy.shown(contents, taken)
            patiently(partial(writer.put_photo_people, shown, revision))
            if self.tables.revision() == revision:
                return
        raise LibraryLocked(
            f"Others change the people of the archive {self._address} all the time. Nothing is "
            "lost: run the command again."
        )

    # ------------------------------------------------------------------ new faces

    def looked_at(self, contents: Sequence[str]) -> set[str]:
        """The photos among these, by content in hexadecimal, in which somebody has looked."""
        readings = self.tables.readings(contents)
        return {each for each, row in readings.items() if row["state"] != "failed"}

    def put_faces(self, readings: Mapping[bytes, PhotoFaces]) -> None:
        """Record what was found in photos, by their content; `take_in` takes it in."""
        patiently(partial(self._open_writer().put_faces, readings))

    def take_in(self) -> None:
        """Link all new faces with the decisions about their places; photos follow from them."""
        unlinked = list(self.tables.unlinked().items())
        for start in range(0, len(unlinked), _PHOTOS_AT_ONCE):
            some = dict(unlinked[start : start + _PHOTOS_AT_ONCE])
            self.deciding(partial(_link, readings=some))
        self.follow()

    def group(self) -> None:
        """Bring the persons of all faces up to date after faces were found."""
        new = self._copy.ungrouped()
        if new:
            self._decided(partial(group_stored, new_faces=new))
            self._decided(_note_grouped)
            self.follow()

    def merge_decisions(
        self, persons: Sequence[PackedPerson], decisions: Sequence[Sequence[Any]]
    ) -> None:
        """Add the decisions of a library about faces, as the merging of a pack does.

        They are rows as `FaceMerger.decide` takes them, with the ids of photos of the archive.
        """
        self.deciding(partial(_merge, persons=persons, decisions=decisions))

    @contextmanager
    def to_pack(self) -> Iterator[ArchiveFaces]:
        """All faces and persons as they are now, for a pack that is written in the block."""
        with self._copy.snapshot() as file:
            yield ArchiveFaces(file, self.tables)

    def regroup(self) -> None:
        """Group all faces anew, held by what the user has confirmed."""
        self.deciding(lambda stores: group_all(stores, stores.faces.all()))

    def forget(self, with_names: bool) -> int:
        """Delete all faces, vectors and groups, in the archive and here; returns how many faces.

        Names that the user gave to faces stay, unless `with_names` is set. Copies on other machines
        forget them when they are read next.
        """
        faces = self._copy.stores(at_once=True).faces.counts().faces
        self._decided(partial(_forget, with_names=with_names))
        self.tables.delete_faces()
        self.follow()
        self.tables.forget_deleted()
        self._copy.clear()
        return faces


def _link(stores: PeopleStores, readings: dict[str, str]) -> None:
    """Take in readings by the contents of photos: their faces get the decisions about places."""
    with stores.database.brief_transaction() as connection:
        for content, reading in readings.items():
            take_in(connection, content, reading)
            photo_id = id_of(content)
            face_decisions.link(connection, photo_id, bytes.fromhex(content))
        add_ungrouped(connection, _faces_in(connection, readings))


def _merge(
    stores: PeopleStores, persons: Sequence[PackedPerson], decisions: Sequence[Sequence[Any]]
) -> None:
    with stores.database.brief_transaction() as connection:
        for photo_id, content_hash, *_ in decisions:
            add_photo(connection, photo_id, content_hash)
        for photo_id, content_hash in FaceMerger(persons).decide(connection, decisions):
            face_decisions.link(connection, photo_id, content_hash)


def _faces_in(connection: sqlite3.Connection, contents: dict[str, str]) -> int:
    (faces,) = connection.execute(
        f"SELECT count(*) FROM faces WHERE photo_id {IN_IDS}",
        (ids_parameter(map(id_of, contents)),),
    ).fetchone()
    return int(faces)


def _note_grouped(stores: PeopleStores) -> None:
    with stores.database.brief_transaction() as connection:
        add_ungrouped(connection, None)


def _forget(stores: PeopleStores, with_names: bool) -> None:
    with stores.database.brief_transaction() as connection:
        connection.execute("PRAGMA secure_delete = ON")
        forget_rows(connection, with_names)
        begin_epoch(connection)
