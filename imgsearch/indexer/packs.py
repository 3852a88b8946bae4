"""Makes packs of folders, finds the photos of a pack on this machine, and merges packs."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic

from msgspec import Struct

from imgsearch import c_memory, private_files
from imgsearch.decode.formats import is_photo_name
from imgsearch.errors import (
    CommandLine,
    DiskError,
    EncoderMismatch,
    FolderError,
    PackError,
    PhotosNotFound,
    Sentence,
    UsageError,
)
from imgsearch.indexer import pack_notes
from imgsearch.indexer.ignored import is_ignored
from imgsearch.indexer.reading import KeepThumbnails
from imgsearch.indexer.volumes import SYSTEM_MOUNTS, MountTable, VolumePath
from imgsearch.progress import MergeReport, PackReport, Progress
from imgsearch.records.files import FileStat
from imgsearch.records.index import EncoderRow
from imgsearch.records.pack import MergeCounts, PackedFile, PackEncoder, PackInfo
from imgsearch.store.pack_format import Extras
from imgsearch.store.pack_reader import PackedBatch, PackReader
from imgsearch.store.pack_writer import PackWriter, writing_pack
from imgsearch.store.packs import FoundFile
from imgsearch.store.reads import Reads
from imgsearch.store.sql import prefix_of
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore
from imgsearch.version import VERSION

HIDDEN_FOLDER = ".imgsearch"  # in a folder of photos that carries its pack
PACK_NAME = "photos.imgsearch"
_SAMPLE_FILES = 200  # that are looked for to find out where the photos are


# ------------------------------------------------------------------------- packing


def pack_inside(folder: str) -> Path:
    """Return the file of the pack that a folder of photos carries."""
    return Path(folder, HIDDEN_FOLDER, PACK_NAME)


def check_destination(
    file: Path,
    roots: Sequence[str],
    what: str = "pack",
    otherwise: str = "; or use --inside, which puts the pack into a hidden folder there",
) -> None:
    """Raise UsageError for a file among photos, and DiskError where its folder does not exist."""
    folder = file.resolve().parent
    for root in roots:
        if folder.is_relative_to(Path(root).resolve()):
            raise UsageError(
                f"{file} is in the photo folder {root}, where imgsearch writes nothing. Choose "
                f"another place{otherwise}."
            )
    if not os.path.isdir(folder):  # noqa: PTH112  # Path raises for long names
        raise DiskError(f"The folder {folder} for the {what} does not exist. Create it first.")


def make_pack(
    store: Store,
    thumbnail: Callable[[bytes], bytes | None],
    folder: str,
    file: Path | None,
    photo_folders: Sequence[str],
    photos_only: bool = False,
    faces: bool = False,
) -> Generator[Progress, None, PackReport]:
    """Write all that is known of the photos below a folder into a pack, `file`.

    None stands for the hidden folder in the folder itself; elsewhere in `photo_folders`, nothing
    may be written. `thumbnail` finds the stored thumbnail of a photo by its content. With
    `photos_only`, favourites, stars and the things of features are left
    out; photos that are hidden stay hidden. With `faces`, the faces of the photos go with them, and
    the persons that they belong to. Raises FolderError for a folder without photos of the library,
    UsageError, LibraryLocked while another process writes this pack, and DiskError.
    """
    total = len(store.packs.photo_ids(folder))
    if not total:
        raise FolderError(
            Sentence(
                f"No photo of the library is in {folder}. To add it: ", CommandLine("index FOLDER")
            )
        )
    if file is None:
        file = pack_inside(folder)
        _make_hidden_folder(file.parent)
    else:
        check_destination(file, [*photo_folders, folder])
    place = _volume_path(store.reads, folder)
    info = describe(Path(folder).name, store.vectors.all_encoders(), place)
    features = () if photos_only else pack_notes.features_to_pack(store)
    marks = store.marks.kinds() & ({"hidden"} if photos_only else {"favourite", "hidden", "rating"})

    def write(writer: PackWriter) -> Iterator[int]:
        return store.packs.copy(folder, writer, thumbnail, marks)

    extras = Extras(
        faces=faces,
        marks=bool(marks),
        unread=store.packs.has_unread_facts(),
        features=features,
    )
    return (yield from _write(file, info, write, total, extras))


def _write(
    file: Path,
    info: PackInfo,
    write: Callable[[PackWriter], Iterator[int]],
    total: int,
    extras: Extras,
) -> Generator[Progress, None, PackReport]:
    """Write a pack with a function that yields how many photos it has written."""
    started = monotonic()
    with writing_pack(file, info, extras=extras) as writer:
        yield Progress(0, total)
        for done in write(writer):
            yield Progress(done, total)
    return PackReport(
        file=file,
        photos=writer.photos,
        files=writer.files,
        size_bytes=file.stat().st_size,
        seconds=round(monotonic() - started, 3),
    )


def _make_hidden_folder(folder: Path) -> None:
    try:
        private_files.make_folder(folder)
    except OSError as error:
        raise DiskError(
            Sentence(
                f"Cannot write to {folder.parent} ({error.strerror}). Make it writable, or "
                "write the pack to another place: ",
                CommandLine("pack FOLDER PACK"),
            )
        ) from error


def describe(
    folder: str, encoders: Mapping[EncoderRow, bool], place: VolumePath | None = None
) -> PackInfo:
    """Describe a pack of a folder with this name.

    `encoders` made its vectors; the values say which of them answers queries. `place` is the place
    of the folder on a drive that can be identified.
    """
    return PackInfo(
        made_by=f"imgsearch {VERSION}",
        made_at=datetime.now(UTC),
        folder=folder.encode("utf-8", "replace").decode(),
        volume=None if place is None else place.volume,
        volume_path=None if place is None else place.path.encode("utf-8", "replace").decode(),
        encoders=tuple(
            PackEncoder(row.encoder_id, row.name, row.dim, is_current)
            for row, is_current in encoders.items()
        ),
    )


def _volume_path(reads: Reads, folder: str) -> VolumePath | None:
    roots = reads.roots.all()
    for root_id, (volume, path) in reads.roots.volumes().items():
        if folder == roots[root_id] or folder.startswith(prefix_of(roots[root_id])):
            inside = folder.removeprefix(roots[root_id]).lstrip(os.sep)
            return VolumePath(volume, str(Path(path, inside)))
    return None


# ------------------------------------------------------------------------- merging


class PackPlace(Struct, frozen=True):
    """The photos of a pack are below `folder`, now or, if `offline`, at another time."""

    folder: str
    offline: bool = False


def find_place(
    reader: PackReader,
    at: str | None,
    offline: bool,
    roots: Sequence[str],
    mounts: MountTable = SYSTEM_MOUNTS,
) -> PackPlace:
    """Return the folder that the paths of a pack are below; `at` is the answer of the user, if any.

    Otherwise it is the folder that carries the pack, the one that it was made of if its drive is
    connected, a folder of the library, or the folder beside the pack: the first that has photos of
    the pack. Raises PhotosNotFound where none has.
    """
    if offline:
        if at is None:
            raise UsageError("--offline needs --at FOLDER: the folder where the photos will be.")
        return PackPlace(at, offline=True)
    sample = reader.sample_files(_SAMPLE_FILES)
    candidates = [at] if at is not None else list(_candidates(reader, roots, mounts))
    for folder in candidates:
        files = _PhotoFiles(folder)
        if not sample or any(files.stat_of(file) is not None for file in sample):
            return PackPlace(folder)
    example = sample[0].path if sample else ""
    looked = f"{at} does not have" if at is not None else "No folder known here has"
    raise PhotosNotFound(
        Sentence(
            f"{looked} the photos of this pack, such as {example}. Say where they are: ",
            CommandLine("unpack PACK --at FOLDER"),
            "; if they are not connected now, add --offline.",
        )
    )


def _candidates(reader: PackReader, roots: Sequence[str], mounts: MountTable) -> list[str]:
    beside = Path(os.path.abspath(reader.path)).parent  # noqa: PTH100  # links stay as they are
    info = reader.info
    folders = []
    if beside.name == HIDDEN_FOLDER:
        folders.append(str(beside.parent))
    if info.volume is not None and info.volume_path is not None:
        folders.append(mounts.locate(VolumePath(info.volume, info.volume_path)) or "")
    folders += roots
    folders += [str(Path(root, info.folder)) for root in roots]
    folders += [str(beside / info.folder), str(beside)]
    return [folder for folder in dict.fromkeys(folders) if folder]


def check_encoders(
    info: PackInfo, pack: Path, dims: Mapping[str, int], dim_of: Callable[[str], int | None]
) -> None:
    """Raise PackError for an encoder whose vectors have another length here.

    No search could compare such vectors. `dims` are the lengths in the library, by encoder;
    `dim_of` knows those of other encoders, or returns None.
    """
    for encoder in info.encoders:
        dim = dims.get(encoder.encoder_id) or dim_of(encoder.encoder_id)
        if dim is not None and dim != encoder.dim:
            raise PackError(
                Sentence(
                    f"The pack {pack} states that a vector of {encoder.encoder_id} has "
                    f"{encoder.dim:,} numbers, and it has {dim:,}, so its vectors are wrong. "
                    "Nothing was merged. Make the pack again with ",
                    CommandLine("pack"),
                    ", from a library that answers searches.",
                )
            )


def encoder_of_merge(
    reader: PackReader, row: EncoderRow | None, beside: bool
) -> PackEncoder | None:
    """Return the encoder of the pack that answers queries afterwards; None if that is another one.

    `row` is the encoder of the library. Raises EncoderMismatch if the pack has no vectors of it,
    unless these may be kept beside.
    """
    encoders = reader.info.encoders
    if row is None:
        return next((encoder for encoder in encoders if encoder.is_current), None)
    for encoder in encoders:
        if encoder.encoder_id == row.encoder_id:
            return encoder
    if encoders and not beside:
        others = ", ".join(encoder.encoder_id for encoder in encoders)
        raise EncoderMismatch(
            Sentence(
                f"The pack has vectors of {others}, and this library uses {row.encoder_id}, "
                "so words would not find its photos. Merge it into a library of its own with "
                "--data DIR; or use --beside, which keeps these vectors beside, and then ",
                CommandLine("index"),
                ", which embeds the photos again.",
            )
        )
    return None


def merge_pack(
    store: Store,
    thumbnails: ThumbnailStore,
    reader: PackReader,
    place: PackPlace,
    keep_thumbnails: KeepThumbnails | None,
) -> Generator[Progress, None, MergeReport]:
    """Merge the photos of a pack, each batch of it in one transaction.

    What was merged before, perhaps by a run that was interrupted, is passed over. `keep_thumbnails`
    stores small pictures of photos that have none; None: none are kept.
    """
    info = reader.info
    for encoder in sorted(info.encoders, key=lambda each: not each.is_current):
        store.vectors.adopt_encoder(encoder.encoder_id, encoder.name, encoder.dim)
    root_id = store.files.add_root(place.folder)
    files_there = _PhotoFiles(place.folder)
    counts, missing, changed, done = MergeCounts(), 0, 0, 0
    with store.packs.merging(root_id, info) as merger:
        for batch in reader.batches():
            if keep_thumbnails is not None:
                _keep_thumbnails(reader, batch, thumbnails, keep_thumbnails)
            yield Progress(done, info.photos)
            found = files_there.found(batch.files, place.offline)
            counts = counts.plus(merger.merge(batch, found))
            missing += len(batch.files) - len(found)
            changed += sum(file.has_other_time for file in found)
            done += batch.photos
            yield Progress(done, info.photos)
    c_memory.give_back()  # the index is built next
    return MergeReport(
        folder=Path(place.folder),
        photos=done,
        new=counts.new,
        newer_facts=counts.newer_facts,
        embedded=counts.embedded,
        texts=counts.texts,
        files=counts.files,
        missing=missing,
        to_verify=changed,
        faces=counts.faces,
        marks=counts.marks,
    )


def _keep_thumbnails(
    reader: PackReader, batch: PackedBatch, thumbnails: ThumbnailStore, keep: KeepThumbnails
) -> None:
    """Keep the thumbnails of the photos that have none; those of others are not even read."""
    lacking = thumbnails.lacking(content_hash for content_hash, _ in batch.thumbnails.values())
    for images in reader.thumbnails(batch, lacking):
        keep(images)


class _PhotoFiles:
    """The files below a folder that a pack may call photos, because a scan would find them.

    A pack may come from anybody, and a photo is shown to whoever may see the page. So their names
    are those of photos, and no link leads to them from outside of the folder.
    """

    def __init__(self, folder: str) -> None:
        self._prefix = prefix_of(folder)
        self._real_prefix = prefix_of(os.path.realpath(folder))
        self._real_folder = lru_cache(maxsize=1000)(os.path.realpath)

    def path_of(self, file: PackedFile) -> str | None:
        """Return the path of a file of the pack; None for a name that no photo has."""
        *folders, name = file.path.split("/")
        if not is_photo_name(name) or any(map(is_ignored, (*folders, name))):
            return None
        return self._prefix + file.path

    def stat_of(self, file: PackedFile) -> FileStat | None:
        """Return the stat of a file of the pack; None where there is none of its size."""
        path = self.path_of(file)
        if path is None:
            return None
        with suppress(OSError):
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                real = os.path.realpath(path)
                status = os.lstat(real)
            else:
                folder, name = os.path.split(path)
                real = prefix_of(self._real_folder(folder)) + name
            is_inside = real.startswith(self._real_prefix)
            is_same = stat.S_ISREG(status.st_mode) and status.st_size == file.size_bytes
            if is_inside and is_same:
                return FileStat.from_status(path, status)
        return None

    def found(self, files: Iterable[tuple[int, PackedFile]], offline: bool) -> list[FoundFile]:
        """Return the files, by the id of their photo, that are there or, if `offline`, will be."""
        found = []
        for photo_id, file in files:
            path, status = self.path_of(file), None if offline else self.stat_of(file)
            if path is not None and (offline or status is not None):
                # As it was when it was packed, so that `index` compares one with another time.
                inode = 0 if status is None else status.inode
                known = FileStat(path, file.size_bytes, file.mtime_ns, inode)
                is_other = status is not None and not status.matches(known)
                found.append(FoundFile(photo_id, known, is_other))
        return found


# ------------------------------------------------------------------------- verifying


def verify_pack(
    file: Path, dims: Mapping[str, int], dim_of: Callable[[str], int | None]
) -> Generator[Progress, None, PackInfo]:
    """Read a whole pack and compare every checksum. Raises as `PackReader` and `check_encoders`."""
    if os.path.isdir(file):  # noqa: PTH112  # Path raises for long names
        file = pack_inside(str(file))
    with PackReader(file) as reader:
        check_encoders(reader.info, file, dims, dim_of)
        for done in reader.verify():
            yield Progress(done, reader.info.photos)
        return reader.info
