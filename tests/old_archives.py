"""Rows that imgsearch 0.1.0 has written to archives and later versions only read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from imgsearch.archive.lance.people_rows import ShownPeople
from imgsearch.archive.lance.rows import mark_columns
from imgsearch.archive.lance.tables import Table, TableName, stored
from imgsearch.records.marks import PhotoMarks


def write_marks(address: str, marks: Mapping[bytes, PhotoMarks]) -> None:
    """Write the marks of photos, by content."""
    rows = [{"hash": each.hex(), **mark_columns(own)} for each, own in marks.items()]
    _write(address, "marks", rows)


def write_photo_people(address: str, shown: Mapping[bytes, ShownPeople], revision: int) -> None:
    """Write what a commit of decisions about people, its revision, makes photos show."""
    rows = [
        {
            "hash": each.hex(),
            "names": [stored(name) for name in own.names],
            "faces": own.faces,
            "others": own.others,
            "reading": own.reading,
            "revision": revision,
        }
        for each, own in shown.items()
    ]
    _write(address, "photo_people", rows)


def _write(address: str, name: TableName, rows: list[dict[str, Any]]) -> None:
    table = Table(address, name, writable=True)
    table.merge(pa.Table.from_pylist(rows, table.schema), update=True)
