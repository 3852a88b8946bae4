"""Writes and verifies snapshot files, crash-safe, and decides when to rebuild them."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from msgspec import Struct

from imgsearch import private_files
from imgsearch.errors import CommandLine, DiskError, Sentence, SnapshotError
from imgsearch.index.base import OnStep
from imgsearch.index.policy import IndexPolicy

if TYPE_CHECKING:  # a query opens snapshots, but must not load the writer
    from imgsearch.records.index import SnapshotInfo
    from imgsearch.store.store import Store

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Written(Struct, frozen=True):
    """A complete file, synced to the disk under its final name."""

    path: Path
    size_bytes: int
    sha256: str
    written_at: datetime


def write(path: Path, suffix: str, dump: Callable[[BinaryIO], None], on_step: OnStep) -> Written:
    """Write a file named `path` plus its checksum and `suffix`, completely or not at all.

    The bytes go to a temporary file and to the disk; then the file gets its name, and the folder
    is synced too. Its modification time is the whole second at which writing began, so that
    `verify` can tell whether anyone has written to it since.
    Raises DiskError, and leaves no file behind.
    """
    began_s = int(datetime.now(UTC).timestamp())
    temporary = path.with_name(f"{path.name}.partial")
    try:
        try:
            private_files.make_folder(path.parent)
            with private_files.open_for_writing(temporary) as file:
                hashing = _HashingFile(file, on_step)
                dump(cast(BinaryIO, hashing))
                file.flush()
                os.utime(file.fileno(), (began_s, began_s))
                os.fsync(file.fileno())
                size_bytes = file.tell()
            on_step("synced")
            sha256 = hashing.sha256.hexdigest()
            final = path.with_name(f"{path.name}-{sha256[:16]}{suffix}")
            temporary.replace(final)
            _sync_folder(final.parent)
        except OSError as error:
            raise disk_error(path.parent, error) from error
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    on_step("renamed")
    return Written(final, size_bytes, sha256, datetime.fromtimestamp(began_s, UTC))


def verify(folder: Path, info: SnapshotInfo, full: bool = False) -> Path:
    """Return the path of an intact snapshot. Raises SnapshotError if the file has changed.

    Size and modification time are always compared. If the time differs (the file was written to,
    or copied), and with `full`, the checksum decides: about 2 GB/s once in memory.
    """
    path = folder / info.file_name
    cure = Sentence("Nothing is lost; rebuild it: ", CommandLine("rebuild"))
    try:
        stat = path.stat()
        if stat.st_size != info.size_bytes:
            raise SnapshotError(
                Sentence(
                    f"The index file {path} has {stat.st_size} bytes instead of "
                    f"{info.size_bytes}. ",
                    cure,
                )
            )
        stamp_s = info.built_at.timestamp()
        if not full and stat.st_mtime_ns == int(stamp_s) * 1_000_000_000:
            return path
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SnapshotError(
            Sentence(f"Cannot read the index file {path} ({error.strerror}). ", cure)
        ) from (error)
    if sha256 != info.sha256:
        raise SnapshotError(
            Sentence(f"The index file {path} is damaged: its checksum differs. ", cure)
        )
    with suppress(OSError):  # an intact copy gets its time back, if the file is ours
        os.utime(path, (stamp_s, stamp_s))
    return path


def clean(store: Store) -> None:
    """Remove index files that are no longer current, and files left behind by a crash.

    Only the writer may do this: a temporary file may belong to a process that is writing it.
    Readers with an open file keep it.
    """
    for path in leftovers(store):
        with suppress(FileNotFoundError):
            path.unlink()


def leftovers(store: Store) -> list[Path]:
    """List index files that are no longer current, or left behind by a crash; sorted by name."""
    current = store.vectors.snapshot_file_names()
    files = sorted(store.snapshots_dir.glob("*"))
    return [path for path in files if path.name not in current and path.is_file()]


def rebuild_reason(store: Store, encoder_key: int, policy: IndexPolicy | None = None) -> str | None:
    """Return the reason to build a new snapshot now, as half a sentence; None if there is none.

    The tail has outgrown its share, too many of the snapshot's vectors have left the library, or
    its file is missing or damaged.
    """
    policy = policy or IndexPolicy()
    info = store.reads.encoders.current_snapshot(encoder_key)
    if info is None:
        tail = store.vectors.count(encoder_key)
        return f"{tail} vectors have no index yet" if tail >= policy.tail_rows else None
    try:
        verify(store.snapshots_dir, info)
    except SnapshotError as error:
        return str(error)
    tail = (
        store.reads.vectors.last_seq(encoder_key) - info.last_seq
    )  # an upper limit, since numbers have gaps
    if tail > max(policy.tail_rows, policy.tail_share * info.vectors):
        return f"{tail} vectors were added since the index was built"
    dead = info.vectors - store.vectors.live_count(encoder_key, info.last_seq)
    if dead > policy.dead_share * info.vectors:
        return f"{dead} of the {info.vectors} vectors in the index have left the library"
    return None


class _HashingFile(io.RawIOBase):
    """A file that computes the checksum of everything written to it."""

    def __init__(self, file: BinaryIO, on_step: OnStep) -> None:
        self._file = file
        self._on_step = on_step
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, block: object) -> int:
        view = memoryview(cast(bytes, block)).cast("B")
        self.sha256.update(view)
        self._file.write(view)
        self._on_step("writing")
        return len(view)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_error(folder: Path, error: OSError) -> DiskError:
    """Return the error about an index file that cannot be written."""
    if error.errno in _FULL:
        return DiskError(
            Sentence(
                f"The disk is full: a new index file does not fit into {folder}. The old one "
                "stays in use and nothing is lost. Free some space, then run: ",
                CommandLine("rebuild"),
            )
        )
    return DiskError(
        f"Cannot write an index file in {folder} ({error.strerror}). The old one stays in use. "
        "Make the folder writable, or choose another place with --data."
    )
