"""Reads packs, of which nothing is believed, since they may come from anybody.

A pack is opened read-only and as a file that does not change, which makes SQLite ignore journals
beside it, and its schema must be exactly the expected one. It is never attached to a library: its
rows are read once, into a database in memory that has the library's own tables, and are checked
there. What is merged is what was checked, also if somebody changes the file meanwhile.
"""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from msgspec import Struct

from imgsearch.errors import CommandLine, PackError, PackTooNew, Sentence, UsageError
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.installation import update_command
from imgsearch.paths import database_uri
from imgsearch.records.ids import SMALLEST_INTEGER
from imgsearch.records.pack import (
    PackedFile,
    PackedPerson,
    PackEncoder,
    PackInfo,
)
from imgsearch.records.photo import FACTS
from imgsearch.store import migrations, pack_checks, pack_format
from imgsearch.store.feature_rows import FEATURE_ROWS, things_of_absent
from imgsearch.store.sql import LIST_FACTS, with_pragmas
from imgsearch.store.thumbnails import checksum

_MAX_BATCH_BYTES = 64_000_000  # in memory: characters take up to four bytes, names have an index
_MAX_VALUE_BYTES = 2_000_000  # a picture of an example is the largest value
_MAX_NOTES_BYTES = 64_000_000  # of what is not of single photos, with all its pictures
_THUMBNAILS_BYTES = 8_000_000  # that are read at once
# Steps of SQLite's machine for opening a pack and reading its schema; an honest one takes 3,000.
_OPENING_STEPS = 1_000_000
# What reading damaged data may raise; ArithmeticError for dates beyond all calendars.
_DAMAGE = (sqlite3.Error, OSError, ValueError, TypeError, LookupError, ArithmeticError)


class PackedBatch(Struct, frozen=True):
    """Photos of a pack, checked. `library` is an SQLite database of them in memory, serialized.

    It has the tables of a library in the schema of this version. `files` and `thumbnails` are by
    the id of their photo in the pack; the latter have the hash of its content, and a checksum.
    """

    photos: int
    library: bytes
    files: tuple[tuple[int, PackedFile], ...]
    thumbnails: dict[int, tuple[bytes, int]]


