"""Finds near-duplicates: every pair of photos above a score, and how sharp these photos are."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.analysis.sharpness import SIDES_PX, measure_sharpness
from imgsearch.concurrency import prefetch
from imgsearch.decode.reader import decode
from imgsearch.errors import PhotoError
from imgsearch.indexer.metadata import readable_photos
from imgsearch.progress import Progress
from imgsearch.records.duplicates import Pair, Pairs, Sharpness
from imgsearch.store.reads import photo_starts
from imgsearch.store.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.config import Settings
    from imgsearch.records.arrays import Ids
    from imgsearch.records.photo import Photo

    Rows = NDArray[np.int64]  # row numbers

BLOCK_ROWS = 2048  # the scores of two blocks are 16 MB
BLOCKS_PER_STEP = 8  # pairs of blocks compared between two Progress
MAX_PAIRS = 300_000  # bounds the memory in a library of a million copies of one photo
EXACT_PHOTOS = 100_000  # compared each with each: less than a minute on two cores
NEAREST_PIVOTS = 12
_SEED = 20_261
MAX_MEASURED = 20_000  # photos whose sharpness is measured: ten minutes of work on two cores


def find_pairs(
    store: Store,
    encoder_key: int,
    min_score: float,
    max_pairs: int = MAX_PAIRS,
    block_rows: int = BLOCK_ROWS,
    blocks_per_step: int = BLOCKS_PER_STEP,
    exact_photos: int = EXACT_PHOTOS,
) -> Generator[Progress, None, Pairs]:
    """Every two photos whose score is at least `min_score`, best first.

    Up to `exact_photos` all photos are compared, in blocks of `block_rows`. Of more, those are that
    resemble the same photos: docs/benchmarks.md tells how many pairs that finds. A photo with
    several parts is compared as a whole: two panoramas with the same sky at one end are not
    duplicates. If there are more than `max_pairs`, the best are kept, and the `min_score` of the
    result is raised to the score down to which it is complete. Progress is in photos, by the share
    of the work done; its steps are short, so that the job stops quickly.
    """
    ids, vectors = _whole_photo_vectors(store, encoder_key)
    found = _Found(ids, vectors, min_score, max_pairs)
    if len(ids) <= exact_photos:
        yield from _compare_all(found, block_rows, blocks_per_step)
    else:
        yield from _compare_neighbours(found, block_rows, blocks_per_step)
    return found.pairs()


class _Found:
    """The photos that are compared, and the pairs found so far."""

    def __init__(
        self, ids: Ids, vectors: NDArray[np.float16], min_score: float, max_pairs: int
    ) -> None:
        self.ids = ids
        self.vectors = vectors
        self._min_score = min_score
        self._max_pairs = max_pairs
        self._pair_ids: list[Ids] = []
        self._scores: list[NDArray[np.float32]] = []
        self._count = 0

    def compare(self, rows: Rows, others: Rows) -> None:
        """Add the pairs between these rows and the others, each of them a block."""
        import numpy as np

        left, right = (self.vectors[each].astype(np.float32) for each in (rows, others))
        scores = left @ right.T
        places = np.flatnonzero(scores >= self._min_score)  # in 1-D: several times as fast
        if not len(places):
            return
        first, second = np.divmod(places, scores.shape[1])
        pairs = np.stack([self.ids[rows[first]], self.ids[others[second]]], axis=1)
        is_pair = pairs[:, 0] != pairs[:, 1]
        self._pair_ids.append(np.sort(pairs[is_pair], axis=1))
        self._scores.append(scores.ravel()[places][is_pair])
        self._count += int(np.count_nonzero(is_pair))
        if self._count > 2 * self._max_pairs + len(rows):
            self._cut()

    def _cut(self) -> None:
        """Keep each pair once, and of too many the best."""
        import numpy as np

        ids = np.concatenate([np.zeros((0, 2), np.int64), *self._pair_ids])
        scores = np.concatenate([np.zeros(0, np.float32), *self._scores])
        ids, scores = _best(ids, scores)
        if len(scores) > self._max_pairs:
            self._min_score = float(scores[self._max_pairs - 1])
            ids, scores = ids[: self._max_pairs], scores[: self._max_pairs]
        self._pair_ids, self._scores, self._count = [ids], [scores], len(scores)

    def pairs(self) -> Pairs:
        """The result: best first, each once."""
        import numpy as np

        self._cut()
        (ids,), (scores,) = self._pair_ids, self._scores
        rows = zip(ids.tolist(), np.minimum(scores, 1).tolist(), strict=True)
        return Pairs(self._min_score, tuple(Pair(a, b, score) for (a, b), score in rows))


def _compare_all(found: _Found, block_rows: int, blocks_per_step: int) -> Iterator[Progress]:
    """Every photo with every other."""
    import numpy as np

    total, step_rows = len(found.ids), blocks_per_step * block_rows
    rows = np.arange(total)
    for start in range(0, total, block_rows):
        block = rows[start : start + block_rows]
        for first in range(start, total, step_rows):
            others = range(first, min(first + step_rows, total), block_rows)
            for other in others:
                found.compare(block, rows[other : other + block_rows])
            yield Progress(_rows_done(start, others.stop, total, block_rows), total)


def _compare_neighbours(found: _Found, block_rows: int, blocks_per_step: int) -> Iterator[Progress]:
    """Photos that resemble the same photos.

    Some photos, taken at random, are pivots. Each photo belongs to the pivot that it is most
    similar to, and is compared with those whose pivot is among its nearest. So a pair is missed
    only where neither photo's pivot is among the nearest of the other.
    """
    import numpy as np

    total = len(found.ids)
    count = round(sqrt(total))
    places = np.random.default_rng(_SEED).choice(total, count, replace=False)
    pivots = found.vectors[np.sort(places)].astype(np.float32).T
    nearest = np.empty((total, min(NEAREST_PIVOTS, count)), np.int32)
    for start in range(0, total, block_rows):
        block = slice(start, start + block_rows)
        scores = found.vectors[block].astype(np.float32) @ pivots
        nearest[block] = _nearest(scores, nearest.shape[1])
        yield Progress(start // 2, total)
    order = np.argsort(nearest, axis=None, kind="stable")
    ends = np.cumsum(np.bincount(nearest.ravel(), minlength=count))
    done = compared = 0
    for visits in np.split(order, ends[:-1]):
        rows, rank = np.divmod(visits, nearest.shape[1])
        own = rows[rank == 0]
        for start in range(0, len(own), block_rows):
            for other in range(0, len(rows), block_rows):
                block, others = own[start : start + block_rows], rows[other : other + block_rows]
                found.compare(block, others)
                compared += len(block) * len(others)
                if compared >= blocks_per_step * block_rows**2:
                    compared = 0
                    yield Progress((total + done) // 2, total)
        done += len(own)
    yield Progress(total, total)


def _nearest(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The places of the `count` best scores of each row, the best of all first."""
    import numpy as np

    best = np.argpartition(scores, -count, axis=1)[:, -count:]
    first = np.argmax(np.take_along_axis(scores, best, 1), axis=1)[:, None]
    top = np.take_along_axis(best, first, 1)
    np.put_along_axis(best, first, best[:, :1], 1)
    best[:, :1] = top
    return best


