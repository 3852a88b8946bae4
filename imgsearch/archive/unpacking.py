"""Merges a pack into an archive: it becomes a library on this machine, and that is carried over.

The library is one of the cache folder, and is deleted in the end. So a pack is checked, and its
photos are found, as for a library on one machine, and they are put as `copy` puts those of one.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from imgsearch import private_files
from imgsearch.archive.copying import StayingContents, copy_faces, copy_library
from imgsearch.archive.items.of_library import copy_marks
from imgsearch.archive.items.table import ArchiveItems
from imgsearch.archive.lance.people_tables import PeopleTables
from imgsearch.caches import unwritable_cache
from imgsearch.config import Settings
from imgsearch.errors import CommandLine, EncoderMismatch, PackError, Sentence
from imgsearch.indexer import packs
from imgsearch.indexer.thumbnails import ThumbnailKeeper
from imgsearch.outputs.places import refuse_archive_in_photos
from imgsearch.progress import MergeReport, Progress
from imgsearch.records.index import EncoderRow
from imgsearch.store.lock import is_held, writing
from imgsearch.store.pack_reader import PackReader
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore

if TYPE_CHECKING:
    from imgsearch.archive.lance.writer import LanceWriter

_FOLDER = "unpacking"  # in the folder of archives in the cache folder
_LEFT_BEHIND_S = 3_600  # since the last change of a folder that no process holds
_PATHS_AT_ONCE = 5_000


class MergeTarget(Struct, frozen=True):
    """The archive that packs are merged into, and what is known on this machine.

    `encoder` is None where there is no archive yet, `open_writer` makes one then. Faces of a pack
    are left out unless it is to be merged `with_faces`. `roots` are folders of photos where those
    of a pack may be. `dim_of` knows the length of the vectors of an encoder.
    """

    address: str
    settings: Settings
    notify: Callable[[str], None]
    encoder: EncoderRow | None
    open_writer: Callable[[EncoderRow], LanceWriter]
    with_faces: bool
    roots: Sequence[str]
    dim_of: Callable[[str], int | None]


def merge_pack(
    target: MergeTarget, pack: Path, at: str | None, offline: bool
) -> Generator[Progress, None, MergeReport]:
    """Merge a pack. Everything that can be refused is, before anything is written to the archive.

    Photos are recognised by their content. What the archive has stays: the facts of its photos,
    and the photos at its paths. Of two readings of the text in a photo, the later one counts. Files
    that are not in the folder are left out. Raises EncoderMismatch, and as a merge into a library.
    """
    started_s = time.monotonic()
    if os.path.isdir(pack):  # noqa: PTH112  # a folder that carries its pack
        pack, at = packs.pack_inside(str(pack)), at or str(pack)
    with PackReader(pack) as reader:
        row = _encoder_of(target, reader)
        dims = {row.encoder_id: row.dim}
        packs.check_encoders(reader.info, reader.path, dims, target.dim_of)
        place = packs.find_place(reader, at, offline, target.roots)
        refuse_archive_in_photos(target.address, [place.folder])
        for done in reader.check():
            yield Progress(done, reader.info.photos, part="Checking")
        with (
            _folder_for_a_library(target.settings.cache_dir) as folder,
            writing(folder) as store,
            ThumbnailStore(folder) as thumbnails,
        ):
            has_pictures = bool(target.settings.thumbnails_mb)
            keeper = ThumbnailKeeper(thumbnails, target.settings, target.notify)
            keep = keeper.keep if has_pictures else None
            report = yield from packs.merge_pack(store, thumbnails, reader, place, keep)
            writer = target.open_writer(row)
            _leave_other_photos(store, writer)
            copied = yield from copy_library(
                store,
                writer,
                row,
                writer.put_texts,
                thumbnails,
                writer.put_thumbnails if has_pictures else None,
                staying=StayingContents(writer.contents_at, writer.newer_texts),
                copy_marks=partial(
                    copy_marks,
                    store.database,
                    ArchiveItems(target.address),
                    writer.known,
                    adding=True,
                ),
            )
            if target.with_faces and reader.info.has_faces:
                tables = PeopleTables(target.address)
                copied = copied.plus((yield from copy_faces(store, writer, tables)))
    return replace(
        report,
        new=copied.new,
        newer_facts=0,
        embedded=0,
        texts=copied.texts,
        files=copied.files,
        faces=copied.faces,
        marks=copied.marked,
        seconds=round(time.monotonic() - started_s, 3),
    )


def _encoder_of(target: MergeTarget, reader: PackReader) -> EncoderRow:
    """Return the encoder of the archive, of which the pack has vectors.

    Of a new one that of the pack.
    """
    encoders = reader.info.encoders
    if target.encoder is not None:
        if any(each.encoder_id == target.encoder.encoder_id for each in encoders):
            return target.encoder
        others = ", ".join(each.encoder_id for each in encoders) or "no encoder"
        raise EncoderMismatch(
            Sentence(
                f"The pack has vectors of {others}, and the archive has those of "
                f"{target.encoder.encoder_id}. Make the pack again from a library with that "
                "encoder: ",
                CommandLine(f"rebuild --encoder {target.encoder.name}"),
            )
        )
    for encoder in encoders:
        if encoder.is_current:
            return EncoderRow(1, encoder.encoder_id, encoder.name, encoder.dim)
    raise PackError(
        f"The pack {reader.path} has no vectors, so no archive can be made from it. Make it again "
        "from a library that answers searches."
    )


def _leave_other_photos(store: Store, writer: LanceWriter) -> None:
    """Take the files out of a library at whose paths the archive has other photos."""
    contents = store.files.hashes()
    for root_id in store.reads.roots.all():
        paths = sorted(store.files.known(root_id))
        for start in range(0, len(paths), _PATHS_AT_ONCE):
            known = writer.contents_at(paths[start : start + _PATHS_AT_ONCE])
            others = [path for path, content in known.items() if contents.get(path) != content]
            store.files.forget(root_id, others)


@contextmanager
def _folder_for_a_library(cache_dir: Path) -> Iterator[Path]:
    """Provide a new private folder, deleted in the end.

    Those of killed processes are deleted before.
    """
    parent = cache_dir / "archives" / _FOLDER
    try:
        private_files.make_folder(parent)
        for other in parent.iterdir():
            is_old = time.time() - other.stat().st_mtime > _LEFT_BEHIND_S
            if is_old and not is_held(other):
                shutil.rmtree(other, ignore_errors=True)
    except OSError as error:
        raise unwritable_cache(parent, error) from error
    folder = parent / uuid4().hex
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
