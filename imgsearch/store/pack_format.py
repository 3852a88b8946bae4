"""The format of packs: the tables of a library that travel to another one, and a few of its own.

The statements that create them are those of the migrations. So an older pack is brought to the
schema of today as an older library is, and the tables of a pack from anybody are compared with the
expected ones text by text, before anything is read from them.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from imgsearch.store import migrations
from imgsearch.store.feature_rows import FEATURE_ROWS
from imgsearch.store.sql import FACT_COLUMNS, LIST_FACTS, column_of

PHOTOS_AT_ONCE = 2000  # in one batch, which is merged in one transaction
APPLICATION_ID = 0x696D6770  # "imgp"
MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
# A version of the schema is the number of its migrations. Packs were first made in this one:
FIRST_VERSION = 1
# Here their tables were changed last, so that an older imgsearch cannot read them. A fact that is
# added is no such change: it is a column that an older one ignores.
VERSION = FIRST_VERSION

# A pack that carries faces has more tables, which were changed last here.
FACES_VERSION = list(migrations.MIGRATIONS).index("changes of people") + 1

# The tables of a library with rows of single photos, in the order in which checksums include them.
PHOTO_TABLES = (
    *("photos", "paths"),
    *(table for fact in LIST_FACTS for table in (fact, f"photo_{fact}")),
    *("vectors", "text_readings", "text_lines"),
)
# Those with rows of the whole pack. Of `roots` there is one row: the folder that was packed.
COMMON_TABLES = ("roots", "encoders", "saved_searches", "concepts", "concept_examples")
# `named_photos` has the photos that the lines of saved searches name by their id. `batches` are
# runs of photos, by id, with a checksum of their rows.
_OWN_TABLES = (
    """CREATE TABLE pack (
    made_by TEXT NOT NULL,
    made_at TEXT NOT NULL,
    photos INTEGER NOT NULL,
    files INTEGER NOT NULL,
    sha256 TEXT NOT NULL
)""",
    """CREATE TABLE named_photos (
    photo_id INTEGER NOT NULL PRIMARY KEY,
    content_hash BLOB NOT NULL
)""",
    """CREATE TABLE thumbnails (
    photo_id INTEGER NOT NULL PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
    crc32 INTEGER NOT NULL,
    image BLOB NOT NULL
)""",
    """CREATE TABLE batches (
    last_photo_id INTEGER NOT NULL PRIMARY KEY,
    photos INTEGER NOT NULL,
    sha256 TEXT NOT NULL
)""",
)
# Those of a pack that carries faces: with rows of single photos, and of the whole pack.
FACE_TABLES = ("face_readings", "faces", "face_decisions")
PERSON_TABLES = ("persons",)
# The columns of `photos` of a pack that carries marks, and of one that carries faces: the person
# that the owner of the library is, in photos of that person. An older imgsearch takes them for
# facts that it does not know, and ignores them.
MARK_COLUMNS = {
    "mark_favourite": "BOOLEAN NOT NULL DEFAULT 0",
    "mark_hidden": "BOOLEAN NOT NULL DEFAULT 0",
    "mark_rating": "INTEGER",
}
ME_COLUMN = {"mark_me": "INTEGER"}
# The column of a pack with photos that were not read for all facts that the pack knows: a JSON
# array of the names of those facts. An older imgsearch ignores it, as above.
UNREAD_COLUMN = {"mark_unread": "TEXT"}
_INDEX = "paths_by_photo"
_FACE_INDEXES = ("faces_by_photo", "face_decisions_by_content")
# An SQL expression for a moment of a library, in the form that packs have.
UTC_TEXT = "strftime('%Y-%m-%dT%H:%M:%S+00:00', {})"
_FACT_COLUMN = re.compile(
    r"([a-z][a-z0-9_]{0,63}) (TEXT|INTEGER|FLOAT|BOOLEAN)( NOT NULL DEFAULT 0)?"
)
# The rows of one batch by table. All columns, so that a checksum includes those of later versions.
_OF_BATCH = "photo_id > :after AND photo_id <= :last"
_BATCH_ROWS: Mapping[str, str] = {
    "photos": "SELECT * FROM photos WHERE id > :after AND id <= :last ORDER BY id",
    "paths": f"SELECT * FROM paths WHERE {_OF_BATCH} ORDER BY photo_id, id",
    **{
        table: query
        for fact, id_column in LIST_FACTS.items()
        for table, query in (
            (
                fact,
                f"SELECT * FROM {fact} WHERE id IN "
                f"(SELECT {id_column} FROM photo_{fact} WHERE {_OF_BATCH}) ORDER BY id",
            ),
            (
                f"photo_{fact}",
                f"SELECT * FROM photo_{fact} WHERE {_OF_BATCH} ORDER BY photo_id, place",
            ),
        )
    },
    "vectors": f"SELECT * FROM vectors WHERE {_OF_BATCH} ORDER BY photo_id, encoder_key, part",
    "text_readings": f"SELECT * FROM text_readings WHERE {_OF_BATCH} ORDER BY photo_id",
    "text_lines": f"SELECT * FROM text_lines WHERE {_OF_BATCH} ORDER BY photo_id, place",
}
_BATCH_FACES: Mapping[str, str] = {
    "face_readings": f"SELECT * FROM face_readings WHERE {_OF_BATCH} ORDER BY photo_id",
    "faces": f"SELECT * FROM faces WHERE {_OF_BATCH} ORDER BY photo_id, id",
    "face_decisions": "SELECT * FROM face_decisions WHERE content_hash IN (SELECT content_hash "
    "FROM photos WHERE id > :after AND id <= :last) ORDER BY id",
}
BATCH_THUMBNAILS = f"SELECT photo_id, crc32 FROM thumbnails WHERE {_OF_BATCH} ORDER BY photo_id"
# The rows of the whole pack, in the order in which its checksum includes them.
_COMMON_ROWS: Mapping[str, str] = {
    "pack": "SELECT made_by, made_at, photos, files FROM pack",
    **{table: f"SELECT * FROM {table} ORDER BY 1, 2" for table in COMMON_TABLES},
    "named_photos": "SELECT * FROM named_photos ORDER BY photo_id",
    "batches": "SELECT * FROM batches ORDER BY last_photo_id",
}


class Extras(Struct, frozen=True):
    """What only some packs have: the tables of faces and of features, and some columns."""

    faces: bool = False
    marks: bool = False
    unread: bool = False  # facts that photos were not read for
    features: tuple[str, ...] = ()  # their names

    @property
    def feature_tables(self) -> tuple[str, ...]:
        """The tables of the features."""
        return tuple(table for name in self.features for table in FEATURE_ROWS[name].in_packs)


NO_EXTRAS = Extras()


def batch_rows(has_faces: bool) -> Mapping[str, str]:
    """Return the queries for the rows of one batch, by table, in the order of the checksum."""
    return {**_BATCH_ROWS, **(_BATCH_FACES if has_faces else {})}


def common_rows(extras: Extras) -> Mapping[str, str]:
    """Return the queries for the rows of the whole pack, by table, in the order of the checksum."""
    persons = {table: f"SELECT * FROM {table} ORDER BY id" for table in PERSON_TABLES}
    of_features = {table: f"SELECT * FROM {table} ORDER BY 1, 2" for table in extras.feature_tables}
    return {
        **_COMMON_ROWS,
        **(persons if extras.faces else {}),
        **of_features,
    }


def version_of(extras: Extras) -> int:
    """Return the version of the schema of the packs that are made now."""
    steps = list(migrations.MIGRATIONS)
    return max(
        VERSION,
        FACES_VERSION if extras.faces else 0,
        *(steps.index(since) + 1 for since in map(_packed_since, extras.features) if since),
    )


def _packed_since(feature: str) -> str:
    return FEATURE_ROWS[feature].packed_since


def create(connection: sqlite3.Connection, extras: Extras = NO_EXTRAS) -> None:
    """Create the tables of a pack in an empty database, in the schema of this version."""
    version = version_of(extras)
    for statement in (*_statements(version, extras), *_OWN_TABLES):
        connection.execute(statement)
    migrations.add_facts(connection)
    columns = {
        **(MARK_COLUMNS if extras.marks else {}),
        **(ME_COLUMN if extras.faces else {}),
        **(UNREAD_COLUMN if extras.unread else {}),
    }
    for name, declared in columns.items():
        connection.execute(f"ALTER TABLE photos ADD COLUMN {name} {declared}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")


def check_schema(connection: sqlite3.Connection, version: int) -> tuple[tuple[str, ...], Extras]:
    """Compare the tables of a pack with those that a schema version has.

    Returns the columns of facts, as SQL declares them, that its `photos` has beyond that version,
    and the tables that only some packs have. Raises ValueError for a difference.
    """
    known = {name: rows.in_packs[0] for name, rows in FEATURE_ROWS.items() if rows.in_packs}
    names = {
        name
        for name in ("faces", *known.values())
        if connection.execute(f"PRAGMA table_info({name})").fetchone() is not None
    }
    features = tuple(name for name, table in known.items() if table in names)
    extras = Extras(faces="faces" in names, features=features)
    expected = _expected(version, extras)
    found = {
        (kind, name, table): sql
        for kind, name, table, sql in connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT ?", (len(expected) + 1,)
        )
    }
    photos = ("table", "photos", "photos")
    if found.keys() != expected.keys():
        raise ValueError("its tables are not those of a pack")
    for key, sql in expected.items():
        if key != photos and found[key] != sql:
            raise ValueError(f"its table {key[2]} is not that of a pack")
    columns = _later_facts(str(expected[photos]), str(found[photos]))
    names = {column.partition(" ")[0] for column in columns}
    return columns, replace(
        extras, marks=MARK_COLUMNS.keys() <= names, unread=UNREAD_COLUMN.keys() <= names
    )


def _later_facts(expected: str, found: str) -> tuple[str, ...]:
    """Return the columns that a table has after the expected ones: facts, and those above."""
    start = expected.removesuffix(")")
    columns = tuple(found[len(start) : -1].split(", ")[1:])
    declared = {fact.name: column_of(fact) for fact in FACT_COLUMNS} | {
        name: f"{name} {declared}"
        for name, declared in (MARK_COLUMNS | ME_COLUMN | UNREAD_COLUMN).items()
    }
    are_facts = all(
        (fact := _FACT_COLUMN.fullmatch(column)) and declared.get(fact[1], column) == column
        for column in columns
    )
    if not are_facts or found != start + "".join(f", {column}" for column in columns) + ")":
        raise ValueError("its table photos is not that of a pack")
    return columns


def create_batch(
    connection: sqlite3.Connection, version: int, facts: tuple[str, ...], extras: Extras
) -> None:
    """Create the tables of a library of that version in an empty database, with these facts.

    One of the newest version has only the tables that packs have, and none of their triggers.
    """
    if version == version_of(extras):
        for statement in _statements(version, extras):
            connection.execute(statement)
    else:
        migrations.apply_first(connection, version)
    for column in facts:
        connection.execute(f"ALTER TABLE photos ADD COLUMN {column}")


@cache
def _statements(version: int, extras: Extras) -> tuple[str, ...]:
    """Return the statements that create the tables of a library that packs have."""
    with closing(in_memory()) as connection:
        migrations.apply_first(connection, version)
        rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY rowid")
        wanted = {*PHOTO_TABLES, *COMMON_TABLES, _INDEX}
        if extras.faces:
            wanted |= {*FACE_TABLES, *PERSON_TABLES, *_FACE_INDEXES}
        wanted |= {*extras.feature_tables}
        return tuple(sql for name, sql in rows if name in wanted)


@cache
def _expected(version: int, extras: Extras) -> Mapping[tuple[str, str, str], str | None]:
    """Return the schema of a pack: the statement of each entry, by kind, name and table."""
    with closing(in_memory()) as connection:
        for statement in (*_statements(version, extras), *_OWN_TABLES):
            connection.execute(statement)
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
        return {(kind, name, table): sql for kind, name, table, sql in rows}


def in_memory() -> sqlite3.Connection:
    """Return a connection to a new database in memory, in autocommit mode."""
    return sqlite3.connect(":memory:", isolation_level=None)


class Digest:
    """The sha256 of rows, each as a MessagePack array, after the name of their table."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._encode = msgspec.msgpack.Encoder().encode

    def rows(self, table: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Yield the same rows, included in the checksum as they are taken."""
        self._hash.update(table.encode())
        for row in rows:
            self._hash.update(self._encode(row))
            yield row

    def add(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Include rows."""
        self._hash.update(table.encode())
        for row in rows:
            self._hash.update(self._encode(row))

    def text(self) -> str:
        """Return the checksum, hexadecimal."""
        return self._hash.hexdigest()


def common_checksum(connection: sqlite3.Connection, extras: Extras = NO_EXTRAS) -> str:
    """Return the checksum of everything but the rows of photos, which the batches have."""
    digest = Digest()
    for table, query in common_rows(extras).items():
        digest.add(table, connection.execute(query))
    return digest.text()


def is_pack(path: Path) -> bool:
    """Return whether a file begins as a pack does."""
    try:
        with path.open("rb") as file:
            return application_of(file.read(HEADER_BYTES)) == APPLICATION_ID
    except OSError:
        return False


def application_of(header: bytes) -> int | None:
    """Return the application id that the header of an SQLite database states.

    None for another file.
    """
    is_whole = len(header) == HEADER_BYTES and header.startswith(MAGIC)
    return int.from_bytes(header[68:72], "big") if is_whole else None


def moment_text(moment: datetime) -> str:
    """Return a moment as the database has it: UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")
