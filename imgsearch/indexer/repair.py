"""Repairs what `doctor` finds and what is safe to repair."""

from __future__ import annotations

from pathlib import Path

from imgsearch.decode.formats import is_photo_name
from imgsearch.errors import DamagedThumbnails, SnapshotError
from imgsearch.index import snapshot
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.derived import build_index
from imgsearch.indexer.scan import scan
from imgsearch.records.index import EncoderRow
from imgsearch.store.lock import writing
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore
from imgsearch.text import format_count
from imgsearch.written_beside import recover


def repair(context: IndexingContext, *, has_folders: bool = True) -> list[str]:
    """Delete invalid vectors and leftover files, and rebuild a damaged index.

    Returns a sentence for each repair. No photo is touched. The copy of an archive has no folders,
    and its invalid vectors stay: they could not be made again from photos.
    """
    done = []
    with writing(context.data_dir) as store:
        row = store.reads.encoders.current()
        to_rebuild: dict[int, EncoderRow] = {}
        for encoder, is_current in store.vectors.all_encoders().items():
            invalid = store.vectors.invalid(encoder) if has_folders else []
            if not invalid:
                continue
            if store.reads.encoders.current_snapshot(encoder.key) is not None:
                to_rebuild[encoder.key] = encoder
            store.vectors.delete_of(encoder.key, [photo_id for photo_id, _ in invalid])
            photos = format_count(len(invalid), "photo")
            by = "" if is_current else f" by {encoder.encoder_id}, which answers no queries"
            done.append(f"Deleted the invalid vectors of {photos}{by}.")
        leftovers = snapshot.leftovers(store)
        if leftovers:
            snapshot.clean(store)
            done.append(f"Deleted {format_count(len(leftovers), 'leftover index file')}.")
        info = None if row is None else store.reads.encoders.current_snapshot(row.key)
        if row is not None and info is not None:
            try:
                snapshot.verify(store.snapshots_dir, info, full=True)
            except SnapshotError:
                to_rebuild[row.key] = row
        for encoder in to_rebuild.values():
            build_index(context, store, encoder)
            done.append("Rebuilt the index from the stored vectors.")
        if store.database.has_much_room():
            freed_mb = store.database.compact() / 1e6
            done.append(f"Freed {freed_mb:,.1f} MB on disk.")
        if has_folders:
            done += _repair_beside_photos(context, store)
    return done


def _repair_beside_photos(context: IndexingContext, store: Store) -> list[str]:
    """Repair the thumbnails, and remove what killed runs left in the folders of photos."""
    with ThumbnailStore(context.data_dir) as thumbnails:
        done = _repair_thumbnails(thumbnails)
    folders = store.reads.roots.active().values()
    left = [path for folder in folders for path in scan(folder, is_photo_name).left]
    if removed := sum(recover(Path(path)) for path in left):
        files = format_count(removed, "file")
        done.append(f"Removed {files} that killed runs left beside photos.")
    return done


def _repair_thumbnails(thumbnails: ThumbnailStore) -> list[str]:
    try:
        if not thumbnails.damaged():
            return []
    except DamagedThumbnails:  # the file itself
        pass
    intact = format_count(thumbnails.repair(), "thumbnail")
    return [f"Repaired the thumbnail store; intact: {intact}."]
