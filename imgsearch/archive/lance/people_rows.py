"""The rows of the tables of an archive with faces and persons, and what photos show of them.

Their contents are the rows of the same tables of a library, column by column, so that both are
described in one place: the migrations of `imgsearch.store`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Struct

from imgsearch.archive.lance.rows import words_text
from imgsearch.archive.lance.tables import (
    FACE_COUNT,
    FACE_NAMES,
    OTHER_FACES,
    PEOPLE_WORDS,
    loaded,
    stored,
)
from imgsearch.records.faces import PhotoFaces
from imgsearch.records.photo import Facts
from imgsearch.store.faces import FACE_COLUMNS, columns_of, most_at_once

_ID_BITS = 53  # of a face: JSON has no larger numbers that every program reads exactly

_encode = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(dict[str, Any]).decode
_decode_faces = msgspec.msgpack.Decoder(list[dict[str, Any]]).decode


# ------------------------------------------------------------------------- faces

READING_COLUMNS = ("hash", "faces", "state", "model", "read_at", "people", "message")


def reading_rows(readings: Mapping[bytes, PhotoFaces], schema: pa.Schema) -> pa.Table:
    """Return the rows of the table of faces, by content."""
    rows = [
        {
            "hash": content_hash.hex(),
            "faces": _encode(
                [dict(zip(FACE_COLUMNS, columns_of(face), strict=True)) for face in reading.faces]
            ),
            "state": reading.state,
            "model": reading.model,
            "read_at": reading.read_at.isoformat(timespec="microseconds"),
            "people": most_at_once(reading.faces),
            "message": None if reading.message is None else stored(reading.message),
        }
        for content_hash, reading in readings.items()
    ]
    return pa.Table.from_pylist(rows, schema)


def faces_in(row: Mapping[str, Any]) -> dict[int, tuple[Any, ...]]:
    """Return the faces of a row of the table of faces: the values of `FACE_COLUMNS` by id.

    The id of a face follows from its photo, the reading and its place among the faces, so it is the
    same wherever the row is read, and none is given again.
    """
    faces = _decode_faces(row["faces"]) if row["faces"] else []
    return {
        _face_id(row["hash"], reading_name(row), place): tuple(face.get(c) for c in FACE_COLUMNS)
        for place, face in enumerate(faces)
    }


def _face_id(content_hash: str, reading: str, place: int) -> int:
    digest = hashlib.blake2b(f"{content_hash}\n{reading}\n{place}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> (64 - _ID_BITS)) or 1


def reading_name(row: Mapping[str, Any]) -> str:
    """Return the name that tells a reading of a photo from its others."""
    return f"{row['read_at']} {row['model']}"


# ------------------------------------------------------------------------- persons


def people_rows(
    rows: Mapping[str, Mapping[str, Any] | None], revision: int, schema: pa.Schema
) -> pa.Table:
    """Return the rows of the table of people, by their keys; None for a row that was deleted."""
    columns = {
        "row": list(rows),
        "content": [None if each is None else _encode(each) for each in rows.values()],
        "revision": [revision] * len(rows),
    }
    return pa.table(columns, schema=schema)


def people_row(content: bytes) -> dict[str, Any]:
    """Return the columns in a row of the table of people."""
    return _decode_row(content)


# ------------------------------------------------------------------------- photos


class ShownPeople(Struct, frozen=True):
    """What faces and decisions say of one photo: see the columns of `photo_people`."""

    names: tuple[str, ...] = ()
    faces: int | None = None
    others: int | None = None
    reading: str | None = None


SHOWN_COLUMNS = ("hash", "names", "faces", "others", "reading")


def shown_in(rows: Sequence[Mapping[str, Any]]) -> dict[str, ShownPeople]:
    """Return the rows of the table `photo_people`, by content in hexadecimal."""
    return {
        row["hash"]: ShownPeople(
            tuple(map(loaded, row["names"] or ())), row["faces"], row["others"], row["reading"]
        )
        for row in rows
    }


def people_columns(facts: Facts, shown: ShownPeople | None) -> dict[str, Any]:
    """Return the columns of a photo that follow from its faces and the people in its facts."""
    names: Iterable[str] = () if shown is None else shown.names
    return {
        FACE_NAMES: [stored(name) for name in names] or None,
        FACE_COUNT: None if shown is None else shown.faces,
        OTHER_FACES: None if shown is None else shown.others,
        PEOPLE_WORDS: words_text([*facts.people, *names]),
    }
