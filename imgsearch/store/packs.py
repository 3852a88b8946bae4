"""Copies photos of a library into a pack, and merges those of a pack into a library, in SQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.paths import path_of, stored_path
from imgsearch.records.files import FileStat
from imgsearch.records.marks import MarkKind, PhotoMarks
from imgsearch.records.pack import (
    MergeCounts,
    PackedFile,
    PackedPhoto,
    PackedVectors,
    PackInfo,
)
from imgsearch.records.picture_text import MOST_LINES
from imgsearch.store import pack_faces
from imgsearch.store.batches import (
    FACT_NAMES,
    LINE,
    READING,
    BatchFile,
    BatchRows,
    columns_text,
)
from imgsearch.store.database import (
    DATABASE_FILE,
    Database,
    connect,
    is_damage,
    raise_translated,
    uri_of,
)
from imgsearch.store.marks import MarkStore
from imgsearch.store.pack_faces import FaceMerger
from imgsearch.store.pack_format import PHOTOS_AT_ONCE, UTC_TEXT
from imgsearch.store.pack_reader import PackedBatch
from imgsearch.store.pack_writer import PackWriter, batches_of
from imgsearch.store.reads import Reads
from imgsearch.store.sql import (
    FACT_COLUMNS,
    IN_IDS,
    LIST_FACTS,
    READ_AT,
    from_columns,
    ids_of,
    ids_parameter,
    list_query,
    prefix_of,
)

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

# ------------------------------------------------------------------------- copying

# The library is attached to a pack as `library`.
_THESE = "IN (SELECT value FROM json_each(:ids))"
_LENGTHS = " + ".join(
    f"ifnull(length({fact.name}), 0)" for fact in FACT_COLUMNS if fact.type is str
)
# About how many bytes the rows of each photo take: texts, names and vectors.
_SIZES = (
    f"SELECT id, {_LENGTHS} AS bytes FROM library.photos WHERE id {_THESE}",
    f"SELECT photo_id, length(name) FROM library.paths WHERE photo_id {_THESE}",
    f"SELECT photo_id, length(vector) FROM library.vectors WHERE photo_id {_THESE}",
    f"SELECT photo_id, length(line) FROM library.text_lines WHERE photo_id {_THESE}",
    *(
        f"SELECT photo_id, length(name) FROM library.photo_{fact} "
        f"JOIN library.{fact} ON {fact}.id = {id_column} WHERE photo_id {_THESE}"
        for fact, id_column in LIST_FACTS.items()
    ),
)
_COPY = (
    "INSERT INTO main.photos (id, content_hash, size_bytes, added_at, facts_at, "
    f"{columns_text(FACT_NAMES)}) SELECT id, content_hash, size_bytes, "
    f"{UTC_TEXT.format('added_at')}, {UTC_TEXT.format('coalesce(facts_at, added_at)')}, "
    f"{columns_text(FACT_NAMES)} "
    f"FROM library.photos WHERE id {_THESE} ORDER BY id",
    *(
        statement
        for fact, id_column in LIST_FACTS.items()
        for statement in (
            f"INSERT OR IGNORE INTO main.{fact} (id, name) SELECT id, name FROM library.{fact} "
            f"WHERE id IN (SELECT {id_column} FROM library.photo_{fact} WHERE photo_id {_THESE})",
            f"INSERT INTO main.photo_{fact} (photo_id, place, {id_column}) "
            f"SELECT photo_id, place, {id_column} FROM library.photo_{fact} "
            f"WHERE photo_id {_THESE} ORDER BY photo_id, place",
        )
    ),
    "INSERT INTO main.vectors (encoder_key, photo_id, part, vector, at_s) "
    'SELECT packed."key", photo_id, part, vector, at_s FROM library.vectors '
    'JOIN library.encoders AS own ON own."key" = encoder_key '
    "JOIN main.encoders AS packed ON packed.encoder_id = own.encoder_id "
    f'WHERE photo_id {_THESE} ORDER BY photo_id, packed."key", part',
    f"INSERT INTO main.text_readings (photo_id, {columns_text(READING)}) SELECT photo_id, "
    + columns_text(UTC_TEXT.format(name) if name == "read_at" else name for name in READING)
    + f" FROM library.text_readings WHERE photo_id {_THESE} ORDER BY photo_id",
    f"INSERT INTO main.text_lines (photo_id, {columns_text(LINE)}) SELECT photo_id, "
    f"{columns_text(LINE)} FROM library.text_lines WHERE photo_id {_THESE} "
    f"AND place < {MOST_LINES} ORDER BY photo_id, place",
)
# The facts that photos were not read for: see `unread_facts` and `later_facts` in migrations.
_UNREAD_OF = (
    "SELECT fact FROM library.unread_facts WHERE photo_id = photos.id "
    f"UNION SELECT fact FROM library.later_facts WHERE {READ_AT} < later_facts.added_at"
)
_UNREAD_AMONG = (
    f"SELECT photo_id, fact FROM unread_facts WHERE photo_id {IN_IDS} "
    f"UNION SELECT id, fact FROM photos, later_facts WHERE id {IN_IDS} "
    f"AND {READ_AT} < later_facts.added_at ORDER BY 1, 2"
)
_COPY_UNREAD = (
    "UPDATE main.photos SET mark_unread = "
    f"(SELECT nullif(json_group_array(fact), '[]') FROM ({_UNREAD_OF} ORDER BY fact)) "
    f"WHERE id {_THESE}"
)
_HAS_UNREAD = (
    "SELECT EXISTS (SELECT 1 FROM unread_facts) OR EXISTS (SELECT 1 FROM photos "
    f"WHERE {READ_AT} < (SELECT max(added_at) FROM later_facts))"
)
# The marks of photos, by their kind.
_COPY_MARKS: Mapping[MarkKind, str] = {
    "favourite": "UPDATE main.photos SET mark_favourite = 1 WHERE id IN (SELECT photo_id "
    f"FROM library.marks WHERE kind = 'favourite') AND id {_THESE}",
    "hidden": "UPDATE main.photos SET mark_hidden = 1 WHERE id IN (SELECT photo_id "
    f"FROM library.marks WHERE kind = 'hidden') AND id {_THESE}",
    "rating": "UPDATE main.photos SET mark_rating = (SELECT value FROM library.marks "
    f"WHERE kind = 'rating' AND photo_id = photos.id) WHERE id {_THESE}",
}
# Of a root, the paths that begin with `inside`; `prefix` comes in place of that. The sign keeps
# SQLite from going through all paths of the root.
_COPY_PATHS = (
    "INSERT INTO main.paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
    "SELECT 1, CAST(:prefix || substr(name, length(:inside) + 1) AS BLOB), photo_id, size_bytes, "
    "mtime_ns, 0 FROM library.paths WHERE +root_id = :root "
    f"AND photo_id {_THESE} AND substr(name, 1, length(:inside)) = :inside ORDER BY photo_id, name"
)


class _Part(Struct, frozen=True):
    """The files of a root that are below a folder: their names begin with `inside`.

    Below the folder, `prefix` comes in place of that.
    """

    root_id: int
    inside: bytes
    prefix: str


class FoundFile(Struct, frozen=True):
    """A file of a pack that is there, as it was when it was packed.

    `photo_id` is the id of its photo in the pack.
    """

    photo_id: int
    stat: FileStat
    has_other_time: bool


class PackStore:
    """The part of a store that copies photos into a pack, and merges those of one.

    It also reads photos as records, with all that is known of them.
    """

    def __init__(self, database: Database, reads: Reads) -> None:
        self._database = database
        self._reads = reads

    # ------------------------------------------------------------------ reading

    def copy(
        self,
        folder: str,
        writer: PackWriter,
        thumbnail_of: Callable[[bytes], bytes | None],
        marks: Collection[MarkKind],
    ) -> Iterator[int]:
        """Write the photos below an absolute path into a pack; yields how many were written.

        All are of one moment, whatever is written to the library meanwhile. `thumbnail_of` gives
        the small picture of the photo with a content hash, as WebP. `marks` are the kinds of marks
        to write, if the pack carries marks.
        """
        file = self._database.data_dir / DATABASE_FILE
        pack, parts = writer.connection, self._parts(folder)
        sizes = (*_SIZES, *(pack_faces.SIZES if writer.extras.faces else ()))
        sized = f"SELECT id, sum(bytes) FROM ({' UNION ALL '.join(sizes)}) GROUP BY id ORDER BY id"
        copying = (*_COPY, *(pack_faces.COPY if writer.extras.faces else ()))
        if writer.extras.marks:
            copying += tuple(_COPY_MARKS[kind] for kind in marks)
        if writer.extras.unread:
            copying += (_COPY_UNREAD,)
        pack.execute("ATTACH ? AS library", (uri_of(file, writable=False),))
        pack.execute("BEGIN")
        try:
            ids = _photo_ids(pack, parts, "library.")
            for start in range(0, len(ids), PHOTOS_AT_ONCE):
                some = {"ids": ids_parameter(ids[start : start + PHOTOS_AT_ONCE].tolist())}
                for batch in batches_of(dict(pack.execute(sized, some))):
                    _copy_batch(pack, batch, parts, copying)
                    query = f"SELECT id, content_hash FROM main.photos WHERE id {_THESE}"
                    hashes = pack.execute(query, {"ids": ids_parameter(batch)}).fetchall()
                    writer.add_thumbnails((id, key, thumbnail_of(key)) for id, key in hashes)
                    writer.end_batch(batch[-1], len(batch))
                yield min(start + PHOTOS_AT_ONCE, len(ids))
            if writer.extras.faces:
                pack.execute(pack_faces.COPY_PERSONS)
            for name in writer.extras.features:
                load(installed.packs()[name].module).copy(pack)
        except sqlite3.DatabaseError as error:
            if is_damage(error):  # of the library: the pack is new
                raise_translated(error, file)
            raise
        pack.execute("COMMIT")
        pack.execute("DETACH library")

    def has_unread_facts(self) -> bool:
        """Return whether any photo of the library was not read for a fact."""
        return bool(self._database.fetch_one(_HAS_UNREAD)[0])

    def photo_ids(self, folder: str) -> Ids:
        """Return the photos with a file below an absolute path, sorted."""
        with self._database.reading() as connection:
            return _photo_ids(connection, self._parts(folder))

    def photos(self, ids: Iterable[int], folder: str) -> list[PackedPhoto]:
        """Return these photos by id, with their files below a folder and without thumbnails.

        Those that were deleted meanwhile are left out.
        """
        parameter = ids_parameter(ids)
        columns = ", ".join(fact.name for fact in FACT_COLUMNS)
        parts = {part.root_id: part for part in self._parts(folder)}
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, content_hash, size_bytes, coalesce(facts_at, added_at), "
                f"{columns} FROM photos WHERE id {IN_IDS} ORDER BY id",
                (parameter,),
            ).fetchall()
            lists: dict[int, dict[str, tuple[str, ...]]] = {}
            for fact in LIST_FACTS:
                for photo_id, text in connection.execute(list_query(fact), (parameter,)):
                    own = lists.setdefault(photo_id, {})
                    own[fact] = (*own.get(fact, ()), text)
            paths = connection.execute(
                "SELECT photo_id, root_id, name, size_bytes, mtime_ns FROM paths "
                f"WHERE photo_id {IN_IDS} ORDER BY photo_id, root_id, name",
                (parameter,),
            )
            files: dict[int, list[PackedFile]] = {}
            for photo_id, root_id, name, size_bytes, mtime_ns in paths:
                part = parts.get(root_id)
                if part is not None and name.startswith(part.inside):
                    path = part.prefix + path_of(name[len(part.inside) :])
                    files.setdefault(photo_id, []).append(PackedFile(path, size_bytes, mtime_ns))
            vectors = connection.execute(
                "SELECT photo_id, encoder_id, vector, at_s FROM vectors "
                f"JOIN encoders ON key = encoder_key WHERE photo_id {IN_IDS} "
                "ORDER BY photo_id, encoder_key, part",
                (parameter,),
            )
            embedded: dict[int, dict[str, list[tuple[bytes, float | None]]]] = {}
            for photo_id, encoder_id, vector, at_s in vectors:
                of_photo = embedded.setdefault(photo_id, {})
                of_photo.setdefault(encoder_id, []).append((vector, at_s))
            unread: dict[int, list[str]] = {}
            for photo_id, fact in connection.execute(_UNREAD_AMONG, (parameter, parameter)):
                unread.setdefault(photo_id, []).append(fact)
        texts = self._reads.photos.texts(row[0] for row in rows)
        marks = MarkStore(self._database).of(row[0] for row in rows)
        return [
            PackedPhoto(
                content_hash=content_hash,
                size_bytes=size_bytes,
                facts=from_columns(facts, lists.get(photo_id, {})),
                facts_at=_moment(facts_at),
                files=tuple(files[photo_id]),
                vectors=tuple(
                    PackedVectors(
                        encoder_id,
                        tuple(vector for vector, _ in rows),
                        tuple(at_s for _, at_s in rows if at_s is not None),
                    )
                    for encoder_id, rows in embedded.get(photo_id, {}).items()
                ),
                text=texts.get(photo_id),
                marks=marks.get(photo_id, PhotoMarks()),
                unread_facts=tuple(unread.get(photo_id, ())),
            )
            for photo_id, content_hash, size_bytes, facts_at, *facts in rows
            if photo_id in files
        ]

    def _parts(self, folder: str) -> list[_Part]:
        parts = []
        for root_id, root in self._reads.roots.all().items():
            if folder == root or folder.startswith(prefix_of(root)):
                inside = folder.removeprefix(root).lstrip(os.sep)
                parts.append(_Part(root_id, stored_path(prefix_of(inside) if inside else ""), ""))
            elif root.startswith(prefix_of(folder)):
                parts.append(_Part(root_id, b"", prefix_of(root.removeprefix(prefix_of(folder)))))
        return parts

    # ------------------------------------------------------------------ merging

    @contextmanager
    def merging(self, root_id: int, info: PackInfo) -> Iterator[Merger]:
        """Merge batches of a pack whose files are below a root."""
        file = self._database.data_dir / DATABASE_FILE
        with closing(connect(file, writable=True)) as connection:
            try:
                prefix = prefix_of(self._reads.roots.all()[root_id])
                yield Merger(connection, root_id, prefix, info)
            except sqlite3.Error as error:
                raise_translated(error, file)


def _photo_ids(connection: sqlite3.Connection, parts: Iterable[_Part], schema: str = "") -> Ids:
    """Return the photos with a file in one of these parts of roots, sorted."""
    import numpy as np

    query = (
        f"SELECT photo_id FROM {schema}paths WHERE root_id = ? AND photo_id IS NOT NULL "
        "AND substr(name, 1, ?) = ?"
    )
    found = [np.empty(0, np.int64)]
    for part in parts:
        rows = connection.execute(query, (part.root_id, len(part.inside), part.inside))
        found.append(ids_of(rows))
    return np.unique(np.concatenate(found))


def _copy_batch(
    pack: sqlite3.Connection, ids: Sequence[int], parts: Iterable[_Part], copying: Sequence[str]
) -> None:
    these = {"ids": ids_parameter(ids)}
    for statement in copying:
        pack.execute(statement, these)
    for part in parts:
        prefix = stored_path(part.prefix)
        about = {"root": part.root_id, "inside": part.inside, "prefix": prefix}
        pack.execute(_COPY_PATHS, these | about)


# ------------------------------------------------------------------------- merging

# Of readings of the text in a photo, and of its facts, those that were read last stay.
_SECONDS = "CAST(strftime('%s', {}) AS INTEGER)"
_HAS_NEWER_FACTS = (
    f"({_SECONDS.format('theirs.facts_at')} > "
    f"{_SECONDS.format('coalesce(ours.facts_at, ours.added_at)')}) IS TRUE"
)
_IS_NEWER_TEXT = (
    f"ours.photo_id IS NULL OR {_SECONDS.format('theirs.read_at')} > "
    f"{_SECONDS.format('ours.read_at')}"
)
# A file that the library knows keeps its photo, unless it could not be read here.
_LINK = (
    "INSERT INTO main.paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
    "SELECT root_id, name, matches.id, size_bytes, mtime_ns, inode FROM batch.found "
    "JOIN batch.matches USING (pack_id) WHERE true "
    "ON CONFLICT (root_id, name) DO UPDATE SET photo_id = excluded.photo_id "
    "WHERE photo_id IS NULL AND size_bytes = excluded.size_bytes AND mtime_ns = excluded.mtime_ns"
)


class Merger:
    """Merges batches of a pack into a library, each all or nothing."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        root_id: int,
        prefix: str,
        info: PackInfo,
    ) -> None:
        self._connection = connection
        self._root_id = root_id
        self._prefix = prefix
        self._faces = FaceMerger(info.persons) if info.has_faces else None
        self._has_marks = info.has_marks
        self._rows = BatchRows(connection, info.fact_names, has_unread=info.has_unread)

    def merge(self, batch: PackedBatch, files: Iterable[FoundFile]) -> MergeCounts:
        """Merge photos by their content; what the library has is not added again.

        `files` are those that are there. A file that the library knows keeps its photo, unless it
        could not be read here. Of facts and texts, those that were read last stay; facts that the
        pack does not know, or that its photo was not read for, stay in any case.
        """
        with self._rows.attached(batch.library):
            return self._merge(files)

    def _merge(self, files: Iterable[FoundFile]) -> MergeCounts:
        rows = self._rows
        rows.find(
            BatchFile(
                file.photo_id,
                self._root_id,
                stored_path(file.stat.path.removeprefix(self._prefix)),
                file.stat.size_bytes,
                file.stat.mtime_ns,
                file.stat.inode,
            )
            for file in files
        )
        rows.match(_HAS_NEWER_FACTS)
        newer = rows.update_facts()
        new = rows.add_photos()
        rows.set_lists()
        embedded = rows.add_vectors()
        texts = rows.set_texts(_IS_NEWER_TEXT)
        rows.renumber()
        linked = self._connection.execute(_LINK).rowcount
        rows.forget_failures()
        faces = 0 if self._faces is None else self._faces.merge(self._connection)
        marks = rows.add_marks() if self._has_marks else 0
        return MergeCounts(new, newer, embedded, texts, linked, faces, marks)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
