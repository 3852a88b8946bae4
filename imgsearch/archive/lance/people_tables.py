"""The tables of faces and of people in an archive: what has changed in them, and commits to them.

The rows of `people` are those of persons, decisions and changes in a library, and the persons that
faces belong to. Each commit to it has the number after that of the commit before, its revision, and
fails if another process has committed meanwhile. So whoever has read all revisions up to one and
commits the next has seen everything that it depends on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import pyarrow as pa
from msgspec import Struct
from msgspec.structs import asdict

from imgsearch.archive.lance import tables
from imgsearch.archive.lance.people_rows import (
    READING_COLUMNS,
    SHOWN_COLUMNS,
    ShownPeople,
    people_row,
    people_rows,
    reading_name,
    shown_in,
)
from imgsearch.archive.lance.tables import Table, TableName, View, lance_errors, literal

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD = "head"  # the key of the row that every commit writes
DUE = "due"  # of rows with photos that are still to follow from a commit
_ROWS_AT_ONCE = 4_096
_CONFLICTS = ("concurrent", "conflict", "contention")  # in what Lance says of one


class ChangedMeanwhile(Exception):
    """Another process has committed to the table of people since it was read."""


class PeopleHead(Struct, frozen=True):
    """What every commit states: its `revision`, and the numbers given to rows so far, by table.

    The `epoch` is another one after faces were forgotten: nothing from before is kept anywhere.
    `ungrouped` is the number of faces that were found since faces were grouped.
    """

    epoch: str = ""
    revision: int = 0
    numbers: dict[str, int] = {}
    ungrouped: int = 0


class DuePhotos(Struct, frozen=True):
    """Photos, by content in hexadecimal, of which columns are to follow from a commit.

    `readings` are the readings of faces that the commit has taken in, by photo. With `everything`,
    all photos are meant of which anything is known.
    """

    contents: tuple[str, ...] = ()
    readings: dict[str, str] = {}
    everything: bool = False


class PeopleTables:
    """The tables `faces`, `people` and `photo_people` of an archive, which may lack them."""

    def __init__(self, address: str, unchecked_s: float = 0.0) -> None:
        """For `unchecked_s` seconds, what others have committed may not be seen."""
        self._address = address
        self._unchecked_s = unchecked_s
        self._lock = Lock()
        self._tables: dict[TableName, Table] = {}
        self._missed_s: dict[TableName, float] = {}  # when a table was not there

    def faces(self) -> View | None:
        """The newest version of the faces that were found; None where there is no such table."""
        return self._newest("faces")

    def people(self) -> View | None:
        """The newest version of persons and decisions; None where there is no such table."""
        return self._newest("people")

    def revision(self) -> int:
        """The newest revision of persons and decisions."""
        with lance_errors(self._address):
            return head_in(self.people()).revision

    def _newest(self, name: TableName) -> View | None:
        with self._lock, lance_errors(self._address):
            if name not in self._tables:
                missed_s = self._missed_s.get(name)
                if missed_s is not None and time.monotonic() - missed_s < self._unchecked_s:
                    return None
                table = Table.if_there(self._address, name, self._unchecked_s)
                if table is None:
                    self._missed_s[name] = time.monotonic()
                    return None
                self._tables[name] = table
            return self._tables[name].newest()

    # ------------------------------------------------------------------ faces

    def unlinked(self) -> dict[str, str]:
        """The readings, by content in hexadecimal, that no commit has taken in yet.

        Reads two columns of all readings: for a job, not for a query.
        """
        faces, shown = self.faces(), self._newest("photo_people")
        if faces is None:
            return {}
        known: dict[str, str | None] = {}
        with lance_errors(self._address):
            if shown is not None:
                for rows in shown.batches(["hash", "reading"], None, _ROWS_AT_ONCE):
                    known.update(
                        zip(rows["hash"].to_pylist(), rows["reading"].to_pylist(), strict=True)
                    )
            return {
                row["hash"]: name
                for rows in faces.batches(["hash", "read_at", "model"], None, _ROWS_AT_ONCE)
                for row in rows.to_pylist()
                if known.get(row["hash"]) != (name := reading_name(row))
            }

    def readings(self, contents: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The state, the most faces at one moment, and the name of readings of these photos."""
        faces = self.faces()
        if faces is None:
            return {}
        columns = ["hash", "state", "people", "read_at", "model"]
        with lance_errors(self._address):
            rows = faces.read_with("hash", contents, columns).to_pylist()
        return {row["hash"]: row for row in rows}

    def looked_at(self, contents: Sequence[str]) -> set[str]:
        """Return the photos among these, by content in hexadecimal, in which somebody looked."""
        readings = self.readings(contents)
        return {each for each, row in readings.items() if row["state"] != "failed"}

    def model(self) -> str | None:
        """Return the model that found the faces of most photos; None without any."""
        faces = self.faces()
        if faces is None:
            return None
        with lance_errors(self._address):
            models = faces.read(["model"], "state = 'found'")["model"].to_pylist()
        return Counter(models).most_common(1)[0][0] if models else None

    def shown(self, contents: Sequence[str]) -> dict[str, ShownPeople]:
        """What is recorded about people in these photos."""
        view = self._newest("photo_people")
        if view is None:
            return {}
        with lance_errors(self._address):
            return shown_in(view.read_with("hash", contents, SHOWN_COLUMNS).to_pylist())

    def all_contents(self) -> list[str]:
        """The contents, in hexadecimal, of all photos of which anything is recorded."""
        view = self._newest("photo_people")
        if view is None:
            return []
        with lance_errors(self._address):
            contents: list[str] = view.read(["hash"])["hash"].to_pylist()
        return contents

    # ------------------------------------------------------------------ committing

    def commit(
        self, head: PeopleHead, rows: Mapping[str, Mapping[str, Any] | None], due: Due
    ) -> None:
        """Commit rows by their keys, None for one that was deleted, as the revision of `head`.

        `due` are photos of which columns follow from it, by the key of their row. All or nothing.
        Raises ChangedMeanwhile unless the revision before is the newest.
        """
        table = self._writable()
        written = {
            **rows,
            **{key: asdict(each) for key, each in due.items()},
            HEAD: asdict(head),
        }
        with table.changing() as dataset:
            if _head_in(dataset).revision != head.revision - 1:
                raise ChangedMeanwhile
            merge = dataset.merge_insert("row").when_matched_update_all()
            merge = merge.when_not_matched_insert_all().conflict_retries(0)
            try:
                merge.execute(people_rows(written, head.revision, table.schema))
            except OSError as error:
                if any(sign in str(error).lower() for sign in _CONFLICTS):
                    raise ChangedMeanwhile from error
                raise

    def _writable(self) -> Table:
        if not tables.exists(self._address, "people"):
            tables.create(self._address, Table(self._address, "photos").encoder)
        return Table(self._address, "people", writable=True)

    def due(self) -> dict[str, DuePhotos]:
        """The photos that are to follow from commits still, by the key of their row."""
        view = self.people()
        if view is None:
            return {}
        below = f"row >= {literal(f'{DUE}/')} AND row < {literal(f'{DUE}0')}"  # after "/"
        with lance_errors(self._address):
            rows = view.read(["row", "content"], below).to_pylist()
        return {
            row["row"]: msgspec.convert(people_row(row["content"]), DuePhotos, strict=False)
            for row in rows
        }

    def delete_due(self, keys: Sequence[str]) -> None:
        """Note that these photos follow from their commits now."""
        if keys:
            self._writable().delete(tables.is_one_of("row", keys))

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


