"""Merges a pack into a library: checks it, then adds its photos and what people made of them."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace

from imgsearch.indexer import pack_notes, packs
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.derived import (
    encoder_may_lack,
    refresh_derived,
    refresh_from_faces,
    update_index,
)
from imgsearch.indexer.thumbnails import ThumbnailKeeper
from imgsearch.progress import MergeReport, Progress
from imgsearch.records.index import EncoderRow
from imgsearch.store.database import DATABASE_FILE
from imgsearch.store.lock import writing
from imgsearch.store.pack_reader import PackReader
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.reads import Reads
from imgsearch.store.thumbnails import ThumbnailStore


def unpack(
    context: IndexingContext, pack: Path, at: str | None, offline: bool, beside: bool
) -> Generator[Progress, None, MergeReport]:
    """Merge a pack. Everything that can be refused is, before anything is written."""
    started = time.monotonic()
    if os.path.isdir(pack):  # noqa: PTH112  # a folder that carries its pack
        pack, at = packs.pack_inside(str(pack)), at or str(pack)
    with PackReader(pack) as reader:
        place = _place_of_merge(context, reader, at, offline, beside)
        for done in reader.check():
            yield Progress(done, reader.info.photos, part="Checking")
        with writing(context.data_dir) as store, ThumbnailStore(context.data_dir) as thumbnails:
            keeper = ThumbnailKeeper(thumbnails, context.settings, context.notify)
            keep = keeper.keep if context.settings.thumbnails_mb else None
            steps = packs.merge_pack(store, thumbnails, reader, place, keep)
            report = yield from publish_progress(context.data_dir, "Merging", steps)
            if reader.info.has_faces:  # also again: a merge may have been killed before this
                refresh_from_faces(store, None)
            of_features = pack_notes.merge_of_features(store, reader, context.notify)
            row = store.reads.encoders.current()
            if row is not None:
                with encoder_may_lack(context, "The pack was merged"):
                    update_index(context, store, row)
                    refresh_derived(context, store, row)
                    of_features |= pack_notes.merge_from_vectors(context, store, row, reader)
    others = (each.encoder_id for each in reader.info.encoders)
    return replace(
        report,
        beside=tuple(id for id in others if row is None or id != row.encoder_id),
        of_features=of_features,
        seconds=round(time.monotonic() - started, 3),
    )


def _place_of_merge(
    context: IndexingContext, reader: PackReader, at: str | None, offline: bool, beside: bool
) -> packs.PackPlace:
    """Find the photos of a pack. Raises the errors for which its merge is refused."""
    known: tuple[str, ...] = ()
    row = None
    dims: dict[str, int] = {}
    if (context.data_dir / DATABASE_FILE).exists():
        with closing(Reads.open(context.data_dir)) as reads:
            known = tuple(reads.roots.all().values())
            row = reads.encoders.current()
            dims = reads.encoders.dims()
    packs.check_encoders(reader.info, reader.path, dims, context.encoders.dim_of)
    encoder = packs.encoder_of_merge(reader, row, beside)
    if encoder is not None:
        context.encoders.check(EncoderRow(0, encoder.encoder_id, encoder.name, encoder.dim))
    return packs.find_place(reader, at, offline, known, context.mounts)
