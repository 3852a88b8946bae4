"""Updates what is made of the vectors: index, baseline, hubness, and more of features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from imgsearch.errors import EncoderError, ImgsearchError, MissingPackage, Sentence, UsageError
from imgsearch.features import installed
from imgsearch.features.declared import is_ours, load
from imgsearch.index import build, snapshot
from imgsearch.indexer.context import IndexingContext
from imgsearch.indexer.embedding import embed_queries, encode_texts
from imgsearch.records.index import EncoderRow
from imgsearch.search import baseline, hubness
from imgsearch.store.store import Store

GROUPING = "Grouping faces"


def build_index(
    context: IndexingContext, store: Store, row: EncoderRow, retrain: bool = False
) -> None:
    """Build the index snapshot of an encoder from its stored vectors.

    With `retrain`, nothing of the snapshot before is used again.
    """
    build.build_snapshot(
        store,
        row.key,
        row.encoder_id,
        partial(encode_texts, context, row),
        policy=context.policy,
        fresh=retrain,
    )


def update_index(context: IndexingContext, store: Store, row: EncoderRow) -> None:
    """Build an index snapshot if the policy calls for it."""
    if snapshot.rebuild_reason(store, row.key, context.policy):
        build_index(context, store, row)


def refresh_derived(context: IndexingContext, store: Store, row: EncoderRow) -> None:
    """Update the score baseline, the hubness of photos, and what features make."""
    refresh_baseline(context, store, row)
    hubness.refresh(store, row, context.settings.cache_dir, partial(encode_texts, context, row))
    for name, function in installed.after_indexing().items():
        follow = load(function)
        try:
            follow(context, store, row)
        except (ImgsearchError, OSError):
            raise
        except Exception as error:
            if is_ours(function):
                raise
            raise MissingPackage(
                f"The photos were indexed, and then the feature {name}, a plug-in, failed "
                f"({type(error).__name__}: {error}). Update its package, or remove it."
            ) from error


def refresh_from_faces(store: Store, new: int | None) -> None:
    """Let features follow faces that came from a pack or an archive; see `Feature.after_faces`."""
    for function in installed.after_faces():
        load(function)(store, new)


@contextmanager
def encoder_may_lack(context: IndexingContext, done: str) -> Iterator[None]:
    """Say that something was `done` where the block needs an encoder that cannot be used here.

    Searching the photos that came from elsewhere raises the same error.
    """
    try:
        yield
    # UsageError for an encoder that this imgsearch does not have.
    except (EncoderError, UsageError) as error:
        context.notify(Sentence(f"{done}, but its encoder cannot be used here yet. ", error))


def refresh_baseline(context: IndexingContext, store: Store, row: EncoderRow) -> None:
    """Update the score baseline if the library has changed enough."""
    baseline.refresh(store, row, partial(embed_queries, context, row))


def growing_baseline(
    context: IndexingContext, store: Store, row: EncoderRow
) -> baseline.GrowingBaseline:
    """Return what keeps the score baseline up to date while photos are added."""
    known = store.reads.encoders.baseline(row.key)
    return baseline.GrowingBaseline(
        store.vectors.count(row.key),
        0 if known is None else known.vectors,
        partial(refresh_baseline, context, store, row),
    )
