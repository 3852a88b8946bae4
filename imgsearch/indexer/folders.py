"""Forgets and pauses folders, and deletes the photos that have been gone for long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from imgsearch.config import PRUNE_DAYS
from imgsearch.errors import StoreError
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.roots import root_id_of
from imgsearch.store.lock import writing
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore


def forget(context: IndexingContext, folder: str) -> int:
    """Remove the root at `folder`; returns how many photos left the library with it.

    Raises UsageError if it is no root.
    """
    with writing(context.data_dir) as store:
        return store.files.remove_root(root_id_of(store.reads, folder))


def set_paused(context: IndexingContext, folder: str, paused: bool) -> None:
    """Pause the root at `folder`, or resume it. Raises UsageError if it is no root."""
    with writing(context.data_dir) as store:
        store.files.set_paused(root_id_of(store.reads, folder), paused)


def prune(context: IndexingContext, days: float) -> int:
    """Delete photos that have had no path for this many days; returns how many."""
    with writing(context.data_dir) as store:
        return prune_store(context, store, days)


def prune_store(context: IndexingContext, store: Store, days: float = PRUNE_DAYS) -> int:
    """Prune a library whose lock is held: see `prune`."""
    photos = store.photos.prune(datetime.now(UTC) - timedelta(days=days))
    with ThumbnailStore(context.data_dir) as thumbnails:
        try:
            thumbnails.prune(context.settings.thumbnails_mb * 1_000_000)
        except StoreError as error:  # damage, which must not stop a watcher
            context.notify(error.sentence)
    return photos
