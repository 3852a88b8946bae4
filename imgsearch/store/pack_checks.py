"""Checks of the values in a pack from anybody: they are such that a library could have them.

All raise ValueError with the problem.
"""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import PurePosixPath

from imgsearch.paths import leads_out
from imgsearch.records.marks import MAX_STARS
from imgsearch.records.pack import PackedFile, PackInfo
from imgsearch.records.photo import FACTS, MOST_LIST_TEXTS
from imgsearch.records.picture_text import MOST_LINES
from imgsearch.store.pack_format import FACE_TABLES, PHOTO_TABLES, Extras, moment_text
from imgsearch.store.reading.vectors import MOST_PARTS
from imgsearch.store.sql import LIST_FACTS

_MAX_THUMBNAIL_BYTES = 1_000_000
_MAX_DIM = 65_536
_NUMBERS_AT_ONCE = 1_000_000  # of vectors
_MAX_LENGTH_ERROR = 0.01  # of a vector; rounding to fp16 makes at most 2^-11
_HASH_BYTES = 32  # of a photo's content
_TYPES = {  # of values, by those of columns
    "INTEGER": "integer",
    "BOOLEAN": "integer",
    "FLOAT": "real",
    "TEXT": "text",
    "JSON": "text",
    "BLOB": "blob",
}
_LARGEST_FLOAT = 1.7976931348623157e308
_FACE_VECTOR_BYTES = 2 * 128  # all faces of a library are compared with each other
# A face may reach beyond the edge of its picture.
_IS_BOX = "abs(x) < 10 AND abs(y) < 10 AND width > 0 AND width < 10 AND height > 0 AND height < 10"

# The most rows of one photo. Some of what a library makes of them, such as the reading order of
# lines, takes time by the square of their number. A library of its own has no more than these.
_MOST_ROWS = {
    **{f"photo_{fact}": MOST_LIST_TEXTS for fact in LIST_FACTS},
    "vectors": MOST_PARTS,
    "text_lines": MOST_LINES,
}
_MOST_FACE_ROWS = {"faces": 3000, "face_decisions": 3000}  # 12 frames of a video, 200 faces in each
_PHOTO_COLUMNS = {"vectors": "photo_id, encoder_key", "face_decisions": "content_hash"}

# Rows of a batch that no library has, and what is wrong with them.
_IMPOSSIBLE = (
    (
        "SELECT 1 FROM photos WHERE length(content_hash) != 32 OR size_bytes < 0",
        "a photo has no content",
    ),
    ("SELECT 1 FROM photos WHERE width_px < 1 OR height_px < 1", "a photo has no size"),
    (
        "SELECT 1 FROM photos WHERE (lat IS NULL) != (lon IS NULL) "
        "OR abs(lat) > 90 OR abs(lon) > 180",
        "a place is not on the Earth",
    ),
    ("SELECT 1 FROM paths WHERE photo_id IS NULL OR size_bytes < 0", "a file has no size"),
    ("PRAGMA foreign_key_check", "a row refers to one that does not exist"),
    (
        "SELECT 1 FROM vectors JOIN encoders ON key = encoder_key WHERE length(vector) != 2 * dim",
        "a vector has a wrong size",
    ),
    (
        "SELECT 1 FROM vectors GROUP BY photo_id, encoder_key HAVING min(part) != 0 "
        "OR max(part) != count(*) - 1 OR count(at_s) NOT IN (0, count(*))",
        "the parts of a photo are not in order",
    ),
    (
        "SELECT 1 FROM text_readings WHERE state NOT IN ('read', 'none', 'failed')",
        "a text has an unknown state",
    ),
)


_IMPOSSIBLE_MARKS = (
    (
        f"SELECT 1 FROM photos WHERE mark_rating NOT BETWEEN 0 AND {MAX_STARS}",
        f"a photo has more than {MAX_STARS} stars, or fewer than 0",
    ),
)
_IMPOSSIBLE_FACES = (
    (
        "SELECT 1 FROM face_readings WHERE state NOT IN ('found', 'none') OR people < 0",
        "a look for faces has an unknown state",
    ),
    (
        f"SELECT 1 FROM faces WHERE length(vector) != {_FACE_VECTOR_BYTES}",
        "the vector of a face has a wrong size",
    ),
    (
        f"SELECT 1 FROM faces WHERE NOT ({_IS_BOX} AND score BETWEEN 0 AND 1 AND size_px > 0)",
        "a face is in no picture",
    ),
    (f"SELECT 1 FROM face_decisions WHERE NOT ({_IS_BOX})", "a face is in no picture"),
)


# `json_valid` comes first: other functions end with an error of their own.
_IMPOSSIBLE_UNREAD = (
    (
        "SELECT 1 FROM photos WHERE CASE WHEN mark_unread IS NULL THEN 0 "
        "WHEN NOT json_valid(mark_unread) THEN 1 ELSE json_type(mark_unread) != 'array' END",
        "the facts that a photo was not read for are no list",
    ),
)


