"""The file of a backup: JSON lines, compressed by gzip where its name ends in `.gz`.

The first line is about the file, and each other line is an item: `{"kind": "mark", "key": "…",
"value": {…}}`. Kinds, keys and values are those of `imgsearch.items`. The first line has
the number of items and a checksum of their lines, so that a file that was cut off is known.

A file may come from anywhere. So everything that is read has a bound, before it is in memory.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
from msgspec import Meta, Struct

from imgsearch import private_files
from imgsearch.errors import CommandLine, DiskError, Sentence, UsageError
from imgsearch.features.backup.records import Backup, BackupError
from imgsearch.items.item import UserItem
from imgsearch.text import format_count
from imgsearch.version import VERSION

FORMAT = 1
COMPRESSED = ".gz"
MOST_ITEMS = 1_000_000
MOST_LINE_BYTES = 16_000_000  # an example image of a saved search
MOST_BYTES = 512_000_000  # of all lines
_GZIP = b"\x1f\x8b"
_LEVEL = 3  # hashes do not get smaller by a higher one
_PART_BYTES = 1 << 16
_Moment = Annotated[datetime, Meta(tz=True)]
_LETTERS_OF_CHECKSUM = 32


class _FirstLine(Struct, frozen=True):
    """The first line of a file."""

    imgsearch_backup: int
    made_at: _Moment
    made_by: str
    folders: tuple[str, ...]
    counts: Mapping[str, int]
    checksum: str


class _Format(Struct, frozen=True):
    """The format of a file, which a newer one has as well."""

    imgsearch_backup: int


class _ItemLine(Struct, frozen=True):
    """A line with an item."""

    kind: str
    key: str
    value: msgspec.Raw


# ------------------------------------------------------------------------- writing


class Content(Struct, frozen=True):
    """The items of a file as lines, with the checksum of these and numbers of items by kind."""

    lines: Sequence[bytes]
    checksum: str
    counts: Mapping[str, int]


def content_of(items: Iterable[UserItem]) -> Content:
    """Return the content of a file with these items.

    Raises UsageError for more than a file may have.
    """
    lines: list[bytes] = []
    size_bytes, counts = 0, Counter[str]()
    for item in items:
        assert item.value is not None  # nothing that was removed is in a backup
        encoded = _ItemLine(item.kind, item.key, msgspec.Raw(item.value.encode()))
        lines.append(msgspec.json.encode(encoded) + b"\n")
        size_bytes += len(lines[-1])
        counts[item.kind] += 1
    if len(lines) > MOST_ITEMS or size_bytes > MOST_BYTES:
        raise UsageError(
            f"This library has {format_count(len(lines), 'item')} to back up "
            f"({size_bytes / 1e6:,.0f} MB), more than a backup may have: {MOST_ITEMS:,} and "
            f"{MOST_BYTES / 1e6:,.0f} MB. Copy the file library.db of the data folder while "
            "nothing writes to it."
        )
    return Content(lines, checksum_of(lines), dict(sorted(counts.items())))


def write(file: Path, content: Content, made_at: datetime, folders: Iterable[str]) -> Backup:
    """Write a backup whole or not at all, readable by its owner only. Raises DiskError."""
    first = _FirstLine(
        FORMAT, made_at, f"imgsearch {VERSION}", tuple(folders), content.counts, content.checksum
    )
    whole = [msgspec.json.encode(first) + b"\n", *content.lines]
    try:
        private_files.replace_file_by_parts(
            file, _compressed(whole) if file.name.endswith(COMPRESSED) else whole
        )
    except OSError as error:
        raise DiskError(
            f"Cannot write {file} ({error.strerror}). Make room there and make the folder "
            "writable, or choose another place."
        ) from error
    return _backup(file, first)


def checksum_of(lines: Iterable[bytes]) -> str:
    """Return the checksum of the lines with the items of a file."""
    digest = _new_digest()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def _new_digest() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=_LETTERS_OF_CHECKSUM // 2)


def _compressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_LEVEL, wbits=zlib.MAX_WBITS | 16)  # with the frame of gzip
    for part in parts:
        yield packer.compress(part)
    yield packer.flush()


# ------------------------------------------------------------------------- reading


def read_first_line(file: Path) -> tuple[Backup, str]:
    """Return what a backup says about itself, and the checksum of its items.

    Raises BackupError for what is no backup that this version can read, and DiskError.
    """
    with _opened(file) as stream:
        first = _first_line(file, stream)
        return _backup(file, first), first.checksum


def read(file: Path) -> tuple[Backup, list[UserItem]]:
    """Read and check a whole backup. Raises BackupError and DiskError."""
    items: list[UserItem] = []
    digest, left = _new_digest(), MOST_BYTES
    with _opened(file) as stream:
        first = _first_line(file, stream)
        while line := stream.readline(min(left, MOST_LINE_BYTES) + 1):
            left -= len(line)
            if left < 0 or len(line) > MOST_LINE_BYTES or len(items) == MOST_ITEMS:
                raise BackupError(
                    f"{file} is larger than any backup: {MOST_ITEMS:,} items and "
                    f"{MOST_BYTES / 1e6:,.0f} MB at most, {MOST_LINE_BYTES / 1e6:,.0f} MB a line. "
                    "Nothing was changed. Choose another file."
                )
            digest.update(line)
            items.append(_item(file, line, len(items) + 2))
    if digest.hexdigest() != first.checksum:
        total = sum(first.counts.values())
        raise BackupError(
            f"{file} is damaged: it has {len(items):,} of {format_count(total, 'item')}"
            + (", some of them changed" if len(items) == total else "")
            + ". Nothing was changed. Copy it again, or choose another one: a library keeps copies "
            "in the folder backups of its data folder."
        )
    return _backup(file, first), items


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """Open a backup for reading, through gzip if it is compressed."""
    try:
        with file.open("rb") as raw:
            is_compressed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            if not is_compressed:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
                yield unpacked  # type: ignore[misc]  # it reads as a BinaryIO does
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BackupError(
            f"{file} is cut off or damaged ({error}). Nothing was changed. Copy it again, or "
            "choose another one."
        ) from error
    except FileNotFoundError as error:
        raise UsageError(
            Sentence(f"There is no file {file}. To make a backup: ", CommandLine("backup FILE"))
        ) from error
    except (OSError, ValueError) as error:  # ValueError for a path with a zero byte
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DiskError(f"Cannot read {file} ({reason}). Choose another file.") from error


def _first_line(file: Path, stream: BinaryIO) -> _FirstLine:
    line = stream.readline(MOST_LINE_BYTES)
    try:
        number = msgspec.json.decode(line, type=_Format).imgsearch_backup
        if number > FORMAT:
            raise BackupError(
                f"{file} was made by a newer imgsearch (format {number}; this one reads up to "
                f"{FORMAT}). Nothing was changed. Update imgsearch, then restore it."
            )
        return msgspec.json.decode(line, type=_FirstLine)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BackupError(
            Sentence(
                f"{file} is not a backup of imgsearch, or its first line is damaged. Nothing was "
                "changed. To make a backup: ",
                CommandLine("backup FILE"),
            )
        ) from error


def _item(file: Path, line: bytes, number: int) -> UserItem:
    try:
        parsed = msgspec.json.decode(line, type=_ItemLine)
        value = bytes(parsed.value).decode()
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BackupError(
            f"{file} is damaged: line {number:,} is no item. Nothing was changed. Copy it again, "
            "or choose another one."
        ) from error
    return UserItem(parsed.kind, parsed.key, value, 0, "")


def _backup(file: Path, first: _FirstLine) -> Backup:
    return Backup(file, first.made_at, first.made_by, first.folders, first.counts)
