"""Finds near-duplicates: every pair of photos above a score, and how sharp these photos are."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable
from dataclasses import replace
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

BLOCK_ROWS = 2048  # the scores of two blocks are 16 MB
BLOCKS_PER_STEP = 8  # pairs of blocks compared between two Progress
MAX_PAIRS = 300_000  # bounds the memory in a library of a million copies of one photo
MAX_MEASURED = 20_000  # photos whose sharpness is measured: ten minutes of work on two cores


def find_pairs(
    store: Store,
    encoder_key: int,
    min_score: float,
    max_pairs: int = MAX_PAIRS,
    block_rows: int = BLOCK_ROWS,
    blocks_per_step: int = BLOCKS_PER_STEP,
) -> Generator[Progress, None, Pairs]:
    """Every two photos whose score is at least `min_score`, best first.

    Exact: all photos are compared, in blocks of `block_rows`. A photo with several parts is
    compared as a whole: two panoramas with the same sky at one end are not duplicates. If there
    are more than `max_pairs`, the best are kept, and the `min_score` of the result is raised to
    the score down to which it is complete. Progress is in photos, by the share of the work done;
    its steps are short, so that the job stops quickly.
    """
    import numpy as np

    ids, vectors = _whole_photo_vectors(store, encoder_key)
    step_rows = blocks_per_step * block_rows
    pair_ids, scores = np.zeros((0, 2), np.int64), np.zeros(0, np.float32)
    for start in range(0, len(ids), block_rows):
        for first in range(start, len(ids), step_rows):
            others = range(first, min(first + step_rows, len(ids)), block_rows)
            new_ids, new_scores = _block_pairs(ids, vectors, start, others, min_score, block_rows)
            pair_ids = np.concatenate([pair_ids, new_ids])
            scores = np.concatenate([scores, new_scores])
            yield Progress(_rows_done(start, others.stop, len(ids), block_rows), len(ids))
        if len(scores) > max_pairs:
            pair_ids, scores = _best(pair_ids, scores)
            if len(scores) > max_pairs:
                min_score = float(scores[max_pairs - 1])
                pair_ids, scores = pair_ids[:max_pairs], scores[:max_pairs]
    pair_ids, scores = _best(pair_ids, scores)
    rows = zip(pair_ids.tolist(), np.minimum(scores, 1).tolist(), strict=True)
    return Pairs(min_score, tuple(Pair(a, b, score) for (a, b), score in rows))


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
            decoded = decode(path, SIDES_PX[-1] // 2, settings.max_megapixels)
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


def _block_pairs(
    ids: Ids,
    vectors: NDArray[np.float16],
    start: int,
    others: Iterable[int],
    min_score: float,
    block_rows: int,
) -> tuple[Ids, NDArray[np.float32]]:
    """Pairs (n, 2), smaller id first, and scores (n,) of one block with `others`, itself or later.

    `start` and `others` are the first rows of blocks of `vectors`.
    """
    import numpy as np

    block = vectors[start : start + block_rows].astype(np.float32)
    all_ids, all_scores = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.float32)]
    for other in others:
        scores = block @ vectors[other : other + block_rows].astype(np.float32).T
        places = np.flatnonzero(scores >= min_score)  # in one dimension: several times as fast
        rows, columns = np.divmod(places, scores.shape[1])
        pairs = np.stack([ids[start + rows], ids[other + columns]], axis=1)
        is_pair = pairs[:, 0] != pairs[:, 1]
        all_ids.append(np.sort(pairs[is_pair], axis=1))
        all_scores.append(scores.ravel()[places][is_pair])
    return _best(np.concatenate(all_ids), np.concatenate(all_scores))


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