def check_batch(batch: sqlite3.Connection, extras: Extras) -> None:
    """Check the photos of a batch, but for their paths, and write their dates as a library does."""
    has_faces = extras.faces
    for table in (*PHOTO_TABLES, *(FACE_TABLES if has_faces else ())):
        check_types(batch, table)
    for table, most in {**_MOST_ROWS, **(_MOST_FACE_ROWS if has_faces else {})}.items():
        columns = _PHOTO_COLUMNS.get(table, "photo_id")
        query = f"SELECT 1 FROM {table} GROUP BY {columns} HAVING count(*) > ? LIMIT 1"
        if batch.execute(query, (most,)).fetchone() is not None:
            raise ValueError(f"a photo has more than {most:,} rows of {table}")
    for query, problem in (
        *_IMPOSSIBLE,
        *(_IMPOSSIBLE_MARKS if extras.marks else ()),
        *(_IMPOSSIBLE_UNREAD if extras.unread else ()),
        *(_IMPOSSIBLE_FACES if has_faces else ()),
    ):
        if batch.execute(query).fetchone() is not None:
            raise ValueError(problem)
    _check_vectors(batch)
    if has_faces:
        _check_lengths(batch.execute("SELECT vector FROM faces"), _FACE_VECTOR_BYTES // 2)
    _write_moments(batch, has_faces)


def check_types(connection: sqlite3.Connection, table: str) -> None:
    """Check that each value of a table has the type of its column."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    for _, name, declared, is_not_null, *_ in columns:
        column = f'"{name}"'
        is_right = f"typeof({column}) = '{_TYPES[declared]}'"
        if declared == "FLOAT":
            is_right += f" AND abs({column}) <= {_LARGEST_FLOAT!r}"
        elif declared == "BOOLEAN":
            is_right += f" AND {column} IN (0, 1)"
        if not is_not_null:
            is_right += f" OR {column} IS NULL"
        query = f"SELECT 1 FROM {table} WHERE NOT ({is_right}) LIMIT 1"
        if connection.execute(query).fetchone() is not None:
            raise ValueError(
                f"{table}.{name} has a value of another type, or one that is no number"
            )


def check_info(info: PackInfo) -> None:
    """Check what a pack states about itself."""
    ids = [encoder.encoder_id for encoder in info.encoders]
    if len(set(ids)) < len(ids) or sum(encoder.is_current for encoder in info.encoders) > 1:
        raise ValueError("an encoder occurs twice")
    if not all(1 <= encoder.dim <= _MAX_DIM for encoder in info.encoders):
        raise ValueError("an encoder has an impossible number of dimensions")
    texts = (info.folder, info.volume or "", info.volume_path or "")
    if "/" in info.folder or info.folder == ".." or any("\0" in text for text in texts):
        raise ValueError("its folder has no name")


def hash_text(content_hash: bytes) -> str:
    """Return a content hash, checked, in hexadecimal."""
    if len(content_hash) != _HASH_BYTES:
        raise ValueError("a photo has no content")
    return content_hash.hex()


def file_of(name: bytes, size_bytes: int, mtime_ns: int) -> PackedFile:
    """Return a file of the table `paths`, with its path checked."""
    path = os.fsdecode(name)
    parts = PurePosixPath(path).parts
    # A path that leads out of the folder would show files that are no photos.
    if leads_out(path):
        raise ValueError("a path leads out of its folder")
    return PackedFile("/".join(parts), size_bytes, mtime_ns)


def _check_vectors(batch: sqlite3.Connection) -> None:
    """Check that each vector of a batch has a length of 1. Its number of bytes is right."""
    for key, dim in batch.execute('SELECT "key", dim FROM encoders').fetchall():
        query = "SELECT vector FROM vectors WHERE encoder_key = ?"
        _check_lengths(batch.execute(query, (key,)), dim)


def _check_lengths(cursor: sqlite3.Cursor, dim: int) -> None:
    import numpy as np

    while some := cursor.fetchmany(max(1, _NUMBERS_AT_ONCE // dim)):
        halves = np.frombuffer(b"".join(vector for (vector,) in some), "<f2")
        lengths = np.linalg.norm(halves.astype(np.float32).reshape(-1, dim), axis=1)
        if not (np.abs(lengths - 1) < _MAX_LENGTH_ERROR).all():
            raise ValueError("a vector is not of length 1")


def _write_moments(batch: sqlite3.Connection, has_faces: bool) -> None:
    """Check all dates of a batch, and write those anew that have another form."""
    columns = [("photos", "id", fact.name, _local_text) for fact in FACTS if fact.type is datetime]
    columns.append(("photos", "id", "facts_at", _utc_text))
    columns.append(("text_readings", "photo_id", "read_at", _utc_text))
    if has_faces:
        columns.append(("face_readings", "photo_id", "read_at", _utc_text))
        columns.append(("face_decisions", "id", "decided_at", _utc_text))
    for table, key, column, text_of in columns:
        rows = batch.execute(f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL")
        texts = ((text_of(text), row_id, text) for row_id, text in rows.fetchall())
        batch.executemany(
            f"UPDATE {table} SET {column} = ? WHERE {key} = ?",
            [(right, row_id) for right, row_id, text in texts if right != text],
        )


def _local_text(text: str) -> str:
    return datetime.fromisoformat(text).isoformat()


def _utc_text(text: str) -> str:
    return moment_text(moment_of(text))


def moment_of(text: str) -> datetime:
    """Return a moment of a pack, in UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time has no time zone")
    return moment.astimezone(UTC)


def is_webp(content: bytes) -> bool:
    """Return whether a thumbnail begins as WebP does, and is not too large for one."""
    is_riff = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return is_riff and len(content) <= _MAX_THUMBNAIL_BYTES
