"""Places new photos on the map of meaning, where the library has one; no other photo moves."""

from __future__ import annotations

import numpy as np

from imgsearch.errors import SnapshotError
from imgsearch.features.meaning.placing import NEAREST, place
from imgsearch.features.meaning.plane import Points, apart
from imgsearch.features.meaning.records import MeaningPoints
from imgsearch.features.meaning.store import MeaningStore
from imgsearch.index.live import LiveIndex
from imgsearch.indexer.context import IndexingContext
from imgsearch.records.arrays import Ids, Vectors
from imgsearch.records.index import EncoderRow
from imgsearch.store.reading.vectors import photo_starts
from imgsearch.store.store import Store

_PHOTOS_AT_ONCE = 1_000


def place_new_photos(context: IndexingContext, store: Store, row: EncoderRow) -> int:
    """Place the photos that are not on the map of this encoder yet; returns their number.

    Each lies among those that were laid out and that it is most like. Nothing happens where there
    is no map.
    """
    maps = MeaningStore(store.database)
    made_at = maps.made_at(row.key)
    if made_at is None:
        return 0
    waiting = maps.waiting(row.key)
    if not len(waiting):
        return 0
    laid_out = maps.points(row.key, laid_out_only=True)
    if not len(laid_out.photo_ids):
        return 0
    points, taken = points_of(laid_out), points_of(maps.points(row.key))
    index, placed = _index_of(context, store, row), 0
    for start in range(0, len(waiting), _PHOTOS_AT_ONCE):
        parts = store.reads.vectors.parts(
            row.key, waiting[start : start + _PHOTOS_AT_ONCE].tolist()
        )
        ids = np.array(list(parts), np.int64)
        rows = _unit(np.stack([each.vectors.mean(axis=0) for each in parts.values()]))
        found = index.search(rows, NEAREST, laid_out.photo_ids, kind="image")
        near = np.full((len(ids), NEAREST), -1, np.int64)
        scores = np.full((len(ids), NEAREST), -1, np.float32)
        for photo, each in enumerate(found):
            near[photo, : len(each.ids)] = np.searchsorted(laid_out.photo_ids, each.ids)
            scores[photo, : len(each.ids)] = each.scores
        has_any = near[:, 0] >= 0  # else none of the photos that were laid out has a path now
        ids, near, scores = ids[has_any], near[has_any], scores[has_any]
        own = apart(place(points, near, scores, ids), ids, taken)
        record = record_of(ids, own, laid_out.clusters[near[:, 0]])
        maps.add(row.key, made_at, record)
        taken = np.concatenate([taken, points_of(record)])
        placed += len(ids)
    return placed


def points_of(photos: MeaningPoints) -> Points:
    """Return the points (n, 2) of photos on a map."""
    return np.stack([photos.x, photos.y], axis=1).astype(np.float64)


def record_of(ids: Ids, points: Points, clusters: Ids) -> MeaningPoints:
    """Return photos with their points (n, 2) and clusters (n,), as a record."""
    return MeaningPoints(
        ids, points[:, 0].astype(np.float32), points[:, 1].astype(np.float32), clusters
    )


def mean_rows(ids: Ids, vectors: Vectors) -> tuple[Ids, Vectors]:
    """Return each photo once, with the mean of its parts: ids (m,), rows (m, dim) of length 1."""
    starts = photo_starts(ids)
    if len(starts) == len(ids):
        return ids, vectors
    return ids[starts], _unit(np.add.reduceat(vectors, starts, axis=0))


def _unit(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    result: Vectors = (rows / np.maximum(lengths, 1e-9)).astype(np.float32)
    return result


def _index_of(context: IndexingContext, store: Store, row: EncoderRow) -> LiveIndex:
    """Return the index of the library.

    The stored vectors where its file is damaged, as `doctor` tells.
    """
    try:
        return LiveIndex(store.reads, row.key, context.policy)
    except SnapshotError:
        return LiveIndex(store.reads, row.key, context.policy, use_snapshot=False)
