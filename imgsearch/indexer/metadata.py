"""Reads the metadata of known photos again: their files and the XMP files beside them.

No model is loaded and nothing is embedded: a vector depends on the pixels alone.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.decode.formats import sidecar_paths
from imgsearch.decode.reader import read_facts
from imgsearch.errors import PhotoError
from imgsearch.progress import MetadataReport, Progress

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.records.files import Changes
    from imgsearch.records.photo import Facts, Photo
    from imgsearch.store.store import Store

_BATCH = 200  # photos in one transaction


def reread_all_metadata(
    store: Store, online: Collection[int], settings: Settings
) -> Generator[Progress, None, MetadataReport]:
    """Read what every photo says that lies in one of these roots; what changed is kept.

    A photo whose file cannot be read, or is no longer the one that was indexed, keeps its facts.
    """
    work = _within_reach(store, online, store.reads.live_ids().tolist())
    changed, unread = yield from _read(store, work, settings)
    return MetadataReport(len(work) - len(unread), changed, len(unread))


@dataclass(frozen=True, slots=True)
class MetadataRefresh:
    """XMP files by root that came, changed or went, and the ids of the photos it concerns."""

    sidecars: Sequence[tuple[int, Changes]]
    photo_ids: Collection[int]


def refresh_metadata(
    store: Store, online: Collection[int], settings: Settings, told: MetadataRefresh
) -> Generator[Progress, None, int]:
    """Read again what these photos say; how many say something else now.

    An XMP file counts as read once its photo was: where that one is out of reach or cannot be
    read, the next run tries again.
    """
    work = _within_reach(store, online, sorted(told.photo_ids))
    changed, unread = yield from _read(store, work, settings)
    waiting = {sidecar for path in unread for sidecar in sidecar_paths(str(path))}
    for root_id, sidecars in told.sidecars:
        read = [one for one in sidecars.upserts if one.path not in waiting]
        store.files.set_sidecars(
            root_id, read, [path for path in sidecars.gone if path not in waiting]
        )
    return changed


def _read(
    store: Store, work: Sequence[tuple[Photo, Path]], settings: Settings
) -> Generator[Progress, None, tuple[int, list[Path]]]:
    """Read these photos' facts; how many changed, and which could not be read."""

    def facts(item: tuple[Photo, Path]) -> Facts | None:
        photo, path = item
        try:
            if path.stat().st_size != photo.size_bytes:
                return None
            return read_facts(path, settings.max_megapixels)
        except (PhotoError, OSError):
            return None

    changed = 0
    unread: list[Path] = []
    with ThreadPoolExecutor(settings.thread_count) as pool:
        for start in range(0, len(work), _BATCH):
            batch = work[start : start + _BATCH]
            news = {}
            for done, ((photo, path), found) in enumerate(
                zip(batch, pool.map(facts, batch), strict=True), start + 1
            ):
                if found is None:
                    unread.append(path)
                else:
                    news[photo.id] = found
                yield Progress(done, len(work), path)
            changed += store.photos.update_facts(news)
    return changed, unread


def _within_reach(
    store: Store, online: Collection[int], ids: Sequence[int]
) -> list[tuple[Photo, Path]]:
    """Those of these photos that can be reached, each with the first of its paths."""
    photos, missing = store.reads.photos(ids), store.reads.held_paths(ids)
    return [
        (photos[photo_id], path)
        for photo_id, places in store.reads.paths(ids).items()
        for path in [
            next((path for root, path in places if root in online and path not in missing), None)
        ]
        if path is not None
    ]
