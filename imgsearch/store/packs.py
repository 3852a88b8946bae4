"""What packs take from a library, and what merging one writes, in batches of photos."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import Connection

from imgsearch.records.files import FileStat
from imgsearch.records.pack import MergeCounts, PackedFile, PackedPhoto, PackedVectors
from imgsearch.records.photo import Facts
from imgsearch.store.database import Database
from imgsearch.store.photos import set_lists
from imgsearch.store.reads import Reads
from imgsearch.store.sql import (
    FACT_COLUMNS,
    IN_IDS,
    LIST_FACTS,
    from_columns,
    ids_of,
    ids_parameter,
    list_query,
    now,
    prefix_of,
    to_columns,
)
from imgsearch.store.vectors import renumber_vectors

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

_LINK = (
    "INSERT INTO paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (root_id, name) DO UPDATE "
    "SET photo_id = excluded.photo_id WHERE photo_id IS NULL "  # it could not be read here
    "AND size_bytes = excluded.size_bytes AND mtime_ns = excluded.mtime_ns RETURNING id"
)
_READ_TEXT = (
    "INSERT OR REPLACE INTO text_readings (photo_id, state, reader, read_at, message) "
    "VALUES (?, ?, ?, ?, ?)"
)
_ADD_VECTOR = (
    "INSERT INTO vectors (encoder_key, photo_id, part, vector, at_s) VALUES (?, ?, ?, ?, ?)"
)


class _Part(Struct, frozen=True):
    """The files of a root that are below a folder: their names begin with `inside`.

    Below the folder, `prefix` comes in place of that.
    """

    root_id: int
    inside: bytes
    prefix: str


class PackStore:
    """The part of a store that reads photos for a pack, and merges those of one."""

    def __init__(self, database: Database, reads: Reads) -> None:
        self._database = database
        self._reads = reads

    # ------------------------------------------------------------------ reading

    def photo_ids(self, folder: str) -> Ids:
        """The photos with a file below an absolute path, sorted."""
        import numpy as np

        query = (
            "SELECT photo_id FROM paths WHERE root_id = ? AND photo_id IS NOT NULL "
            "AND substr(name, 1, ?) = ?"
        )
        found = [np.empty(0, np.int64)]
        with self._database.reading() as connection:
            for part in self._parts(folder):
                rows = connection.execute(query, (part.root_id, len(part.inside), part.inside))
                found.append(ids_of(rows))
        return np.unique(np.concatenate(found))

    def photos(self, ids: Iterable[int], folder: str) -> list[PackedPhoto]:
        """These photos, sorted by id, with their files below a folder and without thumbnails.

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
                    path = part.prefix + os.fsdecode(name[len(part.inside) :])
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
        texts = self._reads.photos.texts(row[0] for row in rows)
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
            )
            for photo_id, content_hash, size_bytes, facts_at, *facts in rows
            if photo_id in files
        ]

    def _parts(self, folder: str) -> list[_Part]:
        parts = []
        for root_id, root in self._reads.roots.all().items():
            if folder == root or folder.startswith(prefix_of(root)):
                inside = folder.removeprefix(root).lstrip(os.sep)
                parts.append(_Part(root_id, os.fsencode(prefix_of(inside) if inside else ""), ""))
            elif root.startswith(prefix_of(folder)):
                parts.append(_Part(root_id, b"", prefix_of(root.removeprefix(prefix_of(folder)))))
        return parts

    # ------------------------------------------------------------------ merging

    def merge(
        self,
        root_id: int,
        photos: Sequence[PackedPhoto],
        files: Mapping[bytes, Sequence[FileStat]],
        encoder_keys: Mapping[str, int],
        fact_names: Iterable[str],
    ) -> MergeCounts:
        """Merge photos by their content, all or nothing; what the library has is not added again.

        `files` are those of this root that are there, by the hash of their content. A file that the
        library knows keeps its photo, unless it could not be read here. Of facts and texts, those
        that were read last stay; only the facts of `fact_names` are replaced.
        """
        known_facts = frozenset(fact_names)
        with self._database.engine.begin() as connection:
            ids, returning = _known(connection, photos)
            new = [photo for photo in photos if photo.content_hash not in ids]
            for photo in new:
                ids[photo.content_hash] = _insert(connection, photo)
            newer = _update_facts(connection, photos, ids, new, known_facts)
            embedded = _add_vectors(connection, photos, ids, encoder_keys)
            texts = _set_texts(connection, photos, ids)
            linked = 0
            prefix = prefix_of(self._reads.roots.all()[root_id])
            for content_hash, stats in files.items():
                photo_id = ids[content_hash]
                if photo_id in returning:
                    renumber_vectors(connection, photo_id)
                linked += sum(_link(connection, root_id, prefix, photo_id, stat) for stat in stats)
        return MergeCounts(len(new), newer, embedded, texts, linked)


