"""Faces and persons of an archive for a pack: rows of the working copy on this machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.archive.lance.people_tables import PeopleTables
from imgsearch.archive.lance.rows import id_of
from imgsearch.store import pack_faces
from imgsearch.store.database import uri_of
from imgsearch.store.sql import ids_parameter

if TYPE_CHECKING:
    from imgsearch.records.pack import PackedPhoto


class ArchiveFaces:
    """Implements `imgsearch.store.pack_writer.FacesToPack` for one pack."""

    def __init__(self, copy: Path, tables: PeopleTables) -> None:
        """`copy` is a database with all faces of the archive, which nobody changes."""
        self._copy = copy
        self._tables = tables
        self._is_attached = False

    def sizes(
        self, connection: sqlite3.Connection, photos: Sequence[PackedPhoto]
    ) -> Mapping[bytes, int]:
        if not self._is_attached:
            connection.execute("ATTACH ? AS library", (uri_of(self._copy, writable=False),))
            self._is_attached = True
        of_id = {id_of(photo.content_hash.hex()): photo.content_hash for photo in photos}
        query, parameters = " UNION ALL ".join(pack_faces.SIZES), {"ids": ids_parameter(of_id)}
        sizes: dict[bytes, int] = {}
        for number, size_bytes in connection.execute(query, parameters):
            sizes[of_id[number]] = sizes.get(of_id[number], 0) + size_bytes
        return sizes

    def copy(self, connection: sqlite3.Connection, photos: Mapping[int, PackedPhoto]) -> None:
        for statement in pack_faces.COPY:
            connection.execute(statement, {"ids": ids_parameter(photos)})
        # The copy has no photos without faces.
        readings = self._tables.readings([each.content_hash.hex() for each in photos.values()])
        rows = ((number, readings.get(each.content_hash.hex())) for number, each in photos.items())
        connection.executemany(
            pack_faces.ADD_READING,
            [
                (number, row["state"], row["model"], row["read_at"], row["people"])
                for number, row in rows
                if row is not None and row["state"] == "none"
            ],
        )

    def finish(self, connection: sqlite3.Connection) -> None:
        connection.execute(pack_faces.COPY_PERSONS)
        if self._is_attached:
            connection.execute("DETACH library")
