"""The tables of a pack: those of a library that travel to another one, and a few of its own.

The statements that create them are those of the migrations. So an older pack is brought to the
schema of today as an older library is, and the tables of a pack from anybody are compared with the
expected ones text by text, before anything is read from them.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import cache

from imgsearch.store import migrations
from imgsearch.store.sql import FACT_COLUMNS, LIST_FACTS, column_of

APPLICATION_ID = 0x696D6770  # "imgp"
# A version of the schema is the number of its migrations. Packs were first made in this one:
FIRST_VERSION = migrations.NAMES.index("concepts") + 1
# Here their tables were changed last, so that an older imgsearch cannot read them. A fact that is
# added is no such change: it is a column that an older one ignores.
VERSION = FIRST_VERSION

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
_INDEX = "paths_by_photo"
_FACT_COLUMN = re.compile(
    r"([a-z][a-z0-9_]{0,63}) (TEXT|INTEGER|FLOAT|BOOLEAN)( NOT NULL DEFAULT 0)?"
)
_TYPES = {  # of values, by those of columns
    "INTEGER": "integer",
    "BOOLEAN": "integer",
    "FLOAT": "real",
    "TEXT": "text",
    "JSON": "text",
    "BLOB": "blob",
}
_LARGEST_FLOAT = 1.7976931348623157e308

# The rows of one batch by table. All columns, so that a checksum includes those of later versions.
_OF_BATCH = "photo_id > :after AND photo_id <= :last"
BATCH_ROWS: Mapping[str, str] = {
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
BATCH_THUMBNAILS = f"SELECT photo_id, crc32 FROM thumbnails WHERE {_OF_BATCH} ORDER BY photo_id"
# The rows of the whole pack, in the order in which its checksum includes them.
COMMON_ROWS: Mapping[str, str] = {
    "pack": "SELECT made_by, made_at, photos, files FROM pack",
    **{table: f"SELECT * FROM {table} ORDER BY 1, 2" for table in COMMON_TABLES},
    "named_photos": "SELECT * FROM named_photos ORDER BY photo_id",
    "batches": "SELECT * FROM batches ORDER BY last_photo_id",
}

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


def create(connection: sqlite3.Connection) -> None:
    """Create the tables of a pack in an empty database, in the schema of this version."""
    for statement in (*_statements(VERSION), *_OWN_TABLES):
        connection.execute(statement)
    migrations.add_facts(connection)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def check_schema(connection: sqlite3.Connection, version: int) -> tuple[str, ...]:
    """Compare the tables of a pack with those that a schema version has.

    Returns the columns of facts, as SQL declares them, that its `photos` has beyond that version.
    Raises ValueError for a difference.
    """
    expected = _expected(version)
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
    return _later_facts(str(expected[photos]), str(found[photos]))


def _later_facts(expected: str, found: str) -> tuple[str, ...]:
    """The columns that a table has after the expected ones: facts, and nothing else."""
    start, end = expected[:-1], found[len(expected) - 1 :]
    if not found.startswith(start) or not end.endswith(")"):
        raise ValueError("its table photos is not that of a pack")
    columns = tuple(end[:-1].split(", ")[1:])
    if end != "".join(f", {column}" for column in columns) + ")":
        raise ValueError("its table photos is not that of a pack")
    declared = {fact.name: column_of(fact) for fact in FACT_COLUMNS}
    for column in columns:
        fact = _FACT_COLUMN.fullmatch(column)
        if fact is None or declared.get(fact[1], column) != column:
            raise ValueError("its table photos is not that of a pack")
    return columns


def create_batch(connection: sqlite3.Connection, version: int, facts: tuple[str, ...]) -> None:
    """Create the tables of a library of that version in an empty database, with these facts.

    One of the newest version has only the tables that packs have, and none of their triggers.
    """
    if version == VERSION:
        for statement in _statements(VERSION):
            connection.execute(statement)
    else:
        migrations.apply_first(connection, version)
    for column in facts:
        connection.execute(f"ALTER TABLE photos ADD COLUMN {column}")


def check_rows(connection: sqlite3.Connection) -> None:
    """Check the rows of a batch, as SQL can. Raises ValueError for what no library has."""
    for table in PHOTO_TABLES:
        check_types(connection, table)
    for query, problem in _IMPOSSIBLE:
        if connection.execute(query).fetchone() is not None:
            raise ValueError(problem)


def check_types(connection: sqlite3.Connection, table: str) -> None:
    """Check that each value of a table has the type of its column. Raises ValueError."""
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


@cache
def _statements(version: int) -> tuple[str, ...]:
    """The statements that create the tables of a library that packs have."""
    with closing(_in_memory()) as connection:
        migrations.apply_first(connection, version)
        rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY rowid")
        wanted = {*PHOTO_TABLES, *COMMON_TABLES, _INDEX}
        return tuple(sql for name, sql in rows if name in wanted)


@cache
def _expected(version: int) -> Mapping[tuple[str, str, str], str | None]:
    with closing(_in_memory()) as connection:
        for statement in (*_statements(version), *_OWN_TABLES):
            connection.execute(statement)
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
        return {(kind, name, table): sql for kind, name, table, sql in rows}


def _in_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)