def measure_photos(
    store: Store, pairs: Pairs, online: Collection[int], settings: Settings
) -> Generator[Progress, None, Pairs]:
    """The pairs with the sharpness of their photos; one Progress a photo.

    Photos in roots other than those in `online` are not measured, nor are files that cannot be
    read, or whose size is another than when they were indexed. At most `MAX_MEASURED` photos are,
    those of the best pairs.
    """
    ids = dict.fromkeys(photo_id for pair in pairs.pairs for photo_id in (pair.a, pair.b))
    photos = readable_photos(store, online, list(ids)[:MAX_MEASURED])

    def measure(item: tuple[Photo, Path]) -> Sharpness:
        photo, path = item
        try:
            if path.stat().st_size != photo.size_bytes:
                return ()
            decoded = decode(path, SIDES_PX[-1], settings.max_megapixels)
        except (PhotoError, OSError):
            return ()
        return measure_sharpness(decoded.image)

    sharpness = {}
    threads = settings.thread_count
    with prefetch(2 * threads, threads, measure, photos) as results:
        for done, ((photo, path), measured) in enumerate(zip(photos, results, strict=True), 1):
            if measured:
                sharpness[photo.id] = measured
            yield Progress(done, len(photos), path, "Measuring sharpness")
    return replace(pairs, sharpness=sharpness)


def _rows_done(start: int, end: int, total: int, block_rows: int) -> int:
    """How many of `total` rows the finished work amounts to: early blocks meet the most others.

    Done are all blocks before `start`, and the block at `start` with the rows up to `end`.
    """
    left = total - start
    after = max(0, left - block_rows)  # rows whose own block is still to come
    to_do = after**2 + (left**2 - after**2) * (total - end) / left
    return round(total - to_do / total)


def _best(ids: Ids, scores: NDArray[np.float32]) -> tuple[Ids, NDArray[np.float32]]:
    """Each pair once, with its best score, best first."""
    import numpy as np

    order = np.lexsort((ids[:, 1], ids[:, 0], -scores))
    ids, scores = ids[order], scores[order]
    _, first = np.unique(ids, axis=0, return_index=True)
    first.sort()
    return ids[first], scores[first]


def _whole_photo_vectors(store: Store, encoder_key: int) -> tuple[Ids, NDArray[np.float16]]:
    """Ids (n,) and fp16 rows (n, dim): the vector of the whole of each photo that has a path."""
    import numpy as np

    all_ids = [np.zeros(0, np.int64)]
    rows = [np.zeros((0, 0), np.float16)]
    for _, ids, chunk in store.reads.vectors(encoder_key):
        wholes = photo_starts(ids)
        all_ids.append(ids[wholes])
        rows.append(chunk[wholes].astype(np.float16))
    ids = np.concatenate(all_ids)
    is_live = np.isin(ids, store.reads.live_ids())
    return ids[is_live], np.concatenate(rows[1:] or rows)[is_live]
