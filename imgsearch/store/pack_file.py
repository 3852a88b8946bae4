"""Pack files: small libraries with the photos of one folder, to carry to another library.

A pack is an SQLite database with the tables of a library (`pack_tables`). It is written beside its
place, whole or not at all. Rows of photos are in batches, each with a checksum.

A pack may come from anybody, so nothing in it is believed. It is opened read-only and as a file
that does not change, which makes SQLite ignore journals beside it, and its schema must be exactly
the expected one. It is never attached to a library: its rows are read once, into a database in
memory that has the library's own tables, and are checked there. What is merged is what was checked,
also if somebody changes the file meanwhile.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import sqlite3
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Self
from urllib.parse import quote

import msgspec
from msgspec import Struct

from imgsearch import private_files
from imgsearch.errors import DiskError, PackError, PackLocked, PackTooNew, UsageError
from imgsearch.installation import update_command
from imgsearch.records.pack import (
    PackedConcept,
    PackedExample,
    PackedFile,
    PackedPhoto,
    PackedSearch,
    PackEncoder,
    PackInfo,
)
from imgsearch.records.photo import FACTS
from imgsearch.store import migrations, pack_tables
from imgsearch.store.sql import FACT_COLUMNS, LIST_FACTS, to_columns, with_pragmas
from imgsearch.store.thumbnails import checksum
from imgsearch.text import plain_text

PHOTOS_AT_ONCE = 2000  # in one batch, which is merged in one transaction
# A batch has fewer photos where they have long texts, many keywords or many vectors.
_BATCH_BYTES = 6_000_000
_MAX_BATCH_BYTES = 64_000_000  # in memory: characters take up to four bytes, names have an index
_MAX_VALUE_BYTES = 2_000_000  # a picture of an example is the largest value
_MAX_THUMBNAIL_BYTES = 1_000_000
_THUMBNAILS_BYTES = 8_000_000  # that are read at once
_MAX_NOTES_BYTES = 64_000_000  # of saved searches, and of concepts with all their pictures
_MAX_DIM = 65_536
_NUMBERS_AT_ONCE = 1_000_000  # of vectors
_MAX_LENGTH_ERROR = 0.01  # of a vector; rounding to fp16 makes at most 2^-11
_HASH_BYTES = 32  # of a photo's content
_CACHE_KB = 64_000  # of a pack that is written: hashes come in no order
# Steps of SQLite's machine for opening a pack and reading its schema; an honest one takes 3,000.
_OPENING_STEPS = 1_000_000
_HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\0"
_LOWEST_ID = -(1 << 63)
# What reading damaged data may raise; ArithmeticError for dates beyond all calendars.
_DAMAGE = (sqlite3.Error, OSError, ValueError, TypeError, LookupError, ArithmeticError)


class _Digest:
    """The sha256 of rows, each as a MessagePack array, after the name of their table."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._encode = msgspec.msgpack.Encoder().encode

    def rows(self, table: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """The same rows, included in the checksum as they are taken."""
        self._hash.update(table.encode())
        for row in rows:
            self._hash.update(self._encode(row))
            yield row

    def add(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Include rows."""
        for _ in self.rows(table, rows):
            pass

    def text(self) -> str:
        """The checksum, hexadecimal."""
        return self._hash.hexdigest()


def _common_digest(connection: sqlite3.Connection) -> str:
    """The checksum of everything but the rows of photos, which the batches have."""
    digest = _Digest()
    for table, query in pack_tables.COMMON_ROWS.items():
        digest.add(table, connection.execute(query))
    return digest.text()


# ------------------------------------------------------------------------- writing


class PackWriter:
    """Writes photos to a pack that `writing_pack` has begun."""

    def __init__(self, draft: Path) -> None:
        # Without SQLite's own locks: `writing_pack` has one, and has the file open itself, so that
        # closing it would end them.
        uri = f"file:{quote(os.fsencode(draft))}?mode=rw&nolock=1"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        self._connection = with_pragmas(
            connection, "journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KB}"
        )
        self._last_id = 0
        self.photos = 0
        self.files = 0

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def begin(self, info: PackInfo) -> None:
        """Write what belongs to the whole pack: its folder, encoders, searches and concepts."""
        with self._transaction():
            pack_tables.create(self._connection)
            self._add_notes(info)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        yield  # after an error the file is deleted
        self._connection.execute("COMMIT")

    def _add_notes(self, info: PackInfo) -> None:
        execute, many = self._connection.execute, self._connection.executemany
        place = None if info.volume_path is None else info.volume_path.encode()
        execute(
            "INSERT INTO roots (id, path, added_at, volume, volume_path) VALUES (1, ?, ?, ?, ?)",
            (info.folder.encode(), _moment_text(info.made_at), info.volume, place),
        )
        many(
            "INSERT INTO encoders (encoder_id, name, dim, state) VALUES (?, ?, ?, ?)",
            [
                (each.encoder_id, each.name, each.dim, "current" if each.is_current else "kept")
                for each in info.encoders
            ],
        )
        for search in info.searches:
            saved_at = _moment_text(search.saved_at)
            execute(
                "INSERT INTO saved_searches (key, name, line, k, include_weak, saved_at, "
                "looked_at, seen, announced) VALUES (?, ?, ?, ?, ?, ?, ?, x'', x'')",
                (plain_text(search.name), search.name, search.line, search.k,
                 search.include_weak, saved_at, saved_at),
            )  # fmt: skip
            many(
                "INSERT OR IGNORE INTO named_photos VALUES (?, ?)",
                [(id, bytes.fromhex(content_hash)) for id, content_hash in search.photos.items()],
            )
        for number, concept in enumerate(info.concepts, 1):
            execute(  # without what it has learned, which the vectors of a library decide
                "INSERT INTO concepts (id, name, words, plain_name, taught_at, last_seq, vectors, "
                "direction, slope, intercept) VALUES (?, ?, ?, ?, ?, 0, 0, x'', 0, 0)",
                (number, concept.name, concept.words, plain_text(concept.name),
                 _moment_text(info.made_at)),
            )  # fmt: skip
            many(
                "INSERT INTO concept_examples (concept_id, content_hash, is_like, picture) "
                "VALUES (?, ?, ?, ?)",
                [
                    (number, bytes.fromhex(each.content_hash), each.is_like, each.picture)
                    for each in concept.examples
                ],
            )

    def add(self, photos: Sequence[PackedPhoto]) -> None:
        """Write photos, at most `PHOTOS_AT_ONCE`. Raises what `writing_pack` translates."""
        of_id = dict(enumerate(photos, self._last_id + 1))
        with self._transaction():
            for ids in _batches({id: _size_of(photo) for id, photo in of_id.items()}):
                self._insert({id: of_id[id] for id in ids})
                self._end_batch(ids[-1], len(ids))
        self.photos += len(photos)
        self.files += sum(len(photo.files) for photo in photos)

    def _insert(self, photos: Mapping[int, PackedPhoto]) -> None:
        many = self._connection.executemany
        columns = ("size_bytes", "added_at", "facts_at", *(fact.name for fact in FACT_COLUMNS))
        many(
            f"INSERT INTO photos (id, content_hash, {', '.join(columns)}) "
            f"VALUES (?, ?{', ?' * len(columns)})",
            [
                (id, photo.content_hash, photo.size_bytes, *[_moment_text(photo.facts_at)] * 2,
                 *to_columns(photo.facts).values())
                for id, photo in photos.items()
            ],
        )  # fmt: skip
        many(
            "INSERT INTO paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
            "VALUES (1, ?, ?, ?, ?, 0)",
            [
                (os.fsencode(file.path), id, file.size_bytes, file.mtime_ns)
                for id, photo in photos.items()
                for file in photo.files
            ],
        )
        for fact, id_column in LIST_FACTS.items():
            texts = {id: getattr(photo.facts, fact) for id, photo in photos.items()}
            names = dict.fromkeys(chain.from_iterable(texts.values()))
            many(f"INSERT OR IGNORE INTO {fact} (name) VALUES (?)", [(name,) for name in names])
            many(
                f"INSERT INTO photo_{fact} (photo_id, place, {id_column}) "
                f"VALUES (?, ?, (SELECT id FROM {fact} WHERE name = ?))",
                [
                    (id, place, name)
                    for id, of_photo in texts.items()
                    for place, name in enumerate(of_photo)
                ],
            )
        many(
            "INSERT INTO vectors (encoder_key, photo_id, part, vector, at_s) VALUES "
            '((SELECT "key" FROM encoders WHERE encoder_id = ?), ?, ?, ?, ?)',
            [
                (each.encoder_id, id, part, vector, each.times_s[part] if each.times_s else None)
                for id, photo in photos.items()
                for each in photo.vectors
                for part, vector in enumerate(each.vectors)
            ],
        )
        read = {id: photo.text for id, photo in photos.items() if photo.text is not None}
        many(
            "INSERT INTO text_readings (photo_id, state, reader, read_at, message) "
            "VALUES (?, ?, ?, ?, ?)",
            [
                (id, text.state, text.reader, _moment_text(text.read_at), text.message)
                for id, text in read.items()
            ],
        )
        many(
            "INSERT INTO text_lines (photo_id, place, line, x, y, width, height, confidence) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (id, place, line.text, line.x, line.y, line.width, line.height, line.confidence)
                for id, text in read.items()
                for place, line in enumerate(text.lines)
            ],
        )
        many(
            "INSERT INTO thumbnails (photo_id, crc32, image) VALUES (?, ?, ?)",
            [
                (id, checksum(photo.content_hash, photo.thumbnail), photo.thumbnail)
                for id, photo in photos.items()
                if photo.thumbnail is not None
            ],
        )

    def _end_batch(self, last_photo_id: int, photos: int) -> None:
        """Store the checksum of the rows that were written since the last batch, up to a photo."""
        digest, ids = _Digest(), {"after": self._last_id, "last": last_photo_id}
        for table, query in pack_tables.BATCH_ROWS.items():
            digest.add(table, self._connection.execute(query, ids))
        digest.add("thumbnails", self._connection.execute(pack_tables.BATCH_THUMBNAILS, ids))
        self._connection.execute(
            "INSERT INTO batches VALUES (?, ?, ?)", (last_photo_id, photos, digest.text())
        )
        self._last_id = last_photo_id

    def finish(self, info: PackInfo) -> None:
        """Write what the pack states about itself, and its checksum."""
        self._connection.execute(
            "INSERT INTO pack VALUES (?, ?, ?, ?, '')",
            (info.made_by, _moment_text(info.made_at), self.photos, self.files),
        )
        self._connection.execute("UPDATE pack SET sha256 = ?", (_common_digest(self._connection),))


def _batches(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Photos, by id, in batches of at most `_BATCH_BYTES`; `sizes` are what they take, in bytes.

    A batch has at least one photo.
    """
    batch: list[int] = []
    size = 0
    for photo_id, size_bytes in sizes.items():
        if batch and size + size_bytes > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(photo_id)
        size += size_bytes
    if batch:
        yield batch


def _size_of(photo: PackedPhoto) -> int:
    """About how many bytes the rows of a photo take, without its thumbnail."""
    texts = (value for fact in FACTS for value in _texts(getattr(photo.facts, fact.name)))
    lines = () if photo.text is None else (line.text for line in photo.text.lines)
    vectors = (vector for each in photo.vectors for vector in each.vectors)
    return sum(map(len, chain(texts, lines, vectors, (file.path for file in photo.files))))


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return value if isinstance(value, tuple) else ()


@contextmanager
def writing_pack(path: Path, info: PackInfo) -> Iterator[PackWriter]:
    """Write a pack, whole or not at all. The numbers of photos and files in `info` are counted.

    It is written beside `path` and then takes its name, in place of a pack that is there. Only
    this user can open it. What an interrupted process left behind is written over. Raises
    UsageError where `path` is another file, PackLocked while another process writes this pack, and
    DiskError.
    """
    if os.path.exists(path) and not is_pack(path):  # noqa: PTH110  # Path raises for long names
        raise UsageError(
            f"{path} exists and is not a pack, so it was left as it is. Choose another name for "
            "the pack."
        )
    draft = path.with_name(f".{path.name}.new")
    with _translating(path), _open_locked(draft, path) as file:
        try:
            file.truncate(0)
            with closing(PackWriter(draft)) as writer:
                writer.begin(info)
                yield writer
                writer.finish(info)
            os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise


def is_pack(path: Path) -> bool:
    """Whether a file begins as a pack does."""
    try:
        with path.open("rb") as file:
            return _application_of(file.read(_HEADER_BYTES)) == pack_tables.APPLICATION_ID
    except OSError:
        return False


def _application_of(header: bytes) -> int | None:
    """The application id that the header of an SQLite database states; None for another file."""
    is_whole = len(header) == _HEADER_BYTES and header.startswith(_MAGIC)
    return int.from_bytes(header[68:72], "big") if is_whole else None


@contextmanager
def _open_locked(draft: Path, path: Path) -> Iterator[BinaryIO]:
    """The draft, open for writing by this process alone; the lock ends with the process."""
    while True:
        private_files.create_file(draft)
        with draft.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PackLocked(
                    f"Another imgsearch is writing the pack {path}. Wait for it to finish."
                ) from None
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), draft.stat()):
                    yield file
                    return
        # Another process has just finished: what was locked is its pack by now.


