"""The tables of faces and of people in an archive.

Versions before there were items wrote the rows of `people`: those of persons, decisions and changes
in a library, and the persons that faces belong to. Each commit had the number after that of the
commit before, its revision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import Struct

from imgsearch.archive.lance import tables
from imgsearch.archive.lance.people_rows import people_row
from imgsearch.archive.lance.tables import Table, TableName, View, lance_errors, literal

HEAD = "head"  # the key of the row that every commit writes
DUE = "due"  # of rows with photos that are still to follow from a commit
_ROWS_AT_ONCE = 4_096


class PeopleHead(Struct, frozen=True):
    """What every commit states: its `revision`, and the numbers given to rows so far, by table.

    The `epoch` is another one after faces were forgotten: nothing from before is kept anywhere.
    `ungrouped` is the number of faces that were found since faces were grouped.
    """

    epoch: str = ""
    revision: int = 0
    numbers: dict[str, int] = {}
    ungrouped: int = 0


class PeopleTables:
    """The tables `faces`, `people` and `photo_people` of an archive, which may lack them."""

    def __init__(self, address: str) -> None:
        """Nothing is read before it is needed."""
        self._address = address

    def _faces(self) -> View | None:
        """Return the newest version of the faces that were found; None without such a table."""
        table = Table.if_there(self._address, "faces")
        return None if table is None else table.newest()

    def looked_at(self, contents: Sequence[str]) -> set[str]:
        """Return the photos among these, by content in hexadecimal, in which somebody looked."""
        with lance_errors(self._address):
            faces = self._faces()
            if faces is None:
                return set()
            rows = faces.read_with("hash", contents, ["hash", "state"]).to_pylist()
        return {row["hash"] for row in rows if row["state"] != "failed"}

    def model(self) -> str | None:
        """Return the model that found the faces of most photos; None without any."""
        with lance_errors(self._address):
            faces = self._faces()
            if faces is None:
                return None
            models = faces.read(["model"], "state = 'found'")["model"].to_pylist()
        return Counter(models).most_common(1)[0][0] if models else None

    def delete_faces(self) -> None:
        """Delete all faces that were found."""
        if tables.exists(self._address, "faces"):
            table = Table(self._address, "faces", writable=True)
            # Replicas hear of it by the lineage. One that looks in between deletes them again.
            table.configure(tables.LINEAGE, uuid4().hex)
            table.delete("true")
            table.configure(tables.LINEAGE, uuid4().hex)

    def forget_deleted(self) -> None:
        """Delete from the disk what was deleted of the tables, and their earlier versions."""
        cleared: tuple[tuple[TableName, str | None], ...] = (
            ("faces", None),
            ("people", "content IS NULL"),
            ("photo_people", "faces IS NULL AND coalesce(array_length(names), 0) = 0"),
        )
        for name, condition in cleared:
            if not tables.exists(self._address, name):
                continue
            table = Table(self._address, name, writable=True)
            if condition is not None:
                table.delete(condition)
            table.forget_versions()


# ------------------------------------------------------------------------- rows of people


def head_in(view: View | None) -> PeopleHead:
    """Return the statements of the newest commit to people."""
    return PeopleHead() if view is None else _head_in(view.dataset)


def _head_in(dataset: Any) -> PeopleHead:
    rows = dataset.to_table(columns=["content"], filter=f"row = {literal(HEAD)}").to_pylist()
    return msgspec.convert(people_row(rows[0]["content"]), PeopleHead) if rows else PeopleHead()


def rows_since(view: View, revision: int) -> Iterator[tuple[str, int, dict[str, Any] | None]]:
    """Yield the rows committed after a revision: table, id, and columns unless deleted."""
    for rows in view.batches(["row", "content"], f"revision > {revision}", _ROWS_AT_ONCE):
        for row in rows.to_pylist():
            table, _, number = row["row"].partition("/")
            if number and table != DUE:
                yield table, int(number), row["content"] and people_row(row["content"])