def _known(
    connection: Connection, photos: Sequence[PackedPhoto]
) -> tuple[dict[bytes, int], set[int]]:
    """The ids of the photos that the library has, by content, and those without a path."""
    ids: dict[bytes, int] = {}
    pathless = set()
    for photo in photos:
        row = connection.exec_driver_sql(
            "SELECT id, gone_at FROM photos WHERE content_hash = ?", (photo.content_hash,)
        ).first()
        if row is not None:
            ids[photo.content_hash] = row[0]
            if row[1] is not None:
                pathless.add(row[0])
    return ids, pathless


def _insert(connection: Connection, photo: PackedPhoto) -> int:
    values = {
        "content_hash": photo.content_hash,
        "size_bytes": photo.size_bytes,
        "added_at": now(),
        "gone_at": now(),  # until it gets a path
        "facts_at": _text_of(photo.facts_at),
        **to_columns(photo.facts),
    }
    statement = (
        f"INSERT INTO photos ({', '.join(values)}) VALUES ({', '.join('?' * len(values))}) "
        "RETURNING id"
    )
    return int(connection.exec_driver_sql(statement, tuple(values.values())).scalar_one())


def _update_facts(
    connection: Connection,
    photos: Sequence[PackedPhoto],
    ids: Mapping[bytes, int],
    new: Sequence[PackedPhoto],
    fact_names: frozenset[str],
) -> int:
    """Replace facts that are older than those of the pack; returns of how many known photos."""
    lists: dict[int, Facts] = {ids[photo.content_hash]: photo.facts for photo in new}
    known = {ids[photo.content_hash]: photo for photo in photos} if len(new) < len(photos) else {}
    rows = connection.exec_driver_sql(
        f"SELECT id, coalesce(facts_at, added_at) FROM photos WHERE id {IN_IDS}",
        (ids_parameter(id for id in known if id not in lists),),
    ).all()
    newer = 0
    for photo_id, facts_at in rows:
        photo = known[photo_id]
        if photo.facts_at <= _moment(facts_at):
            continue
        newer += 1
        values = {k: v for k, v in to_columns(photo.facts).items() if k in fact_names}
        values["facts_at"] = _text_of(photo.facts_at)
        changes = ", ".join(f"{name} = ?" for name in values)
        connection.exec_driver_sql(
            f"UPDATE photos SET {changes} WHERE id = ?", (*values.values(), photo_id)
        )
        lists[photo_id] = photo.facts
    set_lists(connection, lists, fact_names)
    return newer


def _add_vectors(
    connection: Connection,
    photos: Sequence[PackedPhoto],
    ids: Mapping[bytes, int],
    encoder_keys: Mapping[str, int],
) -> int:
    rows = connection.exec_driver_sql(
        f"SELECT DISTINCT photo_id, encoder_key FROM vectors WHERE photo_id {IN_IDS}",
        (ids_parameter(ids.values()),),
    )
    have = {(photo_id, key) for photo_id, key in rows}
    embedded = set()
    added: list[tuple[Any, ...]] = []
    for photo in photos:
        photo_id = ids[photo.content_hash]
        for each in photo.vectors:
            key = encoder_keys[each.encoder_id]
            if (photo_id, key) in have:
                continue
            embedded.add(photo_id)
            times = each.times_s or (None,) * len(each.vectors)
            added += [
                (key, photo_id, part, vector, at_s)
                for part, (vector, at_s) in enumerate(zip(each.vectors, times, strict=True))
            ]
    if added:
        connection.exec_driver_sql(_ADD_VECTOR, added)
    return len(embedded)


def _set_texts(
    connection: Connection, photos: Sequence[PackedPhoto], ids: Mapping[bytes, int]
) -> int:
    rows = connection.exec_driver_sql(
        f"SELECT photo_id, read_at FROM text_readings WHERE photo_id {IN_IDS}",
        (ids_parameter(ids.values()),),
    )
    read_at = {photo_id: _moment(moment) for photo_id, moment in rows}
    readings, lines = [], []
    for photo in photos:
        photo_id, text = ids[photo.content_hash], photo.text
        if text is None or (photo_id in read_at and text.read_at <= read_at[photo_id]):
            continue
        readings.append((photo_id, text.state, text.reader, _text_of(text.read_at), text.message))
        lines += [
            (photo_id, place, line.text, line.x, line.y, line.width, line.height, line.confidence)
            for place, line in enumerate(text.lines)
        ]
    if readings:
        old = [(photo_id,) for photo_id, *_ in readings]
        connection.exec_driver_sql("DELETE FROM text_lines WHERE photo_id = ?", old)
        connection.exec_driver_sql(_READ_TEXT, readings)
    if lines:
        connection.exec_driver_sql(
            f"INSERT INTO text_lines VALUES ({', '.join('?' * len(lines[0]))})", lines
        )
    return len(readings)


def _link(connection: Connection, root_id: int, prefix: str, photo_id: int, stat: FileStat) -> bool:
    """Add a path; whether the library did not have it, or could not read its file."""
    name = os.fsencode(stat.path.removeprefix(prefix))
    values = (root_id, name, photo_id, stat.size_bytes, stat.mtime_ns, stat.inode)
    path_id = connection.exec_driver_sql(_LINK, values).scalar()
    if path_id is None:
        return False
    connection.exec_driver_sql("DELETE FROM failures WHERE path_id = ?", (path_id,))
    return True


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
