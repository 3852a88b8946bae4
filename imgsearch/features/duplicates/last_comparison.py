"""The result of the last comparison of a library, in a file of its working folder.

Comparing takes a minute or more, so the groups outlive the process that has found them. The file
names each photo by its id and its content: a library that was made anew gives the same ids to other
photos, and a pair of these must never be proposed for removal.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from imgsearch import private_files
from imgsearch.caches import MemoryCache
from imgsearch.errors import DiskError
from imgsearch.features.duplicates.records import Comparison, Pair, Pairs, Sharpness
from imgsearch.search.library_photos import LibraryPhotos

FILE = "near-duplicates"  # its name
_VERSION = 1  # of its content
_CHECKSUM_BYTES = 16
_HASH_BYTES = 16  # of the hash of a photo's content


# What the files have, or would have if they could be written, by the folders of libraries.
_recent: MemoryCache[Path] = MemoryCache(2, keeps_outdated=True)


class _Stored(Struct, frozen=True, array_like=True):
    """The content of the file. Pairs and sharpness name photos by their place among the ids."""

    version: int
    encoder_id: str
    compared_at: datetime
    min_score: float
    ids: tuple[int, ...]
    hashes: tuple[bytes, ...]
    pairs: tuple[tuple[int, int, float], ...]
    sharpness: tuple[Sharpness, ...]


def remember(folder: Path, photos: LibraryPhotos, pairs: Pairs) -> Comparison:
    """Write the pairs of a library, in place of those before.

    Raises DiskError; what could not be written is remembered until this process ends.
    """
    records = photos.records(pairs.photo_ids())
    ids = tuple(records)
    places = {photo_id: place for place, photo_id in enumerate(ids)}
    stored = _Stored(
        _VERSION,
        photos.encoder.encoder_id,
        datetime.now(UTC),
        pairs.min_score,
        ids,
        tuple(_hash(records[each].photo.content_hash) for each in ids),
        tuple(
            (places[pair.a], places[pair.b], pair.score)
            for pair in pairs.pairs
            if pair.a in places and pair.b in places
        ),
        tuple(pairs.sharpness.get(each, ()) for each in ids),
    )
    content = msgspec.msgpack.encode(stored)
    path = folder / FILE
    try:
        private_files.replace_file(path, _checksum(content) + content)
    except OSError as error:
        _recent.keep(folder, _state_of(path), stored)
        raise DiskError(
            f"Cannot write {path} ({error.strerror}), so these near-duplicates are forgotten when "
            "the program ends. Free some space or make the folder writable, and compare again."
        ) from error
    return Comparison(pairs, stored.compared_at)


def remembered(folder: Path, photos: LibraryPhotos) -> Comparison | None:
    """Return what was remembered last, of the photos that are in the library still.

    None without a file, for a damaged one, and for one made with another encoder than that of the
    photos. Raises DiskError for a file that cannot be read.
    """
    stored = _last(folder)
    if stored is None or stored.encoder_id != photos.encoder.encoder_id:
        return None
    records = photos.records(stored.ids)
    known = [
        photo_id in records and _hash(records[photo_id].photo.content_hash) == content
        for photo_id, content in zip(stored.ids, stored.hashes, strict=True)
    ]
    pairs = tuple(
        Pair(stored.ids[a], stored.ids[b], score)
        for a, b, score in stored.pairs
        if known[a] and known[b]
    )
    sharpness = {
        photo_id: measured
        for photo_id, measured, is_known in zip(stored.ids, stored.sharpness, known, strict=True)
        if is_known and measured
    }
    return Comparison(Pairs(stored.min_score, pairs, sharpness), stored.compared_at)


def _state_of(path: Path) -> tuple[int, int, int] | None:
    """Return what changes whenever the file is written; None where it cannot be found."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def when_compared(folder: Path) -> datetime | None:
    """Return when the last comparison ended; None without one. Raises as `remembered` does."""
    stored = _last(folder)
    return None if stored is None else stored.compared_at


def _last(folder: Path) -> _Stored | None:
    path = folder / FILE
    return _recent.get(folder, lambda: _read(path), lambda: _state_of(path))


def _read(path: Path) -> _Stored | None:
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DiskError(
            f"Cannot read {path} ({error.strerror}). Make it readable, or delete it and compare "
            "again."
        ) from error
    checksum, content = written[:_CHECKSUM_BYTES], written[_CHECKSUM_BYTES:]
    if checksum != _checksum(content):
        return None
    try:
        stored = msgspec.msgpack.decode(content, type=_Stored)
    except msgspec.MsgspecError:
        return None  # of another version
    return stored if stored.version == _VERSION else None


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM_BYTES).digest()


def _hash(content_hash: str) -> bytes:
    return bytes.fromhex(content_hash)[:_HASH_BYTES]