Due = Mapping[str, DuePhotos]


# ------------------------------------------------------------------------- reading what is new


def head_in(view: View | None) -> PeopleHead:
    """What the newest commit to people states."""
    return PeopleHead() if view is None else _head_in(view.dataset)


def _head_in(dataset: Any) -> PeopleHead:
    rows = dataset.to_table(columns=["content"], filter=f"row = {literal(HEAD)}").to_pylist()
    return msgspec.convert(people_row(rows[0]["content"]), PeopleHead) if rows else PeopleHead()


def rows_since(view: View, revision: int) -> Iterator[tuple[str, int, dict[str, Any] | None]]:
    """The rows that were committed after a revision: table, id, and columns unless deleted."""
    for rows in view.batches(["row", "content"], f"revision > {revision}", _ROWS_AT_ONCE):
        for row in rows.to_pylist():
            table, _, number = row["row"].partition("/")
            if number and table != DUE:
                yield table, int(number), row["content"] and people_row(row["content"])


def newest_fragment(view: View) -> int:
    """The number of the newest fragment; -1 without one. They are never given again."""
    return max((each.fragment_id for each in view.dataset.get_fragments()), default=-1)


def readings_after(view: View, fragment: int) -> Iterator[dict[str, Any]]:
    """The readings in fragments after this one, which have all that is new and some that is not."""
    new = [each for each in view.dataset.get_fragments() if each.fragment_id > fragment]
    if new:
        for rows in view.batches(list(READING_COLUMNS), None, _ROWS_AT_ONCE, fragments=new):
            yield from rows.to_pylist()


def found_contents(view: View) -> set[str]:
    """The contents, in hexadecimal, of all photos with faces."""
    rows: pa.Table = view.read(["hash"], "state = 'found'")
    return set(rows["hash"].to_pylist())
