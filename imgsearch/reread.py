"""Reads the metadata of known photos again: their files and the XMP files beside them.

No model is loaded and nothing is embedded: a vector depends on the pixels alone.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.decode import read_facts
from imgsearch.errors import PhotoError
from imgsearch.jobs import MetadataReport, Progress

if TYPE_CHECKING:
    from imgsearch.config import Settings
    from imgsearch.records import Facts, Photo
    from imgsearch.store import Store

_BATCH = 200  # photos in one transaction


def read_again(
    store: Store, online: Collection[int], settings: Settings
) -> Generator[Progress, None, MetadataReport]:
    """Read what every photo says that lies in one of these roots; what changed is kept.

    A photo whose file cannot be read, or is no longer the one that was indexed, keeps its facts.
    """

    def facts(item: tuple[Photo, Path]) -> Facts | None:
        photo, path = item
        try:
            if path.stat().st_size != photo.size_bytes:
                return None
            return read_facts(path, settings.max_megapixels)
        except (PhotoError, OSError):
            return None

    work = _within_reach(store, online)
    changed = failed = 0
    with ThreadPoolExecutor(settings.thread_count) as pool:
        for start in range(0, len(work), _BATCH):
            batch = work[start : start + _BATCH]
            news = {}
            for done, ((photo, path), found) in enumerate(
                zip(batch, pool.map(facts, batch), strict=True), start + 1
            ):
                if found is None:
                    failed += 1
                else:
                    news[photo.id] = found
                yield Progress(done, len(work), path)
            changed += store.update_facts(news)
    return MetadataReport(len(work) - failed, changed, failed)


def _within_reach(store: Store, online: Collection[int]) -> list[tuple[Photo, Path]]:
    """Every photo that can be reached, with the first of its paths."""
    ids = store.live_ids().tolist()
    photos, missing = store.photos(ids), store.missing_paths(ids)
    return [
        (photos[photo_id], path)
        for photo_id, places in store.paths(ids).items()
        for path in [
            next((path for root, path in places if root in online and path not in missing), None)
        ]
        if path is not None
    ]
