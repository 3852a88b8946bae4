"""Replicas of archives in tests: how they are opened, and what an archive and its replica say.

    python -m tests.replicas ADDRESS FOLDER HOLD

Takes the changes of an archive, and says "held" and waits for a line on its input: with HOLD
"batch", when the first batch is committed; with "transaction", before the second batch is.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa

from imgsearch import Settings
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.archive.lance.rows import id_of, marks_of
from imgsearch.archive.lance.tables import MARK_COLUMNS
from imgsearch.archive.lance.writer import LanceWriter
from imgsearch.archive.replica.applying import ReplicaRows
from imgsearch.archive.replica.changes import ArchiveTables, Reached
from imgsearch.archive.replica.replica import Replica
from imgsearch.archive.replica.updating import take_changes
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.indexer.context import indexing_context
from imgsearch.opened.library import OpenedLibrary
from imgsearch.opened.replicas import open_replica
from imgsearch.records.index import EncoderRow
from imgsearch.records.marks import PhotoMarks
from imgsearch.records.photo import PhotoVectors, ShownPhoto
from imgsearch.records.picture_text import PhotoText
from imgsearch.store.database import DATABASE_FILE, connect
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import publish_progress
from imgsearch.text import path_text
from tests.archive_photos import ArchivePhotos
from tests.catalogue_writer import DIM

ENCODER = EncoderRow(1, "test/1", "test", DIM)


def new_archive(address: Path, *, is_old: bool = False) -> LanceWriter:
    """Return a writer to a new archive; an old one has no stable ids of rows, as in 0.1.0."""
    writer = LanceWriter.open(address, ENCODER)
    if is_old:
        for table in address.glob("*.lance"):
            dataset = lance.dataset(str(table))
            marks = {
                key: value
                for key, value in dataset.schema.metadata.items()
                if key != b"imgsearch:identity"
            }
            schema = dataset.schema.with_metadata(marks)
            shutil.rmtree(table)
            lance.write_dataset(pa.Table.from_pylist([], schema), str(table), schema=schema)
        writer = LanceWriter.open(address, ENCODER)
    return writer


def opened(address: str | Path, folder: Path) -> tuple[OpenedLibrary, Replica]:
    """Open the replica of an archive in a folder, without an encoder."""
    settings = Settings.load(data_dir=folder / "data", cache_dir=folder / "cache")
    return open_replica(address, settings, said.append, folder=folder / "replica")


said: list[str] = []


def of_archive(address: str | Path) -> dict[str, Any]:
    """Describe the photos of an archive, by content, as its tables have them."""
    archive = ArchivePhotos(address)
    marks = archive.newest("marks").read(["hash", *MARK_COLUMNS]).to_pylist()
    return _described(
        archive.photos(),
        archive.vectors(),
        {id_of(content): text for content, text in archive.texts().items()},
        {id_of(row["hash"]): marks_of(row) for row in marks},
        {path: row["mtime_ns"] for path, row in archive.files().items()},
    )


def of_replica(library: OpenedLibrary) -> dict[str, Any]:
    """Describe the photos of a replica in the same way."""
    store, photos = library.store(), library.photos()
    ids = store.reads.photos.live_ids().tolist()
    times = {
        path_text(file.path): file.mtime_ns or 0
        for files in store.reads.photos.indexed_files(ids).values()
        for file in files
    }
    return _described(
        photos.records(ids),
        photos.vectors_of(ids),
        photos.texts(ids),
        store.marks.of(ids),
        times,
    )


def _described(
    photos: Mapping[int, ShownPhoto],
    vectors: Mapping[int, PhotoVectors],
    texts: Mapping[int, PhotoText],
    marks: Mapping[int, PhotoMarks],
    times: Mapping[str, int],
) -> dict[str, Any]:
    described = {}
    for number, known in photos.items():
        own = vectors[number]
        paths = sorted(path_text(file.path) for file in known.files)
        described[known.photo.content_hash] = (
            (known.photo.size_bytes, known.photo.facts, known.date, known.dated_by),
            [(path, times[path]) for path in paths],
            (own.vectors.tolist(), own.times_s),
            texts.get(number),
            marks.get(number, PhotoMarks()),
        )
    return described


def main(address: str, folder: str, hold: str) -> None:
    """Take the changes, and be held."""

    def wait() -> None:
        sys.stdout.write("held\n")
        sys.stdout.flush()
        sys.stdin.readline()

    settings = Settings.load(data_dir=Path(folder, "replica"), cache_dir=Path(folder, "cache"))
    loader = EncoderLoader(settings, said.append, None, None, None)
    context = indexing_context(settings, loader, said.append)
    with writing(settings.data_dir) as store:
        version = ArchiveTables(address).newest()
        changes = take_changes(context, store, version, ArchiveItems(address))
        steps = publish_progress(store.data_dir, "Copying", changes)
        next(steps)
        next(steps)
        if hold == "batch":
            wait()

        def wait_inside(statement: str) -> None:
            if statement.startswith("INSERT OR REPLACE INTO replicated_photos"):
                wait()  # in the transaction of the batch

        with closing(connect(store.data_dir / DATABASE_FILE, writable=True)) as connection:
            rows = ReplicaRows(connection, version.encoder)
            passed_over = rows.contents()
            connection.set_trace_callback(wait_inside)
            for _, photos in version.changed_photos(Reached(), passed_over):
                rows.put(photos, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
