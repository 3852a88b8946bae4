"""Rebuilds the index, and embeds every photo with another encoder."""

from __future__ import annotations

import time
from collections.abc import Generator

from msgspec.structs import replace

from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.derived import build_index, refresh_derived
from imgsearch.indexer.new_encoder import open_new_encoder
from imgsearch.indexer.pipeline import EmbeddingRun, embed_again
from imgsearch.progress import Progress, RebuildReport
from imgsearch.records.index import EncoderRow
from imgsearch.store.lock import writing
from imgsearch.store.progress_file import publish_progress
from imgsearch.store.store import Store
from imgsearch.store.thumbnails import ThumbnailStore


def rebuild(
    context: IndexingContext, encoder_name: str | None
) -> Generator[Progress, None, RebuildReport]:
    """Rebuild the index; with a name, embed every photo with that encoder first."""
    started = time.monotonic()
    with writing(context.data_dir) as store:
        store.reads.encoders.in_use()  # raises UsageError for an empty library, first
        chosen = None if encoder_name is None else context.encoders.choose_new(encoder_name)
        steps = rebuild_store(context, store, chosen)
        report = yield from publish_progress(context.data_dir, "Rebuilding", steps)
    return replace(report, seconds=round(time.monotonic() - started, 3))


def rebuild_snapshot(context: IndexingContext, row: EncoderRow) -> None:
    """Build the index snapshot of an encoder from its stored vectors, as after damage."""
    with writing(context.data_dir) as store:
        build_index(context, store, row)


def rebuild_store(
    context: IndexingContext, store: Store, encoder_name: str | None
) -> Generator[Progress, None, RebuildReport]:
    """Rebuild as `rebuild` does, with the lock held; the report has no seconds."""
    row = store.reads.encoders.in_use()
    unread = 0
    if encoder_name is not None:
        encoder = yield from open_new_encoder(
            context, lambda: list(store.photos.unembedded(None).values()), encoder_name
        )
        with ThumbnailStore(context.data_dir) as thumbnails:
            run = EmbeddingRun.begin(context, store, encoder, thumbnails)
            unread = yield from embed_again(run, store.photos.unembedded(run.row.key))
        if not unread:
            store.vectors.promote_encoder(run.row.key)
            store.unfinished.await_no_encoder()
            row = store.reads.encoders.in_use()
    if not unread:
        build_index(context, store, row, retrain=True)
        refresh_derived(context, store, row)
    return RebuildReport(row.name, store.vectors.count(row.key), unread, seconds=0.0)
