"""Keeps a small picture of every photo: while it is indexed, or later for those without one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path

from imgsearch.concurrency import prefetch
from imgsearch.config import Settings
from imgsearch.decode.reader import decode
from imgsearch.decode.thumbnails import KEPT_SIDE_PX, kept_thumbnail
from imgsearch.errors import ImgsearchError, PhotoError, StoreError
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.reading import content_hash_of
from imgsearch.indexer.roots import readable_photos
from imgsearch.indexer.scan import stat_of
from imgsearch.progress import Progress, ThumbnailReport
from imgsearch.records.photo import Photo
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore

_BATCH_SIZE = 200  # photos in one transaction


class ThumbnailKeeper:
    """Stores thumbnails up to the limit of the settings. A problem is told once, and ends no run.

    Used by one thread at a time.
    """

    def __init__(
        self, thumbnails: ThumbnailStore, settings: Settings, notify: Callable[[str], None]
    ) -> None:
        self._thumbnails = thumbnails
        self._limit_mb = settings.thumbnails_mb
        self._notify = notify
        self._has_stopped = False

    def hashes(self) -> set[bytes]:
        """Return the contents that have a thumbnail.

        None if the file is damaged, as `keep` then tells.
        """
        try:
            return self._thumbnails.hashes()
        except StoreError:
            return set()

    def keep(self, images: Mapping[bytes, bytes]) -> None:
        """Store pictures, as WebP, by the hash of their photo's content. Raises DiskError."""
        if self._has_stopped or not images:
            return
        try:
            if self._thumbnails.add(images, self._limit_mb * 1_000_000):
                return
            problem = (
                f"The kept thumbnails have reached their limit of {self._limit_mb} MB, so further "
                "photos get none. The setting thumbnails_mb raises it."
            )
        except StoreError as error:
            problem = error.sentence
        self._has_stopped = True
        self._notify(problem)


def make_thumbnails(context: IndexingContext) -> Generator[Progress, None, ThumbnailReport]:
    """Make the thumbnails of all photos that have none and can be reached; one Progress a photo.

    A file whose content is no longer that of the photo is left to the next indexing run.
    """
    with writing(context.data_dir) as store, ThumbnailStore(context.data_dir) as thumbnails:
        steps = _make_missing(context, store, thumbnails)
        return (yield from publish_progress(context.data_dir, "Making thumbnails", steps))


def _make_missing(
    context: IndexingContext, store: Store, thumbnails: ThumbnailStore
) -> Generator[Progress, None, ThumbnailReport]:
    settings = context.settings
    keeper = ThumbnailKeeper(thumbnails, settings, context.notify)
    kept = thumbnails.hashes()
    ids = store.reads.photos.live_ids().tolist()
    photos = [
        (photo, path)
        for photo, path in readable_photos(store.reads, ids, context.mounts)
        if bytes.fromhex(photo.content_hash) not in kept
    ]

    def make(photo: Photo, path: Path) -> bytes | None:
        try:
            stat = stat_of(path)
            if content_hash_of(stat).hex() != photo.content_hash:
                return None
            decoded = decode(path, KEPT_SIDE_PX, settings.max_megapixels)
            return kept_thumbnail(decoded) if stat_of(path).matches(stat) else None
        except (PhotoError, OSError):
            return None
        except ImgsearchError:
            raise
        except Exception:  # noqa: BLE001  # a bad photo must never abort the run
            return None

    made = 0
    batch: dict[bytes, bytes] = {}
    threads = settings.thread_count
    tasks = (partial(make, *item) for item in photos)
    with prefetch(2 * threads, threads, tasks) as images:
        for done, ((photo, path), image) in enumerate(zip(photos, images, strict=True), 1):
            if image is not None:
                made += 1
                batch[bytes.fromhex(photo.content_hash)] = image
            if len(batch) >= _BATCH_SIZE or done == len(photos):
                keeper.keep(batch)
                batch = {}
            yield Progress(done, len(photos), path)
    return ThumbnailReport(thumbnails.count(), made, len(photos) - made)
