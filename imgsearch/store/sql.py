"""SQL expressions and SQL functions that several parts of the store share."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from imgsearch.paths import is_absolute, with_slashes
from imgsearch.records.photo import FACTS, Fact, Facts
from imgsearch.text import SCHEME, plain_text

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

# Local time as ISO text: from the metadata, else from the file (the oldest file of the photo).
# Whole seconds, rounded down also before 1970. SQLite would round to milliseconds, and so take the
# last half millisecond of a second for the next second, or the next day.
_SECOND_NS = 1_000_000_000
DATE_TAKEN = (
    "coalesce(photos.taken_at, (SELECT strftime('%Y-%m-%dT%H:%M:%S', min((dated.mtime_ns - "
    f"(dated.mtime_ns % {_SECOND_NS} + {_SECOND_NS}) % {_SECOND_NS}) / {_SECOND_NS}), "
    "'unixepoch', 'localtime') "
    "FROM paths AS dated WHERE dated.photo_id = photos.id))"
)
DATED_BY = "CASE WHEN photos.taken_at IS NULL THEN 'file' ELSE photos.dated_by END"
TIME_OF_DAY = "substr(photos.taken_at, 12, 8)"
# A time of midnight to the second is what programs write that know the day alone.
HAS_TIME = f"photos.date_precision IS NULL AND {TIME_OF_DAY} != '00:00:00'"
HAS_PATH = "EXISTS (SELECT 1 FROM paths WHERE photo_id = photos.id)"
IS_LIVE = "photos.gone_at IS NULL"  # the same by triggers, and faster where every row is read
_SURROGATE = re.compile("[\ud800-\udfff]")
# When the library got the facts of a photo: by reading its file, or from a pack or an archive.
# Facts that the library learned after that are unknown for the photo.
READ_AT = (
    "max(photos.facts_at, "
    "ifnull((SELECT taken_at FROM facts_taken WHERE photo_id = photos.id), ''))"
)
IN_IDS = "IN (SELECT value FROM json_each(?))"  # SQLite limits the parameters of a statement


def ids_of(rows: Iterable[Sequence[Any]]) -> Ids:
    """Return the ids in the first column of rows.

    They are taken from a cursor row by row: as tuples, those of ten million photos take a gigabyte.
    """
    import numpy as np

    return np.fromiter((row[0] for row in rows), np.int64)


def ids_from_text(text: str | None) -> Ids:
    """Return the ids that `group_concat` joined, sorted; it makes NULL of none.

    This takes a quarter of the time of reading them row by row.
    """
    import numpy as np

    return np.sort(np.fromstring(text or "", np.int64, sep=","))


def ids_parameter(ids: Iterable[int]) -> str:
    """Return ids as the one parameter that `IN_IDS` takes."""
    return msgspec.json.encode(list(ids)).decode()


def with_pragmas(connection: sqlite3.Connection, *pragmas: str) -> sqlite3.Connection:
    """Return a new connection with these pragmas, which is closed if one fails.

    Raises sqlite3.Error, for instance on a file that is no database.
    """
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def now() -> str:
    """Return the current second in UTC, as the database stores it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def prefix_of(folder: str) -> str:
    """Return the prefix of the paths inside `folder`."""
    return folder if folder.endswith(os.sep) else folder + os.sep


def text_parameter(text: str) -> str | bytes:
    """Return a text as a parameter: as bytes if SQLite cannot take it as text.

    Those are texts with halves of surrogate pairs, which stand for the bytes of file names that are
    not UTF-8.
    """
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-8", "surrogatepass")


def _text(parameter: str | bytes) -> str:
    if isinstance(parameter, str):
        return parameter
    return parameter.decode("utf-8", "surrogatepass")


def lies_in(root: bytes, name: bytes, folder: str | bytes) -> bool:
    """Return in SQL whether a file is in a folder of this name, or below a path or address.

    `folder` is as `text_parameter` gives it.
    """
    return _folder_lies_in(root, name.rpartition(b"/")[0], _text(folder))


@lru_cache(maxsize=4096)
def _folder_lies_in(root: bytes, inside: bytes, folder: str) -> bool:
    path = os.fsdecode(root.rstrip(b"/") + b"/" + inside).rstrip("/") + "/"
    folder = with_slashes(folder)
    if is_absolute(folder) or SCHEME.match(folder):
        return path.startswith(folder.rstrip("/") + "/")
    # The bucket of an object is the first folder of its address.
    return f"/{plain_text(folder)}/" in plain_text(SCHEME.sub("/", path))


def is_called(name: bytes, text: str | bytes) -> bool:
    """Return in SQL whether a file's name, without its folders, contains this plain text.

    `text` is as `text_parameter` gives it.
    """
    return _text(text) in plain_text(os.fsdecode(name.rpartition(b"/")[2]))


# ------------------------------------------------------------------------- facts of a photo

# The facts that are columns of the table `photos`.
FACT_COLUMNS = tuple(fact for fact in FACTS if fact.type is not tuple)
# The types of their columns.
SQL_TYPES = {
    str: "TEXT",
    int: "INTEGER",
    float: "FLOAT",
    bool: "BOOLEAN",
    datetime: "TEXT",  # ISO 8601
}
_FACT_NAMES = tuple(fact.name for fact in FACT_COLUMNS)
_FACT_VALUES = attrgetter(*_FACT_NAMES)
_DATES = tuple(fact.name for fact in FACT_COLUMNS if fact.type is datetime)
_CONVERTED = tuple(
    (place, fact.unknown, fact.load)
    for place, fact in enumerate(FACT_COLUMNS)
    if not fact.is_stored_as_is
)
_LISTS = tuple((place, fact.name) for place, fact in enumerate(FACTS) if fact.type is tuple)
# The others are lists of texts, each with two tables: `keywords` has the texts, and in
# `photo_keywords` this column says which of them a photo has.
LIST_FACTS = {"keywords": "keyword_id", "people": "person_id"}


def column_of(fact: Fact) -> str:
    """Return the column of a fact as SQL declares it.

    It is null, or 0 for no, where the fact is not known.
    """
    declared = f"{fact.name} {SQL_TYPES[fact.type]}"
    if fact.unknown is False:
        return f"{declared} NOT NULL DEFAULT 0"
    return f"{declared} NOT NULL" if fact.required else declared


def to_columns(facts: Facts) -> dict[str, object]:
    """Return the facts as the columns of `photos` hold them: a date is ISO text."""
    values = dict(zip(_FACT_NAMES, _FACT_VALUES(facts), strict=True))
    for name in _DATES:
        moment = values[name]
        values[name] = None if moment is None else moment.isoformat()
    return values


def list_query(fact: str) -> str:
    """Return the query for (photo id, text) of one of `LIST_FACTS`, for photos of `IN_IDS`."""
    return (
        f"SELECT photo_id, name FROM photo_{fact} JOIN {fact} ON {fact}.id = {LIST_FACTS[fact]} "
        f"WHERE photo_id {IN_IDS} ORDER BY photo_id, place"
    )


def from_columns(values: Sequence[Any], lists: Mapping[str, tuple[str, ...]]) -> Facts:
    """Return the facts of a row of `FACT_COLUMNS`, in order, and of `LIST_FACTS` by name."""
    row = list(values)
    for place, unknown, load in _CONVERTED:
        stored = row[place]
        row[place] = unknown if stored is None else load(stored)
    for place, name in _LISTS:  # first to last, so that each gets to its place
        row.insert(place, lists.get(name, ()))
    return Facts(*row)
