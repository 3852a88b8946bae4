"""Store: a library's database as components that share one open connection pool."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import insert as upsert

from imgsearch.errors import UsageError
from imgsearch.records.files import FileStat, IngestResult
from imgsearch.records.photo import PhotoVectors
from imgsearch.store import schema
from imgsearch.store.database import Database
from imgsearch.store.faces import FaceStore
from imgsearch.store.failures import FailureStore, record_failure
from imgsearch.store.files import FileStore
from imgsearch.store.marks import MarkStore
from imgsearch.store.packs import PackStore
from imgsearch.store.people import PeopleStore
from imgsearch.store.photos import PhotoStore, record_photo
from imgsearch.store.picture_text import PictureTextStore
from imgsearch.store.reads import Reads
from imgsearch.store.sql import prefix_of
from imgsearch.store.unfinished import UnfinishedStore, recorded
from imgsearch.store.vectors import VectorStore, insert_vectors, renumber_vectors

_insert = upsert(schema.paths)
_UPSERT_PATH = _insert.on_conflict_do_update(
    index_elements=["root_id", "name"],
    set_={
        name: _insert.excluded[name]
        for name in ("photo_id", "size_bytes", "mtime_ns", "inode", "missing_since")
    },
).returning(schema.paths.c.id)


class Store:
    """One library's database. Safe to use from several threads.

    `reads` is what queries read; `files`, `photos`, `vectors`, `failures`,
    `picture_text` and `faces` read the rest and write. One process at a time writes: see
    `imgsearch.store.lock.writing`. `marks`, `people` and `unfinished` need no lock.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.reads = Reads(database)
        self.files = FileStore(database, self.reads)
        self.photos = PhotoStore(database, self.reads)
        self.vectors = VectorStore(database)
        self.failures = FailureStore(database, self.reads)
        self.picture_text = PictureTextStore(database)
        self.faces = FaceStore(database)
        self.people = PeopleStore(database)
        self.packs = PackStore(database, self.reads)
        self.marks = MarkStore(database)
        self.unfinished = UnfinishedStore(database)

    @classmethod
    def open(cls, data_dir: Path, writable: bool = False) -> Self:
        """Open the database in `data_dir`; a writer creates it. Raises as `Database.open`."""
        return cls(Database.open(data_dir, writable))

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def data_dir(self) -> Path:
        """The data folder of the library."""
        return self.database.data_dir

    @property
    def snapshots_dir(self) -> Path:
        """The folder of the index snapshots."""
        return self.database.snapshots_dir

    def put(self, encoder_key: int, results: Sequence[IngestResult]) -> None:
        """Store the results of files of any roots, each root all or nothing.

        Raises UsageError for a file that is below no root.
        """
        roots = self.reads.roots.all()
        # New photos of all roots first: a copy in one root may have its original in another.
        for is_new in (True, False):
            chosen = [result for result in results if (result.vectors is not None) is is_new]
            for root_id, of_root in _by_root(chosen, roots).items():
                self.record(root_id, encoder_key, of_root)

    def record(self, root_id: int, encoder_key: int, results: Sequence[IngestResult]) -> None:
        """Store the results of a batch of files of one root, all or nothing."""
        prefix = prefix_of(self.reads.roots.all()[root_id])
        with self.database.engine.begin() as connection:
            for result in results:
                photo_id = record_photo(connection, result)
                if photo_id is not None:
                    renumber_vectors(connection, photo_id)
                    if result.vectors is not None:
                        vectors = PhotoVectors(result.vectors, result.times_s)
                        insert_vectors(connection, encoder_key, photo_id, vectors)
                name = result.stat.path.removeprefix(prefix)
                path_id = _record_path(connection, root_id, name, photo_id, result.stat)
                record_failure(connection, path_id, result.failure, result.content_hash)
            recorded(connection, root_id, len(results))


def _by_root(
    results: Sequence[IngestResult], roots: Mapping[int, str]
) -> dict[int, list[IngestResult]]:
    """Return the results of the files of each root, by its id, in the order of ids."""
    by_root = defaultdict(list)
    for result in results:
        by_root[_root_of(result.stat.path, roots)].append(result)
    return dict(sorted(by_root.items()))


def _root_of(path: str, roots: Mapping[int, str]) -> int:
    for root_id, root in roots.items():
        if path.startswith(prefix_of(root)):
            return root_id
    raise UsageError(
        f"{path} is in none of the folders of this library. Add its folder: imgsearch index FOLDER"
    )


def _record_path(
    connection: Connection, root_id: int, name: str, photo_id: int | None, stat: FileStat
) -> int:
    values = {
        "root_id": root_id,
        "name": name,
        "photo_id": photo_id,
        "size_bytes": stat.size_bytes,
        "mtime_ns": stat.mtime_ns,
        "inode": stat.inode,
        "missing_since": None,
    }
    return int(connection.execute(_UPSERT_PATH, values).scalar_one())