class PackReader:
    """Reads a pack, a batch of photos at a time. Use it as a context manager.

    Raises PackError for a file that is cut off, damaged, or no pack, PackTooNew for one of a newer
    imgsearch, and UsageError for one that is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version = self._checked_version()
        with self._reading():
            self._connection = self._connect()
        try:
            with self._reading():
                with self._few_steps():
                    self._facts, self._extras = pack_format.check_schema(
                        self._connection, self._version
                    )
                self._check_structure()
                self.info = self._read_info()
                self._empty_batch = self._make_empty_batch()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._connection.close()

    # ------------------------------------------------------------------ opening

    def _checked_version(self) -> int:
        """Return the version of the schema, which the header states.

        Its other fields are checked.
        """
        try:
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise self._no_pack()
            with self.path.open("rb") as file:
                header = file.read(pack_format.HEADER_BYTES)
        except FileNotFoundError:
            raise UsageError(f"There is no pack {self.path}. Check its name.") from None
        except OSError as error:
            raise PackError(
                f"The pack {self.path} cannot be read ({error.strerror}). Check its permissions."
            ) from error
        is_short = header and len(header) < pack_format.HEADER_BYTES
        application = pack_format.application_of(header)
        page_bytes, pages = (
            int.from_bytes(header[at:end], "big") for at, end in ((16, 18), (28, 32))
        )
        size_bytes = pages * (65_536 if page_bytes == 1 else page_bytes)
        if (is_short and header.startswith(pack_format.MAGIC[: len(header)])) or (
            application == pack_format.APPLICATION_ID and status.st_size < size_bytes
        ):
            raise PackError(
                Sentence(
                    f"The pack {self.path} is cut off: its end is missing, as after a copy that "
                    "was interrupted. Copy it again, or make it again with ",
                    CommandLine("pack"),
                    ".",
                )
            )
        if application != pack_format.APPLICATION_ID:
            raise self._no_pack()
        version = int.from_bytes(header[60:64], "big")
        if version > len(migrations.MIGRATIONS):
            raise PackTooNew(
                f"The pack {self.path} was made by a newer imgsearch (schema {version}, this one "
                f"knows {len(migrations.MIGRATIONS)}). Update imgsearch: {update_command()}"
            )
        if version < pack_format.FIRST_VERSION:
            raise self._damage(f"there is no schema {version} of packs")
        return version

    def _no_pack(self) -> PackError:
        return PackError(
            Sentence(
                f"{self.path} is not a pack of imgsearch. Name the file that ",
                CommandLine("pack"),
                " has written.",
            )
        )

    def _connect(self) -> sqlite3.Connection:
        # Immutable: SQLite writes nothing, takes no lock and looks for no journal of this file.
        uri = database_uri(self.path, "mode=ro&immutable=1")
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100_000)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0)
        return with_pragmas(
            connection,
            *("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "query_only = ON"),
        )

    @contextmanager
    def _few_steps(self) -> Iterator[None]:
        """Let SQLite give up where reading the schema takes long: pages may lead in a circle."""
        calls = iter(range(10))
        self._connection.set_progress_handler(
            lambda: int(next(calls, None) is None), _OPENING_STEPS // 10
        )
        try:
            yield
        finally:
            self._connection.set_progress_handler(None, 0)

    def _check_structure(self) -> None:
        """Check that each table is a tree of pages that leads nowhere twice.

        From then on, reading all rows takes time and memory by the size of the file. Pictures are
        not read for that: they are looked up by the number of their photo, and reading these
        numbers ends where they do not grow.
        """
        if self._connection.execute("PRAGMA encoding").fetchone() != ("UTF-8",):
            raise ValueError("its texts are not in UTF-8")
        tables = (*pack_format.PHOTO_TABLES, *pack_format.COMMON_TABLES)
        if self._extras.faces:
            tables += (*pack_format.FACE_TABLES, *pack_format.PERSON_TABLES)
        tables += self._extras.feature_tables
        for table in (*tables, "pack", "named_photos", "batches"):
            self._check_pages(f"PRAGMA quick_check('{table}')")

    def _check_pages(self, pragma: str) -> None:
        (problem,) = self._connection.execute(pragma).fetchone()
        if problem != "ok":
            raise ValueError(problem.splitlines()[-1])

    def _read_info(self) -> PackInfo:
        """Read the statements of the pack about itself, and compare their checksum."""
        execute = self._connection.execute
        for table in pack_format.common_rows(self._extras):
            pack_checks.check_types(self._connection, table)
        rows = execute("SELECT made_by, made_at, photos, files, sha256 FROM pack LIMIT 2")
        ((made_by, made_at, photos, files, sha256),) = rows.fetchall()
        roots = execute("SELECT path, volume, volume_path FROM roots LIMIT 2")
        ((folder, volume, volume_path),) = roots.fetchall()
        if pack_format.common_checksum(self._connection, self._extras) != sha256:
            raise ValueError("its checksum is wrong")
        encoders = tuple(
            PackEncoder(encoder_id, name, dim, state == "current")
            for encoder_id, name, dim, state in self._notes(
                'SELECT encoder_id, name, dim, state FROM encoders ORDER BY "key"'
            )
        )
        info = PackInfo(
            made_by=made_by,
            made_at=pack_checks.moment_of(made_at),
            folder=folder.decode(),
            volume=volume,
            volume_path=None if volume_path is None else volume_path.decode(),
            encoders=encoders,
            fact_names=self._fact_names(),
            photos=photos,
            files=files,
            has_faces=self._extras.faces,
            of_features={
                name: tuple(load(packs.module).names(self))
                for name, packs in installed.packs().items()
                if name in self._extras.features or FEATURE_ROWS[name].in_all_packs
            },
            persons=self._persons(),
            has_marks=self._extras.marks,
            has_unread=self._extras.unread,
        )
        pack_checks.check_info(info)
        return info

    def _fact_names(self) -> tuple[str, ...]:
        columns = {name for _, name, *_ in self._connection.execute("PRAGMA table_info(photos)")}
        return tuple(fact.name for fact in FACTS if fact.name in columns | LIST_FACTS.keys())

    def _persons(self) -> tuple[PackedPerson, ...]:
        if not self._extras.faces:
            return ()
        me = self._me()
        query = "SELECT id, name, is_hidden FROM persons ORDER BY id"
        return tuple(
            PackedPerson(person_id, name, bool(is_hidden), person_id == me)
            for person_id, name, is_hidden in self._notes(query)
        )

    def _me(self) -> int | None:
        """Return the id of the person that the owner of the library is, if the pack says so."""
        columns = {column.partition(" ")[0] for column in self._facts}
        if not columns >= pack_format.ME_COLUMN.keys():
            return None
        query = "SELECT DISTINCT mark_me FROM photos WHERE mark_me IS NOT NULL LIMIT 2"
        found = [person_id for (person_id,) in self._connection.execute(query)]
        if len(found) > 1:
            raise ValueError("two persons are the owner of the library")
        return found[0] if found else None

    def rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield rows of the tables of a feature, whose types were checked.

        Raises PackError for damage, and for rows that take too much memory.
        """
        with self._reading():
            yield from self._notes(query, *values)

    def left_out(self) -> dict[str, int]:
        """Count what the pack has of each feature that this installation lacks, if anything."""
        with self._reading():
            return things_of_absent(self._connection, in_pack=True)

    def _notes(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield rows that are not of single photos, unless they take too much memory."""
        left = _MAX_NOTES_BYTES
        for row in self._connection.execute(query, values):
            left -= 1000 + sum(len(value) for value in row if isinstance(value, str | bytes))
            if left < 0:
                raise ValueError(
                    "its persons, its encoders or the things of features take more memory than "
                    "they may"
                )
            yield row

    def _make_empty_batch(self) -> bytes:
        """Return a database for the photos of a batch, with folder and encoders of the pack."""
        with closing(pack_format.in_memory()) as batch:
            pack_format.create_batch(batch, self._version, self._facts, self._extras)
            persons = pack_format.PERSON_TABLES if self._extras.faces else ()
            for table in ("roots", "encoders", *persons):
                _insert(batch, table, self._connection.execute(f"SELECT * FROM {table}"))
            return batch.serialize()

    # ------------------------------------------------------------------ photos

    def sample_files(self, count: int) -> list[PackedFile]:
        """Return at most this many files, from all over the pack."""
        with self._reading():
            execute = self._connection.execute
            (last,) = execute("SELECT coalesce(max(id), 0) FROM paths").fetchone()
            step = max(1, last // count)
            query = "SELECT id, name, size_bytes, mtime_ns FROM paths WHERE id >= ? LIMIT 1"
            files: dict[int, PackedFile] = {}
            for first in range(1, last + 1, step):
                for file_id, *file in execute(query, (first,)):
                    files[file_id] = pack_checks.file_of(*file)
            return list(files.values())

    def batches(self) -> Iterator[PackedBatch]:
        """Yield the photos, checked, in the order of the pack."""
        query = (
            "SELECT last_photo_id, photos, sha256 FROM batches WHERE last_photo_id > ? "
            "ORDER BY last_photo_id LIMIT 1"
        )
        after = SMALLEST_INTEGER
        while True:
            with self._reading():
                row = self._connection.execute(query, (after,)).fetchone()
                if row is None:
                    return
                batch = self._read_batch(after, *row)
            yield batch
            after = row[0]

    def _read_batch(self, after: int, last: int, photos: int, sha256: str) -> PackedBatch:
        if photos > pack_format.PHOTOS_AT_ONCE:
            raise ValueError("too many photos are in one part")
        if photos < 1:  # a part takes time, whatever is in it
            raise ValueError("a part has no photo")
        with closing(pack_format.in_memory()) as batch:
            batch.deserialize(self._empty_batch)
            (page_bytes,) = batch.execute("PRAGMA page_size").fetchone()
            batch.execute(f"PRAGMA max_page_count = {_MAX_BATCH_BYTES // page_bytes}")
            crc32s = self._take_rows(batch, {"after": after, "last": last}, photos, sha256)
            pack_checks.check_batch(batch, self._extras)
            hashes = dict(batch.execute("SELECT id, content_hash FROM photos"))
            if len(hashes) != photos:
                raise ValueError("it has another number of photos than it states")
            if not crc32s.keys() <= hashes.keys():
                raise ValueError("a thumbnail has no photo")
            rows = batch.execute("SELECT photo_id, name, size_bytes, mtime_ns FROM paths")
            files = tuple((photo_id, pack_checks.file_of(*file)) for photo_id, *file in rows)
            if self._version != pack_format.version_of(self._extras):
                migrations.migrate(batch)
            return PackedBatch(
                photos,
                batch.serialize(),
                files,
                {photo_id: (hashes[photo_id], crc32) for photo_id, crc32 in crc32s.items()},
            )

    def _take_rows(
        self, batch: sqlite3.Connection, ids: Mapping[str, int], photos: int, sha256: str
    ) -> dict[int, int]:
        """Put the rows of photos into a database, and compare their checksum.

        Returns the checksums of their thumbnails, by the id of the photo.
        """
        digest = pack_format.Digest()
        batch.execute("BEGIN")
        for table, query in pack_format.batch_rows(self._extras.faces).items():
            _insert(batch, table, digest.rows(table, self._connection.execute(query, ids)))
        batch.execute("COMMIT")
        crc32s: dict[int, int] = {}
        previous = ids["after"]
        rows = self._connection.execute(pack_format.BATCH_THUMBNAILS, ids)
        for photo_id, crc32 in digest.rows("thumbnails", rows):
            # The pages of this table are not checked before. Pages that lead to each other would
            # give the same rows for ever.
            if photo_id <= previous:
                raise ValueError("its thumbnails are not in order")
            crc32s[photo_id] = crc32
            previous = photo_id
            if len(crc32s) > photos:
                raise ValueError("a thumbnail has no photo")
        if digest.text() != sha256:
            raise ValueError("a checksum of photos is wrong")
        return crc32s

    def thumbnails(
        self, batch: PackedBatch, wanted: Collection[bytes]
    ) -> Iterator[dict[bytes, bytes]]:
        """Yield the thumbnails of these photos of a batch, by content hash, a few at a time."""
        some: dict[bytes, bytes] = {}
        size = 0
        for photo_id, (content_hash, crc32) in batch.thumbnails.items():
            if content_hash not in wanted:
                continue
            with self._reading():
                some[content_hash] = self._thumbnail(photo_id, content_hash, crc32)
            size += len(some[content_hash])
            if size >= _THUMBNAILS_BYTES:
                yield some
                some, size = {}, 0
        if some:
            yield some

    def _thumbnail(self, photo_id: int, content_hash: bytes, crc32: int) -> bytes:
        query = "SELECT image FROM thumbnails WHERE photo_id = ?"
        (image,) = self._connection.execute(query, (photo_id,)).fetchone() or (None,)
        if not isinstance(image, bytes) or not pack_checks.is_webp(image):
            raise ValueError("a thumbnail is not a WebP image")
        if checksum(content_hash, image) != crc32:
            raise ValueError("the checksum of a thumbnail is wrong")
        return image

    def check(self, with_thumbnails: bool = False) -> Iterator[int]:
        """Read and check all photos; yields how many were read so far. Raises PackError."""
        photos = files = 0
        for batch in self.batches():
            if with_thumbnails:
                wanted = {content_hash for content_hash, _ in batch.thumbnails.values()}
                for _ in self.thumbnails(batch, wanted):
                    pass
            photos += batch.photos
            files += len(batch.files)
            yield photos
        with self._reading():
            (rows,) = self._connection.execute("SELECT count(*) FROM photos").fetchone()
            if (photos, files) != (self.info.photos, self.info.files) or rows != photos:
                raise ValueError("it has another number of photos or files than it states")

    def verify(self) -> Iterator[int]:
        """Read everything, as `check` does, and the structure of the whole file."""
        yield from self.check(with_thumbnails=True)
        with self._reading():
            self._check_pages("PRAGMA integrity_check")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGE as error:
            raise self._damage(_problem_of(error)) from error

    def _damage(self, problem: str) -> PackError:
        return PackError(
            Sentence(
                f"The pack {self.path} is damaged ({problem.splitlines()[0]}). Copy it again, "
                "or make it again with ",
                CommandLine("pack"),
                ".",
            )
        )


def _insert(batch: sqlite3.Connection, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    """Insert rows that have all columns of a table, in their order."""
    columns = len(batch.execute(f"PRAGMA table_info({table})").fetchall())
    batch.executemany(f"INSERT INTO {table} VALUES (?{', ?' * (columns - 1)})", rows)


def _problem_of(error: Exception) -> str:
    text = str(error) or type(error).__name__
    if "UNIQUE constraint failed: photos" in text:
        return "a photo occurs twice"
    if "disk is full" in text:  # the database in memory, which may have no more pages
        return "a part of it takes more memory than it may"
    return text