@contextmanager
def _translating(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        name = getattr(error, "sqlite_errorname", "")
        is_full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if is_full or name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            raise DiskError(
                f"The disk that holds {path.parent} is full or failing. The pack was not written; "
                "one that was there is unchanged. Free some space, or choose another place for it."
            ) from error
        if isinstance(error, sqlite3.Error) and not name.startswith("SQLITE_CANTOPEN"):
            raise  # a bug in this program, not a fault of the disk
        problem = getattr(error, "strerror", None) or error
        raise DiskError(
            f"Cannot write the pack {path} ({problem}). Check that its folder exists and that you "
            "may write to it."
        ) from error


# ------------------------------------------------------------------------- reading


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
                    self._facts = pack_tables.check_schema(self._connection, self._version)
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
        """The version of the schema, which the header states; its other fields are checked."""
        try:
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise self._no_pack()
            with self.path.open("rb") as file:
                header = file.read(_HEADER_BYTES)
        except FileNotFoundError:
            raise UsageError(f"There is no pack {self.path}. Check its name.") from None
        except OSError as error:
            raise PackError(
                f"The pack {self.path} cannot be read ({error.strerror}). Check its permissions."
            ) from error
        is_short = header and len(header) < _HEADER_BYTES
        application = _application_of(header)
        page_bytes, pages = (
            int.from_bytes(header[at:end], "big") for at, end in ((16, 18), (28, 32))
        )
        size_bytes = pages * (65_536 if page_bytes == 1 else page_bytes)
        if (is_short and header.startswith(_MAGIC[: len(header)])) or (
            application == pack_tables.APPLICATION_ID and status.st_size < size_bytes
        ):
            raise PackError(
                f"The pack {self.path} is cut off: its end is missing, as after a copy that was "
                "interrupted. Copy it again, or make it again with imgsearch pack."
            )
        if application != pack_tables.APPLICATION_ID:
            raise self._no_pack()
        version = int.from_bytes(header[60:64], "big")
        if version > len(migrations.NAMES):
            raise PackTooNew(
                f"The pack {self.path} was made by a newer imgsearch (schema {version}, this one "
                f"knows {len(migrations.NAMES)}). Update imgsearch: {update_command()}"
            )
        if version < pack_tables.FIRST_VERSION:
            raise self._damage(f"there is no schema {version} of packs")
        return version

    def _no_pack(self) -> PackError:
        return PackError(
            f"{self.path} is not a pack of imgsearch. Name the file that imgsearch pack has "
            "written."
        )

    def _connect(self) -> sqlite3.Connection:
        # Immutable: SQLite writes nothing, takes no lock and looks for no journal of this file.
        uri = f"file:{quote(os.fsencode(self.path))}?mode=ro&immutable=1"
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
        not read for that: they are looked up by the number of their photo.
        """
        if self._connection.execute("PRAGMA encoding").fetchone() != ("UTF-8",):
            raise ValueError("its texts are not in UTF-8")
        tables = (*pack_tables.PHOTO_TABLES, *pack_tables.COMMON_TABLES)
        for table in (*tables, "pack", "named_photos", "batches"):
            self._check_pages(f"PRAGMA quick_check('{table}')")

    def _check_pages(self, pragma: str) -> None:
        (problem,) = self._connection.execute(pragma).fetchone()
        if problem != "ok":
            raise ValueError(problem)

    def _read_info(self) -> PackInfo:
        """What the pack states about itself; the checksum of that is compared."""
        execute = self._connection.execute
        for table in pack_tables.COMMON_ROWS:
            pack_tables.check_types(self._connection, table)
        rows = execute("SELECT made_by, made_at, photos, files, sha256 FROM pack LIMIT 2")
        ((made_by, made_at, photos, files, sha256),) = rows.fetchall()
        roots = execute("SELECT path, volume, volume_path FROM roots LIMIT 2")
        ((folder, volume, volume_path),) = roots.fetchall()
        if _common_digest(self._connection) != sha256:
            raise ValueError("its checksum is wrong")
        encoders = tuple(
            PackEncoder(encoder_id, name, dim, state == "current")
            for encoder_id, name, dim, state in self._notes(
                'SELECT encoder_id, name, dim, state FROM encoders ORDER BY "key"'
            )
        )
        info = PackInfo(
            made_by=made_by,
            made_at=_moment(made_at),
            folder=folder.decode(),
            volume=volume,
            volume_path=None if volume_path is None else volume_path.decode(),
            encoders=encoders,
            fact_names=self._fact_names(),
            photos=photos,
            files=files,
            searches=self._searches(),
            concepts=self._concepts(),
        )
        _check_info(info)
        return info

    def _fact_names(self) -> tuple[str, ...]:
        columns = {name for _, name, *_ in self._connection.execute("PRAGMA table_info(photos)")}
        return tuple(fact.name for fact in FACTS if fact.name in columns | LIST_FACTS.keys())

    def _searches(self) -> tuple[PackedSearch, ...]:
        named = {
            photo_id: _hex(content_hash)
            for photo_id, content_hash in self._notes("SELECT * FROM named_photos")
        }
        query = "SELECT name, line, k, include_weak, saved_at FROM saved_searches ORDER BY key"
        return tuple(
            PackedSearch(name, line, k, bool(include_weak), _moment(saved_at), named)
            for name, line, k, include_weak, saved_at in self._notes(query)
        )

    def _concepts(self) -> tuple[PackedConcept, ...]:
        examples: dict[int, list[PackedExample]] = {}
        query = "SELECT concept_id, content_hash, is_like, picture FROM concept_examples"
        for concept_id, content_hash, is_like, picture in self._notes(query):
            example = PackedExample(_hex(content_hash), bool(is_like), picture)
            examples.setdefault(concept_id, []).append(example)
        query = "SELECT id, name, words FROM concepts ORDER BY plain_name"
        return tuple(
            PackedConcept(name, words, tuple(examples.get(concept_id, ())))
            for concept_id, name, words in self._notes(query)
        )

    def _notes(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Rows that are not of single photos, unless they take too much memory."""
        left = _MAX_NOTES_BYTES
        for row in self._connection.execute(query):
            left -= 1000 + sum(len(value) for value in row if isinstance(value, str | bytes))
            if left < 0:
                raise ValueError(
                    "its saved searches, concepts or encoders take more memory than they may"
                )
            yield row

    def _make_empty_batch(self) -> bytes:
        """A database for the photos of a batch, with the folder and the encoders of the pack."""
        with closing(_in_memory()) as batch:
            pack_tables.create_batch(batch, self._version, self._facts)
            for table in ("roots", "encoders"):
                _insert(batch, table, self._connection.execute(f"SELECT * FROM {table}"))
            return batch.serialize()

    # ------------------------------------------------------------------ photos

    def sample_files(self, count: int) -> list[PackedFile]:
        """At most this many files, from all over the pack."""
        with self._reading():
            execute = self._connection.execute
            (last,) = execute("SELECT coalesce(max(id), 0) FROM paths").fetchone()
            step = max(1, last // count)
            query = "SELECT id, name, size_bytes, mtime_ns FROM paths WHERE id >= ? LIMIT 1"
            files: dict[int, PackedFile] = {}
            for first in range(1, last + 1, step):
                for file_id, *file in execute(query, (first,)):
                    files[file_id] = _packed_file(*file)
            return list(files.values())

    def batches(self) -> Iterator[PackedBatch]:
        """The photos, checked, in the order of the pack."""
        query = (
            "SELECT last_photo_id, photos, sha256 FROM batches WHERE last_photo_id > ? "
            "ORDER BY last_photo_id LIMIT 1"
        )
        after = _LOWEST_ID
        while True:
            with self._reading():
                row = self._connection.execute(query, (after,)).fetchone()
                if row is None:
                    return
                batch = self._read_batch(after, *row)
            yield batch
            after = row[0]

    def _read_batch(self, after: int, last: int, photos: int, sha256: str) -> PackedBatch:
        if photos > PHOTOS_AT_ONCE:
            raise ValueError("too many photos are in one part")
        ids, digest = {"after": after, "last": last}, _Digest()
        with closing(_in_memory()) as batch:
            batch.deserialize(self._empty_batch)
            (page_bytes,) = batch.execute("PRAGMA page_size").fetchone()
            batch.execute(f"PRAGMA max_page_count = {_MAX_BATCH_BYTES // page_bytes}")
            batch.execute("BEGIN")
            for table, query in pack_tables.BATCH_ROWS.items():
                rows = self._connection.execute(query, ids)
                _insert(batch, table, digest.rows(table, rows))
            batch.execute("COMMIT")
            crc32s: dict[int, int] = {}
            rows = self._connection.execute(pack_tables.BATCH_THUMBNAILS, ids)
            for photo_id, crc32 in digest.rows("thumbnails", rows):
                crc32s[photo_id] = crc32
                if len(crc32s) > photos:
                    raise ValueError("a thumbnail has no photo")
            if digest.text() != sha256:
                raise ValueError("a checksum of photos is wrong")
            pack_tables.check_rows(batch)
            (found,) = batch.execute("SELECT count(*) FROM photos").fetchone()
            if found != photos:
                raise ValueError("it has another number of photos than it states")
            _check_vectors(batch)
            _write_moments(batch)
            hashes = dict(batch.execute("SELECT id, content_hash FROM photos"))
            if not crc32s.keys() <= hashes.keys():
                raise ValueError("a thumbnail has no photo")
            files = batch.execute("SELECT photo_id, name, size_bytes, mtime_ns FROM paths")
            packed_files = tuple((photo_id, _packed_file(*file)) for photo_id, *file in files)
            if self._version != pack_tables.VERSION:
                migrations.migrate(batch)
            return PackedBatch(
                photos,
                batch.serialize(),
                packed_files,
                {photo_id: (hashes[photo_id], crc32) for photo_id, crc32 in crc32s.items()},
            )

    def thumbnails(
        self, batch: PackedBatch, wanted: Collection[bytes]
    ) -> Iterator[dict[bytes, bytes]]:
        """The thumbnails of those photos of a batch, by their content hash, a few at a time."""
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
        (image,) = self._connection.execute(query, (photo_id,)).fetchone()
        if not isinstance(image, bytes) or not _is_webp(image):
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
            f"The pack {self.path} is damaged ({problem.splitlines()[0]}). Copy it again, or make "
            "it again with imgsearch pack."
        )


def _in_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


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


def _check_info(info: PackInfo) -> None:
    """Raise ValueError for what no library states: a pack may come from anybody."""
    ids = [encoder.encoder_id for encoder in info.encoders]
    if len(set(ids)) < len(ids) or sum(encoder.is_current for encoder in info.encoders) > 1:
        raise ValueError("an encoder occurs twice")
    if not all(1 <= encoder.dim <= _MAX_DIM for encoder in info.encoders):
        raise ValueError("an encoder has an impossible number of dimensions")
    texts = (info.folder, info.volume or "", info.volume_path or "")
    if "/" in info.folder or info.folder == ".." or any("\0" in text for text in texts):
        raise ValueError("its folder has no name")


def _hex(content_hash: bytes) -> str:
    if len(content_hash) != _HASH_BYTES:
        raise ValueError("a photo has no content")
    return content_hash.hex()


def _packed_file(name: bytes, size_bytes: int, mtime_ns: int) -> PackedFile:
    path = os.fsdecode(name)
    parts = PurePosixPath(path).parts
    # A path that leads out of the folder would show files that are no photos.
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise ValueError("a path leads out of its folder")
    return PackedFile("/".join(parts), size_bytes, mtime_ns)


def _check_vectors(batch: sqlite3.Connection) -> None:
    """Raise ValueError unless each vector has a length of 1. Its number of bytes is right."""
    import numpy as np

    for key, dim in batch.execute('SELECT "key", dim FROM encoders').fetchall():
        cursor = batch.execute("SELECT vector FROM vectors WHERE encoder_key = ?", (key,))
        while some := cursor.fetchmany(max(1, _NUMBERS_AT_ONCE // dim)):
            halves = np.frombuffer(b"".join(vector for (vector,) in some), "<f2")
            lengths = np.linalg.norm(halves.astype(np.float32).reshape(-1, dim), axis=1)
            if not (np.abs(lengths - 1) < _MAX_LENGTH_ERROR).all():
                raise ValueError("a vector is not of length 1")


def _write_moments(batch: sqlite3.Connection) -> None:
    """Write all dates as a library has them. Raises ValueError for what is no date."""
    local = {fact.name: _local_text for fact in FACTS if fact.type is datetime}
    for table, key, column, text_of in (
        *(("photos", "id", name, text_of) for name, text_of in local.items()),
        *(
            ("photos", "id", "facts_at", _utc_text),
            ("text_readings", "photo_id", "read_at", _utc_text),
        ),
    ):
        rows = batch.execute(f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL")
        texts = ((text_of(text), row_id, text) for row_id, text in rows.fetchall())
        batch.executemany(
            f"UPDATE {table} SET {column} = ? WHERE {key} = ?",
            [(right, row_id) for right, row_id, text in texts if right != text],
        )


def _local_text(text: str) -> str:
    return datetime.fromisoformat(text).isoformat()


def _utc_text(text: str) -> str:
    return _moment_text(_moment(text))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time has no time zone")
    return moment.astimezone(UTC)


def _moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _is_webp(content: bytes) -> bool:
    is_riff = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return is_riff and len(content) <= _MAX_THUMBNAIL_BYTES
