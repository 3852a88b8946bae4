"""Records for the state of a library: roots, failures, counts and encoders."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from imgsearch.errors import Reason
from imgsearch.features import installed
from imgsearch.records.index import EncoderState, SnapshotInfo
from imgsearch.text import format_count, shell_word


class Counts(Struct, frozen=True):
    """The number of photos with each value of a fact; unknown values are left out, keys sorted."""

    cameras: dict[str, int]
    formats: dict[str, int]
    months: dict[str, int]  # month taken, "2023-06"
    added: dict[str, int]  # day added to the library, "2026-11-24"
    folders: dict[Path, int]  # files by folder directly inside each root


class EncoderInfo(Struct, frozen=True):
    """One encoder to choose, as `imgsearch encoders` shows it.

    `share_right` is how often its first answer is right in `test`; figures of two tests cannot be
    compared. `is_published` says that others have measured it. Without a test, `accuracy` says all.
    """

    name: str  # the value of --encoder: "lite", "openclip:ARCH/PRETRAINED"
    dim: int
    size_mb: int  # download, in megabytes
    licence: str
    accuracy: str  # published or measured, with the data set
    weights_here: bool
    note: str = ""
    disk_mb: int = 0  # once it is prepared, the download included; 0: no more than the download
    test: str = ""
    share_right: float | None = None
    is_published: bool = False
    prepare_s: int = 0  # estimated, once on each machine, after the download; 0: hardly any
    # Measured on this machine, in the last run over a hundred photos or more; None before one.
    photos_per_s: float | None = None
    memory_bytes: int | None = None  # the most that the process used, with all that it did
    photo_bytes: int = 0  # of the disk, for the vector of a photo and its entry in the index

    def index_s(self, photos: int) -> float | None:
        """Return the estimated seconds to embed so many photos here; None if not measured."""
        return photos / self.photos_per_s if self.photos_per_s else None


class StoredEncoder(Struct, frozen=True):
    """An encoder with vectors in a library, for `imgsearch encoders --use` and `--drop`."""

    name: str
    encoder_id: str
    state: EncoderState
    photos: int  # with vectors of it
    missing: int  # photos of the library without
    vectors: int
    size_bytes: int  # of the vectors and the index


class DroppedEncoder(Struct, frozen=True):
    """The space that deleting the vectors and the index of an encoder has freed."""

    name: str
    size_bytes: int  # of the deleted data
    freed_bytes: int  # additional free space on the disk
    reusable_bytes: int  # free space in the database, for later photos


class ThumbnailCounts(Struct, frozen=True):
    """The number of photos with a stored thumbnail, and the size of the file.

    `photos` is None if that file is damaged, and if they are not counted.
    """

    photos: int | None
    size_bytes: int


class UnfinishedJob(Struct, frozen=True):
    """A job that was begun and has not come to its end: it runs now, was interrupted, or failed.

    `left` is how many files (of an index) or photos it had still to do, None if that is unknown.
    `folders` are those that are indexed, or to which the job was limited. The others are options
    that it was begun with.
    """

    job: str  # "index", "encoder", or the name of a job of a feature
    left: int | None
    begun_at: datetime  # UTC
    folders: tuple[Path, ...] = ()
    again: bool = False
    everything: bool = False
    encoder: str = ""  # of the job "encoder": the one that is to replace the one in use

    @property
    def sentence(self) -> str:
        """Say what is not finished, and what that means."""
        if self.encoder:
            return f"{self.encoder} is not ready yet, and a smaller model answers."
        of_feature = installed.jobs().get(self.job)
        if of_feature is not None:
            title, thing, consequence = of_feature.title, "photo", of_feature.consequence
        else:
            title, thing, consequence = "Indexing", "file", ""
        if consequence:
            return f"{title} was not finished, {consequence}."
        if not self.left:
            return f"{title} was not finished."
        return f"{title} was not finished: {format_count(self.left, thing)} left."

    @property
    def command(self) -> str:
        """The command that goes on with it."""
        options = [
            *("--again" for _ in range(self.again)),
            *("--all" for _ in range(self.everything)),
        ]
        folders = () if self.job == "index" else map(shell_word, self.folders)
        of_feature = installed.jobs().get(self.job)
        name = "index" if of_feature is None else of_feature.command
        return " ".join(["imgsearch", name, *options, *folders])


class ArchiveCopy(Struct, frozen=True):
    """The copy of an archive on this machine, which answers.

    `version` is the version of the archive's table of photos that it has, 0 before the first copy
    is complete. While changes are taken, `is_complete` is false. `waiting` are the changes that
    people made in it, such as marks, and the archive does not have yet.
    """

    folder: Path
    version: int
    is_complete: bool
    waiting: int = 0


class Status(Struct, frozen=True):
    """The state of a library at one moment.

    The vectors of the `tail` are not in the index yet and are compared one by one. The recall@10
    was measured when the index was built; None without an index. An archive has no folders and no
    thumbnails of its own; its index and the disk space are those of its `copy` on this machine.
    """

    kind: Literal["library", "archive"]
    address: str  # its data folder, or the address of the archive
    photos: int
    vectors: int
    encoder: str | None
    tail: int
    failed: int  # files and folders that could not be read
    recall_text: float | None = None
    recall_image: float | None = None
    snapshot: SnapshotInfo | None = None
    roots: tuple[Root, ...] = ()
    failures: tuple[Failure, ...] = ()
    wants: tuple[MissingExtra, ...] = ()  # extras that would read some of them
    disk_bytes: int = 0  # of the data folder
    thumbnails: ThumbnailCounts = ThumbnailCounts(None, 0)
    unfinished: tuple[UnfinishedJob, ...] = ()  # also those that are running now
    copy: ArchiveCopy | None = None  # of an archive


class Failure(Struct, frozen=True):
    """A file that could not be indexed, or a folder that could not be read, and why.

    `extra` is the extra of imgsearch-photos that would read it, if only that is missing. `read_by`
    is the fingerprint of the decoders: when that changes, the file is tried again.
    """

    path: Path
    reason: Reason
    message: str
    extra: str | None = None
    read_by: str | None = None
    failed_at: datetime | None = None  # UTC; None for a folder


class MissingExtra(Struct, frozen=True):
    """An extra that is not installed, and the files that need it."""

    extra: str
    format: str  # its common name: "JPEG XL"
    files: int
    cure: str  # the command that installs it


class Root(Struct, frozen=True):
    """A photo folder that the library follows.

    It is offline if it is unreachable now. While it is paused, indexing and watching skip it, and
    its photos are found as before.
    """

    id: int
    path: Path
    online: bool
    photos: int
    missing: int = 0  # of these: removals on hold
    paused: bool = False


DatabaseState: TypeAlias = Literal["undamaged", "damaged", "missing"]


class Finding(Struct, frozen=True):
    """One result of `Library.doctor`.

    `exit_code` is the exit code of the command for this finding: 0 for "ok" and "note", 1 for
    "warning", and for "error" the code of the error that it would cause (see `imgsearch.errors`).
    """

    area: str  # versions, data folder, database, vectors, index, …
    level: Literal["ok", "note", "warning", "error"]
    message: str
    cure: str | None = None  # what to do about it
    repairable: bool = False  # `library.upkeep.repair` applies the cure
    exit_code: int = 0
