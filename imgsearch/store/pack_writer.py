"""Writes packs: small libraries with the photos of one folder, to carry to another library.

A pack is written beside its place, whole or not at all. Its format is in `pack_format`.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from imgsearch import file_locks, private_files
from imgsearch.errors import DiskError, PackLocked, UsageError
from imgsearch.paths import database_uri, stored_path
from imgsearch.records.pack import PackedPhoto, PackInfo
from imgsearch.records.photo import FACTS
from imgsearch.records.picture_text import MOST_LINES
from imgsearch.replacing import rename_over
from imgsearch.store import pack_format
from imgsearch.store.pack_format import NO_EXTRAS, Extras, moment_text
from imgsearch.store.sql import FACT_COLUMNS, LIST_FACTS, to_columns, with_pragmas
from imgsearch.store.thumbnails import checksum

# A batch has fewer photos where they have long texts, many keywords or many vectors.
_BATCH_BYTES = 6_000_000
_CACHE_KB = 64_000  # hashes of photos come in no order, and an index has them sorted
_TEXTS = attrgetter(*(fact.name for fact in FACTS if fact.type is str))
_LISTS = attrgetter(*LIST_FACTS)


class PackWriter:
    """Writes photos to a pack that `writing_pack` has begun: records, or rows that SQL copies.

    `connection` is to the database of the pack. Rows that are written there become a batch by
    `end_batch`. The numbers of photos and files are known at the end.
    """

    def __init__(self, draft: Path, extras: Extras) -> None:
        # Without SQLite's own locks: `writing_pack` has one, and has the file open itself, so that
        # closing it would end them.
        uri = database_uri(draft, "mode=rw&nolock=1")
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        self.connection = with_pragmas(
            connection, "journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KB}"
        )
        self.extras = extras
        self._last_id = 0
        self.photos = 0
        self.files = 0

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def begin(self, info: PackInfo) -> None:
        """Write what belongs to the whole pack: its folder and encoders."""
        with self._transaction():
            pack_format.create(self.connection, self.extras)
            self._add_notes(info)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN")
        yield  # after an error the file is deleted
        self.connection.execute("COMMIT")

    def _add_notes(self, info: PackInfo) -> None:
        execute, many = self.connection.execute, self.connection.executemany
        place = None if info.volume_path is None else info.volume_path.encode()
        execute(
            "INSERT INTO roots (id, path, added_at, volume, volume_path) VALUES (1, ?, ?, ?, ?)",
            (info.folder.encode(), moment_text(info.made_at), info.volume, place),
        )
        many(
            "INSERT INTO encoders (encoder_id, name, dim, state) VALUES (?, ?, ?, ?)",
            [
                (each.encoder_id, each.name, each.dim, "current" if each.is_current else "kept")
                for each in info.encoders
            ],
        )

    def add(self, photos: Sequence[PackedPhoto]) -> None:
        """Write photos, at most `PHOTOS_AT_ONCE`; `writing_pack` translates its errors."""
        of_id = dict(enumerate(photos, self._last_id + 1))
        with self._transaction():
            for ids in batches_of({id: size_of(photo) for id, photo in of_id.items()}):
                some = {id: of_id[id] for id in ids}
                insert_photos(self.connection, some, self.extras)
                self.add_thumbnails(
                    (id, photo.content_hash, photo.thumbnail) for id, photo in some.items()
                )
                self.end_batch(ids[-1], len(ids))

    def add_thumbnails(self, images: Iterable[tuple[int, bytes, bytes | None]]) -> None:
        """Write small pictures: the id of a photo, the hash of its content, and WebP or None."""
        self.connection.executemany(
            "INSERT INTO thumbnails (photo_id, crc32, image) VALUES (?, ?, ?)",
            (
                (photo_id, checksum(content_hash, image), image)
                for photo_id, content_hash, image in images
                if image is not None
            ),
        )

    def end_batch(self, last_photo_id: int, photos: int) -> None:
        """Store the checksum of the rows that were written since the last batch, up to a photo."""
        digest, ids = pack_format.Digest(), {"after": self._last_id, "last": last_photo_id}
        for table, query in pack_format.batch_rows(self.extras.faces).items():
            digest.add(table, self.connection.execute(query, ids))
        digest.add("thumbnails", self.connection.execute(pack_format.BATCH_THUMBNAILS, ids))
        self.connection.execute(
            "INSERT INTO batches VALUES (?, ?, ?)", (last_photo_id, photos, digest.text())
        )
        self._last_id = last_photo_id

    def finish(self, info: PackInfo) -> None:
        """Write what the pack states about itself, and its checksum."""
        (self.photos,) = self.connection.execute(
            "SELECT coalesce(sum(photos), 0) FROM batches"
        ).fetchone()
        (self.files,) = self.connection.execute("SELECT count(*) FROM paths").fetchone()
        self.connection.execute(
            "INSERT INTO pack VALUES (?, ?, ?, ?, '')",
            (info.made_by, moment_text(info.made_at), self.photos, self.files),
        )
        sha256 = pack_format.common_checksum(self.connection, self.extras)
        self.connection.execute("UPDATE pack SET sha256 = ?", (sha256,))


def insert_photos(
    connection: sqlite3.Connection, photos: Mapping[int, PackedPhoto], extras: Extras
) -> None:
    """Insert photos, by their ids, into the tables of a pack, without thumbnails and faces.

    The tables have the columns of `extras`.
    """
    many = connection.executemany
    columns = ("size_bytes", "added_at", "facts_at", *(fact.name for fact in FACT_COLUMNS))
    many(
        f"INSERT INTO photos (id, content_hash, {', '.join(columns)}) "
        f"VALUES (?, ?{', ?' * len(columns)})",
        [
            (id, photo.content_hash, photo.size_bytes, *[moment_text(photo.facts_at)] * 2,
             *to_columns(photo.facts).values())
            for id, photo in photos.items()
        ],
    )  # fmt: skip
    if extras.unread:
        many(
            "UPDATE photos SET mark_unread = ? WHERE id = ?",
            [
                (json.dumps(photo.unread_facts), id)
                for id, photo in photos.items()
                if photo.unread_facts
            ],
        )
    if extras.marks:
        many(
            "UPDATE photos SET mark_favourite = ?, mark_hidden = ?, mark_rating = ? WHERE id = ?",
            [
                (photo.marks.favourite, photo.marks.hidden, photo.marks.rating, id)
                for id, photo in photos.items()
            ],
        )
    many(
        "INSERT INTO paths (root_id, name, photo_id, size_bytes, mtime_ns, inode) "
        "VALUES (1, ?, ?, ?, ?, 0)",
        [
            (stored_path(file.path), id, file.size_bytes, file.mtime_ns)
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
            (id, text.state, text.reader, moment_text(text.read_at), text.message)
            for id, text in read.items()
        ],
    )
    many(
        "INSERT INTO text_lines (photo_id, place, line, x, y, width, height, confidence) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (id, place, line.text, line.x, line.y, line.width, line.height, line.confidence)
            for id, text in read.items()
            for place, line in enumerate(text.lines[:MOST_LINES])
        ],
    )


def batches_of(sizes: Mapping[int, int]) -> Iterator[list[int]]:
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


def size_of(photo: PackedPhoto) -> int:
    """Estimate how many bytes the rows of a photo take, without its thumbnail."""
    texts, lists = filter(None, _TEXTS(photo.facts)), chain.from_iterable(_LISTS(photo.facts))
    lines = () if photo.text is None else (line.text for line in photo.text.lines)
    vectors = chain.from_iterable(each.vectors for each in photo.vectors)
    return sum(map(len, chain(texts, lists, lines, vectors, (file.path for file in photo.files))))


@contextmanager
def writing_pack(
    path: Path,
    info: PackInfo,
    lock_open_files: bool = file_locks.CAN_LOCK_OPEN_FILES,
    extras: Extras = NO_EXTRAS,
) -> Iterator[PackWriter]:
    """Write a pack, whole or not at all. The numbers of photos and files in `info` are counted.

    It has the tables of `extras`, which are empty until they are written.

    It is written beside `path` and then takes its name, in place of a pack that is there. Only
    this user can open it. What an interrupted process left behind is written over. Raises
    UsageError where `path` is another file, PackLocked while another process writes this pack, and
    DiskError.
    """
    if os.path.exists(path) and not pack_format.is_pack(path):  # noqa: PTH110  # Path raises for long names
        raise UsageError(
            f"{path} exists and is not a pack, so it was left as it is. Choose another name for "
            "the pack."
        )
    draft = path.with_name(f".{path.name}.new")
    locked = _open_locked if lock_open_files else _open_with_lock_file
    with _translating(path), locked(draft, path) as file:
        try:
            file.truncate(0)
            with closing(PackWriter(draft, extras)) as writer:
                writer.begin(info)
                yield writer
                writer.finish(info)
            os.fsync(file.fileno())
            if not lock_open_files:
                file.close()  # Windows renames no open file
            rename_over(draft, path)
        except BaseException:
            if not lock_open_files:
                file.close()
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise


@contextmanager
def _open_locked(draft: Path, path: Path) -> Iterator[BinaryIO]:
    """Provide the draft, open for writing by this process alone; the lock ends with the process."""
    while True:
        private_files.create_file(draft)
        with draft.open("r+b") as file:
            try:
                file_locks.lock_open_file(file.fileno(), wait=False)
            except BlockingIOError:
                raise _locked(path) from None
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), draft.stat()):
                    yield file
                    return
        # Another process has just finished: what was locked is its pack by now.


@contextmanager
def _open_with_lock_file(draft: Path, path: Path) -> Iterator[BinaryIO]:
    """Provide the same under the lock of a file beside it, for Windows."""
    try:
        with file_locks.lock_file_beside(draft.with_name(f"{draft.name}.lock"), wait=False):
            private_files.create_file(draft)
            with draft.open("r+b") as file:
                yield file
    except BlockingIOError:
        raise _locked(path) from None


def _locked(path: Path) -> PackLocked:
    return PackLocked(f"Another imgsearch is writing the pack {path}. Wait for it to finish.")


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
