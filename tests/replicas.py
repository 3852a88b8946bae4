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
from imgsearch.archive.lance.reader import LanceCatalogue
from imgsearch.archive.lance.rows import marks_of
from imgsearch.archive.lance.tables import MARK_COLUMNS, Table
from imgsearch.archive.lance.writer import LanceWriter
from imgsearch.archive.replica.applying import ReplicaRows
from imgsearch.archive.replica.changes import ArchiveTables, Reached
from imgsearch.archive.replica.replica import Replica
from imgsearch.archive.replica.updating import take_changes
from imgsearch.catalogue.base import Catalogue
from imgsearch.encoders.loader import EncoderLoader
from imgsearch.engines.local import LocalEngine
from imgsearch.engines.replicas import replica_engine
from imgsearch.indexer.context import indexing_context
from imgsearch.records.index import EncoderRow
from imgsearch.records.marks import PhotoMarks
from imgsearch.store.database import DATABASE_FILE, connect
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import publish_progress
from imgsearch.text import path_text
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


def opened(address: str | Path, folder: Path) -> tuple[LocalEngine, Replica]:
    """Open the replica of an archive in a folder, without an encoder."""
    settings = Settings.load(data_dir=folder / "data", cache_dir=folder / "cache")
    return replica_engine(address, settings, said.append, folder=folder / "replica")


said: list[str] = []


def of_archive(address: str | Path) -> dict[str, Any]:
    """Describe the photos of an archive, by content."""
    catalogue = LanceCatalogue(address)
    marks = Table(str(address), "photos").newest().read(["hash", *MARK_COLUMNS], "part = 0")
    by_hash = {row["hash"]: marks_of(row) for row in marks.to_pylist()}
    return _described(catalogue, by_hash, catalogue.file_times(list(by_hash)))


def of_replica(engine: LocalEngine) -> dict[str, Any]:
    """Describe the photos of a replica in the same way."""
    store = engine.store()
    ids = store.reads.photos.live_ids().tolist()
    photos = store.reads.photos.records(ids)
    marks = store.marks.of(ids)
    times = {
        path_text(file.path): file.mtime_ns or 0
        for files in store.reads.photos.indexed_files(ids).values()
        for file in files
    }
    by_hash = {
        photo.content_hash: marks.get(photo_id, PhotoMarks()) for photo_id, photo in photos.items()
    }
    return _described(engine.catalogue(), by_hash, times)


def _described(
    catalogue: Catalogue, marks: Mapping[str, PhotoMarks], times: Mapping[str, int]
) -> dict[str, Any]:
    ids = {each: catalogue.photo_with(bytes.fromhex(each)) for each in marks}
    numbers = [each for each in ids.values() if each is not None]
    photos, texts = catalogue.photos(numbers), catalogue.texts(numbers)
    vectors = catalogue.vectors_of(numbers)
    described = {}
    for content, number in ids.items():
        assert number is not None
        known, own = photos[number], vectors[number]
        paths = sorted(path_text(file.path) for file in known.files)
        described[content] = (
            (known.photo.size_bytes, known.photo.facts, known.date, known.dated_by),
            [(path, times[path]) for path in paths],
            (own.vectors.tolist(), own.times_s),
            texts.get(number),
            marks[content],
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
