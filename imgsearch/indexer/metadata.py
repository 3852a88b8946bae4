"""Reads the metadata of known photos again, from their files and the metadata files beside them.

No model is loaded and nothing is embedded: a vector depends on the pixels alone.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from imgsearch.decode.looks import with_look
from imgsearch.decode.reader import decode, read_facts
from imgsearch.decode.sidecars import sidecar_paths
from imgsearch.decode.thumbnails import KEPT_SIDE_PX
from imgsearch.errors import PhotoError
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.places import with_place_names
from imgsearch.indexer.roots import readable_photos
from imgsearch.progress import MetadataReport, Progress
from imgsearch.records.files import Changes
from imgsearch.records.photo import Facts, Photo
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.store import Store

_BATCH_SIZE = 200  # photos in one transaction


def read_metadata(context: IndexingContext) -> Generator[Progress, None, MetadataReport]:
    """Read the metadata of all photos that can be reached again; one Progress a photo.

    A photo keeps its facts if its file cannot be read, or has another size than when it was
    indexed. It is decoded only where an older version did not measure all in its pixels.
    """
    with writing(context.data_dir) as store:
        steps = _read_all(context, store)
        return (yield from publish_progress(context.data_dir, "Reading metadata", steps))


def _read_all(context: IndexingContext, store: Store) -> Generator[Progress, None, MetadataReport]:
    ids = store.reads.photos.live_ids().tolist()
    photos = readable_photos(store.reads, ids, context.mounts)
    changed, unread = yield from _reread(context, store, photos)
    return MetadataReport(len(photos) - len(unread), changed, len(unread))


class MetadataRefresh(Struct, frozen=True):
    """Changed sidecar files, with the id of their root, and the ids of the photos affected."""

    sidecars: Sequence[tuple[int, Changes]]
    photo_ids: Collection[int]


def refresh_metadata(
    context: IndexingContext, store: Store, refresh: MetadataRefresh
) -> Generator[Progress, None, int]:
    """Read the metadata of the affected photos again; returns how many changed.

    An XMP file is recorded as read only if its photo was, so that the next run tries again if the
    photo is offline or cannot be read.
    """
    photos = readable_photos(store.reads, sorted(refresh.photo_ids), context.mounts)
    changed, unread = yield from _reread(context, store, photos)
    unread_sidecars = {sidecar for path in unread for sidecar in sidecar_paths(str(path))}
    for root_id, sidecars in refresh.sidecars:
        read = [sidecar for sidecar in sidecars.upserts if sidecar.path not in unread_sidecars]
        removed = [path for path in sidecars.gone if path not in unread_sidecars]
        store.files.set_sidecars(root_id, read, removed)
    return changed


def _reread(
    context: IndexingContext, store: Store, photos: Sequence[tuple[Photo, Path]]
) -> Generator[Progress, None, tuple[int, list[Path]]]:
    """Read and record the facts of photos; returns how many changed and which were unreadable."""
    settings = context.settings

    def read(item: tuple[Photo, Path]) -> Facts | None:
        photo, path = item
        try:
            if path.stat().st_size != photo.size_bytes:
                return None
            if photo.facts.is_measured:
                facts = read_facts(path, settings.max_megapixels)
            else:
                decoded = decode(path, KEPT_SIDE_PX, settings.max_megapixels)
                facts = with_look(decoded.facts, decoded.image)
            return with_place_names(facts, context.gazetteer)
        except (PhotoError, OSError):
            return None

    changed = 0
    unread: list[Path] = []
    with ThreadPoolExecutor(settings.thread_count) as pool:
        for start in range(0, len(photos), _BATCH_SIZE):
            batch = photos[start : start + _BATCH_SIZE]
            facts_by_id: dict[int, Facts] = {}
            for done, ((photo, path), facts) in enumerate(
                zip(batch, pool.map(read, batch), strict=True), start + 1
            ):
                if facts is None:
                    unread.append(path)
                else:
                    facts_by_id[photo.id] = facts
                yield Progress(done, len(photos), path)
            changed += store.photos.update_facts(facts_by_id)
    return changed, unread
