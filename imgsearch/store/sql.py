"""SQL expressions and SQL functions that several parts of the store share."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from imgsearch.records.photo import FACTS, Facts

# Local time as ISO text: from the metadata, else from the file (the oldest file of the photo).
DATE_TAKEN = (
    "coalesce(photos.taken_at, (SELECT strftime('%Y-%m-%dT%H:%M:%S', "
    "min(dated.mtime_ns) / 1000000000.0, 'unixepoch', 'localtime') "
    "FROM paths AS dated WHERE dated.photo_id = photos.id))"
)
DATED_BY = "CASE WHEN photos.taken_at IS NULL THEN 'file' ELSE photos.dated_by END"
IN_IDS = "IN (SELECT value FROM json_each(?))"  # SQLite limits the parameters of a statement


def ids_parameter(ids: Iterable[int]) -> str:
    """Ids as the one parameter that `IN_IDS` takes."""
    return json.dumps(list(ids))


def now() -> str:
    """The current second in UTC, as the database stores it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def prefix_of(folder: str) -> str:
    """What the paths inside `folder` begin with."""
    return folder if folder.endswith(os.sep) else folder + os.sep


def fold(text: str) -> str:
    """Text for comparison: without case, composed (macOS decomposes file names)."""
    return unicodedata.normalize("NFC", text.casefold())


def lies_in(root: bytes, name: bytes, folder: str) -> bool:
    """SQL function: whether a file is in a folder of this name, or below this absolute path."""
    return _folder_lies_in(root, name.rpartition(b"/")[0], folder)


@lru_cache(maxsize=4096)
def _folder_lies_in(root: bytes, inside: bytes, folder: str) -> bool:
    path = os.fsdecode(root + b"/" + inside).rstrip("/") + "/"
    if folder.startswith("/"):
        return path.startswith(folder.rstrip("/") + "/")
    return f"/{fold(folder)}/" in fold(path)


def is_called(name: bytes, text: str) -> bool:
    """SQL function: whether a file's name, without its folders, contains this folded text."""
    return text in fold(os.fsdecode(name.rpartition(b"/")[2]))


# ------------------------------------------------------------------------- facts of a photo

# The facts that are columns of the table `photos`; keywords have a table of their own.
FACT_COLUMNS = tuple(fact for fact in FACTS if fact.type is not tuple)


def to_columns(facts: Facts) -> dict[str, object]:
    """The facts as the columns of `photos` hold them: a date is ISO text."""
    values = {fact.name: getattr(facts, fact.name) for fact in FACT_COLUMNS}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def from_columns(values: Sequence[Any], keywords: tuple[str, ...]) -> Facts:
    """The facts of a row of `FACT_COLUMNS`, in their order."""
    row: dict[str, Any] = {"keywords": keywords}
    for fact, value in zip(FACT_COLUMNS, values, strict=True):
        if value is not None and fact.type is datetime:
            value = datetime.fromisoformat(value)
        row[fact.name] = bool(value) if fact.type is bool else value
    return Facts(**row)
