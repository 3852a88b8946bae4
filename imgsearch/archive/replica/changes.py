"""Reads what has changed in an archive: photos with everything that is known of them, and failures.

What people have made comes as items: see `imgsearch.items`.

The table of photos says which photos there are, and the table of files says where. A photo whose
row, files, text or faces have changed is read whole, so it does not matter in which order, or how
often, changes are taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Struct

from imgsearch.archive.lance.people_rows import READING_COLUMNS as FACE_COLUMNS
from imgsearch.archive.lance.people_rows import faces_in
from imgsearch.archive.lance.rows import (
    PHOTO_COLUMNS,
    id_of,
    photo_of,
    read_names,
    reading_of,
    unread_names,
)
from imgsearch.archive.lance.rows import stored_in as stored_vectors_in
from imgsearch.archive.lance.tables import (
    FIRST_PARTS,
    LINEAGE,
    READ_FACTS,
    ReachedVersion,
    Table,
    TableName,
    View,
    lance_errors,
    loaded,
)
from imgsearch.records.index import EncoderRow
from imgsearch.records.pack import PackedFile, PackedPhoto, PackedVectors
from imgsearch.records.photo import FACTS
from imgsearch.store.pack_format import PHOTOS_AT_ONCE

TABLES: tuple[TableName, ...] = ("photos", "files", "texts", "faces", "items")
_ROW_COLUMNS = (*PHOTO_COLUMNS, READ_FACTS, "at_s", "vector")
_PART_COLUMNS = ("hash", "part", "at_s", "vector")
_FILE_COLUMNS = ("hash", "path", "size_bytes", "mtime_ns", "recorded_at")
_FAILURE_COLUMNS = (
    *("path", "size_bytes", "mtime_ns", "inode"),
    *("reason", "message", "extra", "read_by", "recorded_at"),
)
_TEXT_COLUMNS = ("hash", "reading", "looked_by")
_HASHES_AT_ONCE = 50_000
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
_DIGEST_BYTES = 8
_encode = msgspec.msgpack.Encoder().encode


class FaceReading(Struct, frozen=True):
    """The faces that were found in a photo, as columns of a library, by their ids."""

    state: str
    model: str
    read_at: str
    people: int
    message: str | None
    faces: dict[int, tuple[Any, ...]]


class ReplicatedPhoto(Struct, frozen=True):
    """A photo of an archive with everything that is known of it; its files have whole paths.

    `looked_by` is the reader that saw no text in a small copy of it. `digest` changes when anything
    of it does.
    """

    photo: PackedPhoto
    looked_by: str | None
    faces: FaceReading | None
    digest: int


class FailedFile(Struct, frozen=True):
    """A file that could not be indexed, by its whole path."""

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    reason: str
    message: str
    extra: str | None
    read_by: str | None
    failed_at: str


class Reached(Struct, frozen=True):
    """Up to where somebody has an archive: a version of each table.

    `identity` is another one after the archive was made anew, `lineage` after it went back, and
    `lineage_of_faces` after all faces were deleted. `facts` are the names of the facts that they
    know.
    """

    identity: str = ""
    lineage: str = ""
    tables: dict[str, ReachedVersion] = {}
    lineage_of_faces: str = ""
    facts: tuple[str, ...] = ()

    def of(self, name: TableName) -> ReachedVersion:
        """Return the version of a table."""
        return self.tables.get(name, ReachedVersion())


class ArchiveTables:
    """The tables of an archive that a replica follows. For one thread at a time."""

    def __init__(self, address: str) -> None:
        """Nothing is read before it is needed."""
        self.address = address
        self._tables: dict[TableName, Table] = {}
        self._seen: dict[TableName, View] = {}

    def newest(self) -> ArchiveVersion:
        """Return the newest version of each table. Raises as opening a table does.

        Tables that older archives lack are looked for again when another one has changed, and the
        one of items each time: it is made when the first of them is put there.
        """
        with lance_errors(self.address):
            views = {name: table.newest() for name, table in self._tables.items()}
            has_changed = not views or views != self._seen
            for name in TABLES:
                if name not in views and (has_changed or name == "items"):
                    table = self._opened(name)
                    if table is not None:
                        self._tables[name] = table
                        views[name] = table.newest()
            self._seen = dict(views)
            return ArchiveVersion(self.address, dict(views))

    def _opened(self, name: TableName) -> Table | None:
        if name == "photos":
            return Table(self.address, name)
        return Table.if_there(self.address, name)


class ArchiveVersion(Struct, frozen=True):
    """An archive at one version of each of its tables."""

    address: str
    views: dict[TableName, View]

    def follows(self, earlier: Reached) -> bool:
        """Return whether this is a later version of an archive that has not gone back meanwhile.

        Then `earlier` tells which rows have changed since. It does not where the archive has facts
        that somebody did not know then: their columns were not taken.
        """
        learned = {fact.name for fact in FACTS}.difference(earlier.facts)
        return (
            (earlier.identity, earlier.lineage) == (self.identity, self.lineage)
            and learned.isdisjoint(self.views["photos"].names)
            and all(earlier.of(name).version <= view.version for name, view in self.views.items())
        )

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return another value when anything was written."""
        return tuple(self.views[name].version if name in self.views else -1 for name in TABLES)

    @property
    def encoder(self) -> EncoderRow:
        """Return the encoder of the vectors."""
        return self.views["photos"].encoder

    @property
    def identity(self) -> str:
        """Return another text after the archive was deleted and made anew."""
        return self.views["photos"].identity

    @property
    def lineage(self) -> str:
        """Return another text after the archive went back to an earlier version."""
        return self._lineage_of("photos")

    @property
    def lineage_of_faces(self) -> str:
        """Return another text after all faces were deleted."""
        return self._lineage_of("faces")

    def _lineage_of(self, name: TableName) -> str:
        view = self.views.get(name)
        return "" if view is None else str(view.dataset.config().get(LINEAGE, ""))

    def has_changed(self, name: TableName, since: Reached) -> bool:
        """Return whether anything was written to a table since somebody had it."""
        view = self.views.get(name)
        return view is not None and view.version != since.of(name).version

    def reached(self) -> Reached:
        """Return the argument with which `changed_photos` finds later changes."""
        with lance_errors(self.address):
            return Reached(
                self.identity,
                self.lineage,
                {name: view.reached for name, view in self.views.items()},
                self.lineage_of_faces,
                tuple(fact.name for fact in FACTS),
            )

    # ------------------------------------------------------------------ what has changed

    def count_changed(self, since: Reached) -> int:
        """Estimate the number of photos that `changed_photos` gives."""
        if since.of("photos") == ReachedVersion():
            return self.photo_count()
        with lance_errors(self.address):
            return sum(
                rows.num_rows
                for rows in self.views["photos"].changed(
                    ["hash"], since.of("photos"), _HASHES_AT_ONCE, FIRST_PARTS
                )
            )

    def changed_hashes(self, since: Reached) -> set[str]:
        """Return the contents, in hexadecimal, of photos of which anything has changed."""
        hashes = self._hashes("photos", since, FIRST_PARTS)
        return hashes | self._changed_beside(since)

    def _changed_beside(self, since: Reached) -> set[str]:
        """Return the contents of photos with changed files, text or faces."""
        names: tuple[TableName, ...] = ("files", "texts", "faces")
        return set[str]().union(*(self._hashes(name, since) for name in names))

    def _hashes(self, name: TableName, since: Reached, condition: str | None = None) -> set[str]:
        view = self.views.get(name)
        if view is None:
            return set()
        found = set[str]()
        with lance_errors(self.address):
            for rows in view.changed(["hash"], since.of(name), _HASHES_AT_ONCE, condition):
                found.update(each for each in rows["hash"].to_pylist() if each is not None)
        return found

    def changed_photos(
        self, since: Reached, passed_over: Collection[str] = ()
    ) -> Iterator[tuple[int, list[ReplicatedPhoto]]]:
        """Yield the photos of which anything has changed, some thousands at a time.

        With each, the number of photos that were looked at for it. Photos with contents
        (hexadecimal) that are `passed_over` are left out.
        """
        is_first = since.of("photos") == ReachedVersion()
        done = set[str]()
        with lance_errors(self.address):
            for rows in self.views["photos"].changed(
                _ROW_COLUMNS, since.of("photos"), PHOTOS_AT_ONCE, FIRST_PARTS
            ):
                hashes = rows["hash"].to_pylist()
                if not is_first:  # a million hashes take 150 MB
                    done.update(hashes)
                wanted = [each not in passed_over for each in hashes]
                chosen = rows if all(wanted) else rows.filter(pa.array(wanted, pa.bool_()))
                yield rows.num_rows, self._whole(chosen)
        if is_first:
            return  # those were all
        yield from self.photos_with(self._changed_beside(since) - done - set(passed_over))

    def photos_with(self, hashes: Iterable[str]) -> Iterator[tuple[int, list[ReplicatedPhoto]]]:
        """Yield the photos with these contents that there are, as `changed_photos` does."""
        wanted = sorted(hashes)
        for start in range(0, len(wanted), PHOTOS_AT_ONCE):
            some = wanted[start : start + PHOTOS_AT_ONCE]
            with lance_errors(self.address):
                rows = self.views["photos"].read_with(
                    "id", [id_of(each) for each in some], _ROW_COLUMNS, f" AND {FIRST_PARTS}"
                )
                yield len(some), self._whole(rows)

    def photo_count(self) -> int:
        """Return the number of photos."""
        with lance_errors(self.address):
            return self.views["photos"].count(FIRST_PARTS)

    def all_hashes(self) -> set[str]:
        """Return the contents of all photos, in hexadecimal."""
        return self._hashes("photos", Reached(), FIRST_PARTS)

    # ------------------------------------------------------------------ whole photos

    def _whole(self, rows: pa.Table) -> list[ReplicatedPhoto]:
        """Return the photos of these rows, their first parts, without photos that have no file."""
        if not rows.num_rows:
            return []
        hashes: list[str] = rows["hash"].to_pylist()
        vectors = self._vectors(rows)
        files = self._files(hashes)
        texts = {row["hash"]: row for row in self._read_with("texts", hashes, _TEXT_COLUMNS)}
        faces = self._faces(hashes)
        return [
            _replicated(row, files[row["hash"]], vectors[row["hash"]], texts, faces)
            for row in rows.drop_columns(["vector"]).to_pylist()
            if row["hash"] in files
        ]

    def _read_with(
        self, name: TableName, hashes: Sequence[str], columns: Sequence[str]
    ) -> list[dict[str, Any]]:
        view = self.views.get(name)
        found: list[dict[str, Any]] = (
            [] if view is None else view.read_with("hash", hashes, columns).to_pylist()
        )
        return found

    def _vectors(self, rows: pa.Table) -> dict[str, PackedVectors]:
        """Return the vectors of each photo, from its first part on."""
        rows = rows.select(["hash", "at_s", "vector"])
        parts: dict[str, list[tuple[bytes, float | None]]] = {}
        _add_parts(parts, rows)
        view = self.views["photos"]
        if view.has("part > 0"):
            ids = [id_of(each) for each in parts]
            further = view.read_with("id", ids, _PART_COLUMNS, " AND part > 0")
            further = further.sort_by([("hash", "ascending"), ("part", "ascending")])
            _add_parts(parts, further.filter(pa.compute.is_in(further["hash"], pa.array(parts))))
        encoder_id = self.encoder.encoder_id
        return {
            each: PackedVectors(
                encoder_id,
                tuple(vector for vector, _ in own),
                tuple(at_s for _, at_s in own if at_s is not None),
            )
            for each, own in parts.items()
        }

    def _files(self, hashes: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        files: dict[str, list[dict[str, Any]]] = {}
        for row in self._read_with("files", hashes, _FILE_COLUMNS):
            files.setdefault(row["hash"], []).append(row)
        return files

    def _faces(self, hashes: Sequence[str]) -> dict[str, FaceReading]:
        return {
            row["hash"]: FaceReading(
                row["state"],
                row["model"],
                row["read_at"],
                row["people"],
                None if row["message"] is None else loaded(row["message"]),
                faces_in(row),
            )
            for row in self._read_with("faces", hashes, FACE_COLUMNS)
        }

    # ------------------------------------------------------------------ failures

    def changed_failures(self, since: Reached) -> Iterator[list[FailedFile]]:
        """Yield the files that could not be indexed and were recorded since, in batches."""
        view = self.views.get("files")
        if view is None:
            return
        with lance_errors(self.address):
            for rows in view.changed(
                _FAILURE_COLUMNS, since.of("files"), PHOTOS_AT_ONCE, "hash IS NULL"
            ):
                yield [_failed(row) for row in rows.to_pylist()]

    def failure_count(self) -> int:
        """Return the number of files that could not be indexed."""
        view = self.views.get("files")
        with lance_errors(self.address):
            return 0 if view is None else view.count("hash IS NULL")

    def failed_paths(self) -> set[str]:
        """Return the paths of all files that could not be indexed."""
        view = self.views.get("files")
        if view is None:
            return set()
        with lance_errors(self.address):
            return set(map(loaded, view.read(["path"], "hash IS NULL")["path"].to_pylist()))


def _add_parts(parts: dict[str, list[tuple[bytes, float | None]]], rows: pa.Table) -> None:
    if rows.num_rows:
        halves = stored_vectors_in(rows).astype("<f2")
        for content, half, at_s in zip(
            rows["hash"].to_pylist(), halves, rows["at_s"].to_pylist(), strict=True
        ):
            parts.setdefault(content, []).append((half.tobytes(), at_s))


def _replicated(
    row: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    vectors: PackedVectors,
    texts: Mapping[str, Mapping[str, Any]],
    faces: Mapping[str, FaceReading],
) -> ReplicatedPhoto:
    unread = unread_names(read_names(row))
    row = {name: value for name, value in row.items() if name != READ_FACTS}
    text, reading = texts.get(row["hash"], {}), faces.get(row["hash"])
    read_text, looked_by = text.get("reading"), text.get("looked_by")
    photo = PackedPhoto(
        content_hash=bytes.fromhex(row["hash"]),
        size_bytes=row["size_bytes"],
        facts=photo_of(row).facts,
        facts_at=min(map(_moment, files)),
        files=tuple(
            sorted(
                (
                    PackedFile(loaded(file["path"]), file["size_bytes"], file["mtime_ns"])
                    for file in files
                ),
                key=lambda file: file.path,
            )
        ),
        vectors=(vectors,),
        text=None if read_text is None else reading_of(read_text),
        unread_facts=unread,
    )
    # As the tables have it: names of files need not be UTF-8.
    places = sorted((file["path"], file["size_bytes"], file["mtime_ns"]) for file in files)
    faces_read = None if reading is None else (reading.state, reading.model, reading.read_at)
    about = (row, places, read_text, looked_by, faces_read, vectors.times_s)
    digest = hashlib.blake2b(_encode(about), digest_size=_DIGEST_BYTES)
    if unread:
        digest.update(_encode(unread))
    for vector in vectors.vectors:
        digest.update(vector)
    number = int.from_bytes(digest.digest(), "big", signed=True)
    return ReplicatedPhoto(photo, looked_by, reading, number)


def _moment(file: Mapping[str, Any]) -> datetime:
    recorded_at = file["recorded_at"]
    return _BEFORE_ALL if recorded_at is None else datetime.fromisoformat(recorded_at)


def _failed(row: Mapping[str, Any]) -> FailedFile:
    return FailedFile(
        loaded(row["path"]),
        row["size_bytes"],
        row["mtime_ns"],
        row["inode"],
        row["reason"],
        loaded(row["message"]),
        row["extra"],
        row["read_by"],
        row["recorded_at"],
    )
