"""Jobs that were begun and have not come to their end.

A job is noted before its work begins, and the note is removed when all of it is done. So a library
knows that photos are missing after a job was stopped, has failed, or was killed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Generator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from imgsearch.errors import DiskError, LibraryLocked, UsageError
from imgsearch.features import installed
from imgsearch.paths import path_of
from imgsearch.records.status import UnfinishedJob
from imgsearch.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from imgsearch.progress import Progress

_Report = TypeVar("_Report")

_ENCODER = "encoder"  # the job of getting an encoder that replaces the one in use
_UPDATE_S = 2.0  # between two notes of how much is left


class UnfinishedStore:
    """The part of a store that knows unfinished jobs. It needs no lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[UnfinishedJob, ...]:
        """Return the unfinished jobs, the index first.

        Paused folders are left out, and jobs of features that this installation lacks.
        """
        with self._database.reading() as connection:
            indexing = connection.execute(
                "SELECT path, files_left, begun_at FROM unfinished_indexing "
                "JOIN roots ON roots.id = root_id WHERE paused_at IS NULL ORDER BY path"
            ).fetchall()
            others = connection.execute(
                "SELECT job, photos_left, options, begun_at FROM unfinished_jobs ORDER BY job"
            ).fetchall()
        jobs = [] if not indexing else [_index_of(indexing)]
        known = {*installed.jobs(), _ENCODER}
        return (*jobs, *(_job_of(*row) for row in others if row[0] in known))

    # ------------------------------------------------------------------ indexing

    def indexing(self) -> frozenset[int]:
        """Return the roots that are not indexed completely, by id."""
        rows = self._database.fetch_all("SELECT root_id FROM unfinished_indexing")
        return frozenset(root_id for (root_id,) in rows)

    def begin_index(self, files_left: Mapping[int, int | None]) -> None:
        """Note that files of these roots (id to number, None if unknown) are to be indexed."""
        if not files_left:
            return
        with self._database.brief_transaction() as connection:
            connection.executemany(
                "INSERT INTO unfinished_indexing (root_id, files_left, begun_at) VALUES (?, ?, ?) "
                "ON CONFLICT (root_id) DO UPDATE SET files_left = excluded.files_left",
                [(root_id, left, _now()) for root_id, left in files_left.items()],
            )

    def end_index(self, root_ids: Collection[int]) -> None:
        """Note that these roots are indexed completely."""
        ended = self.indexing().intersection(root_ids)
        if not ended:
            return
        with self._database.brief_transaction() as connection:
            connection.executemany(
                "DELETE FROM unfinished_indexing WHERE root_id = ?", [(each,) for each in ended]
            )

    # ------------------------------------------------------------------ the encoder to come

    def awaited_encoder(self) -> str:
        """Return the name of the encoder that is to replace the one in use; "" if none is."""
        job = self.of(_ENCODER)
        return "" if job is None else job.encoder

    def await_encoder(self, name: str) -> None:
        """Note that this encoder is to replace the one in use, once it has embedded all photos."""
        self.put(UnfinishedJob(_ENCODER, None, datetime.now(UTC), encoder=name))

    def await_no_encoder(self) -> None:
        """Note that the encoder in use stays."""
        self.end(_ENCODER)

    # ------------------------------------------------------------------ other jobs

    def of(self, name: str) -> UnfinishedJob | None:
        """Return the unfinished job of this name."""
        return next((job for job in self.all() if job.job == name), None)

    def put(self, job: UnfinishedJob) -> None:
        """Note a job, in place of what was noted of it."""
        options = {
            "folders": [str(folder) for folder in job.folders],
            "again": job.again,
            "everything": job.everything,
            "encoder": job.encoder,
        }
        with self._database.brief_transaction() as connection:
            connection.execute(
                "REPLACE INTO unfinished_jobs (job, photos_left, options, begun_at) "
                "VALUES (?, ?, ?, ?)",
                (job.job, job.left, json.dumps(options), job.begun_at.isoformat()),
            )

    def end(self, name: str) -> None:
        """Note that a job has come to its end."""
        if self.of(name) is None:
            return
        with self._database.brief_transaction() as connection:
            connection.execute("DELETE FROM unfinished_jobs WHERE job = ?", (name,))


def recorded(connection: Connection, root_id: int, files: int) -> None:
    """Note, in the transaction that records them, that files of a root are done."""
    connection.exec_driver_sql(
        "UPDATE unfinished_indexing SET files_left = max(files_left - ?, 0) WHERE root_id = ?",
        (files, root_id),
    )


def noted(
    store: UnfinishedStore,
    name: str,
    steps: Generator[Progress, None, _Report],
    *,
    folders: Collection[str] = (),
    again: bool = False,
    everything: bool = False,
) -> Generator[Progress, None, _Report]:
    """Yield the same job, noted until it has come to its end.

    Where such a job is unfinished already, what is noted covers both; if this one covers less, the
    earlier one is noted again at its end.
    """
    before = store.of(name)
    job = UnfinishedJob(name, None, datetime.now(UTC), tuple(map(Path, folders)), again, everything)
    both = job if before is None else _covering(job, before)
    store.put(both)
    left, noted_s, is_done = both.left, time.monotonic(), False
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                is_done = True
                return end.value  # type: ignore[no-any-return]
            except UsageError:  # it would be raised again
                is_done = True
                raise
            if step.part is None:
                left = step.total - step.done
            if time.monotonic() - noted_s >= _UPDATE_S:
                noted_s = time.monotonic()
                store.put(replace(both, left=left))
            yield step
    finally:
        steps.close()
        if not is_done:
            with suppress(DiskError, LibraryLocked):  # the note of before says nearly the same
                store.put(replace(both, left=left))
        elif before is not None and _options(both) != _options(job):
            store.put(before)
        else:
            store.end(name)


def _covering(job: UnfinishedJob, before: UnfinishedJob) -> UnfinishedJob:
    everywhere = not job.folders or not before.folders
    return replace(
        job,
        folders=() if everywhere else tuple(sorted({*job.folders, *before.folders})),
        again=job.again or before.again,
        everything=job.everything or before.everything,
    )


def _options(job: UnfinishedJob) -> tuple[object, ...]:
    return frozenset(job.folders), job.again, job.everything


def _index_of(rows: list[tuple[bytes, int | None, str]]) -> UnfinishedJob:
    lefts = [left for _, left, _ in rows]
    known = [left for left in lefts if left is not None]
    return UnfinishedJob(
        "index",
        sum(known) if len(known) == len(lefts) else None,
        min(datetime.fromisoformat(begun) for _, _, begun in rows),
        tuple(Path(path_of(path)) for path, _, _ in rows),
    )


def _job_of(name: str, left: int | None, options: str, begun_at: str) -> UnfinishedJob:
    fields = json.loads(options)
    return UnfinishedJob(
        name,
        left,
        datetime.fromisoformat(begun_at),
        tuple(map(Path, fields["folders"])),
        fields["again"],
        fields["everything"],
        fields.get("encoder", ""),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()
