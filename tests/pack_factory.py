"""Makes packs, honest ones and others."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from imgsearch.records.pack import PackedFile, PackedPhoto, PackedVectors, PackEncoder, PackInfo
from imgsearch.records.photo import Facts
from imgsearch.store import pack_format
from imgsearch.store.pack_writer import writing_pack
from tests.factories import random_vectors

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
WEBP = b"RIFF\x04\x00\x00\x00WEBP"
DIM = 8
ENCODER = PackEncoder("made@1", "made", DIM, is_current=True)
INFO = PackInfo("imgsearch test", NOW, "photos", None, None, (ENCODER,))


def photo_of(number: int, **changes: Any) -> PackedPhoto:
    vector = random_vectors(1, DIM, number)[0].astype("<f2").tobytes()
    photo = PackedPhoto(
        content_hash=b"%032d" % number,
        size_bytes=1,
        facts=Facts("JPEG", 8, 8),
        facts_at=NOW,
        files=(PackedFile(f"{number}.jpg", 1, 1),),
        vectors=(PackedVectors(ENCODER.encoder_id, (vector,)),),
        thumbnail=WEBP,
    )
    return replace(photo, **changes)


def write_pack(path: Path, *photos: PackedPhoto, info: PackInfo = INFO, at_once: int = 100) -> Path:
    """Write a pack with this many photos in each of its batches."""
    with writing_pack(path, info) as writer:
        for start in range(0, len(photos), at_once):
            writer.add(photos[start : start + at_once])
    return path


def change(pack: Path, *statements: str) -> Path:
    """Change a pack as somebody might who knows how its checksums are computed."""
    with closing(sqlite3.connect(pack, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            connection.execute(statement)
    with closing(sqlite3.connect(pack, isolation_level=None)) as connection:
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        connection.execute("BEGIN")
        seal(connection)
        connection.execute("COMMIT")
    return pack


def seal(connection: sqlite3.Connection) -> None:
    """Compute the checksums of a pack anew, as docs/pack-format.md describes them."""
    after = -(1 << 63)
    has_faces, has_albums = (
        bool(connection.execute(f"PRAGMA table_info({each})").fetchall())
        for each in ("faces", "albums")
    )
    extras = pack_format.Extras(faces=has_faces, features=("albums",) if has_albums else ())
    for (last,) in connection.execute("SELECT last_photo_id FROM batches ORDER BY 1").fetchall():
        ids = {"after": after, "last": last}
        queries = {
            **pack_format.batch_rows(extras.faces),
            "thumbnails": pack_format.BATCH_THUMBNAILS,
        }
        sha256 = checksum_of(
            {table: connection.execute(query, ids).fetchall() for table, query in queries.items()}
        )
        connection.execute("UPDATE batches SET sha256 = ? WHERE last_photo_id = ?", (sha256, last))
        after = last
    sha256 = checksum_of(
        {
            table: connection.execute(query).fetchall()
            for table, query in pack_format.common_rows(extras).items()
        }
    )
    connection.execute("UPDATE pack SET sha256 = ?", (sha256,))


def checksum_of(tables: dict[str, list[tuple[Any, ...]]]) -> str:
    """The sha256 of the rows of these tables."""
    digest = hashlib.sha256()
    for table, rows in tables.items():
        digest.update(table.encode())
        for row in rows:
            digest.update(msgspec.msgpack.encode(row))
    return digest.hexdigest()
