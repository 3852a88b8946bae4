"""Finds photos that are nearly the same: every pair above a score, and the groups they make."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

from imgsearch.progress import Progress
from imgsearch.records.answer import Pair, Pairs
from imgsearch.store.reads import photo_starts
from imgsearch.store.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgsearch.records.arrays import Ids, Vectors

BLOCK_ROWS = 2048  # a block of scores is 16 MB
STEP_ROWS = 8 * BLOCK_ROWS  # that a block meets between two words of progress
MAX_PAIRS = 300_000  # a library of one photo a million times must not fill the memory


def find_pairs(
    store: Store, encoder_key: int, min_score: float, max_pairs: int = MAX_PAIRS
) -> Generator[Progress, None, Pairs]:
    """Every two photos of the library whose score is at least `min_score`, best first.

    Exact: each photo meets every other once, as one matrix product a block. One of several parts
    is compared as a whole: two panoramas with the same sky at one end are no duplicates. Where
    there are more than `max_pairs`, the best are kept, and the answer says from which score on it
    is whole. Progress is in photos, by the share of the work that is done; its steps are short, so
    that stopping does not keep anybody waiting.
    """
    import numpy as np

    ids, vectors = _all_vectors(store, encoder_key)
    kept_ids, kept_scores = np.zeros((0, 2), np.int64), np.zeros(0, np.float32)
    for start in range(0, len(ids), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS].astype(np.float32)
        for first in range(start, len(ids), STEP_ROWS):
            others = range(first, min(first + STEP_ROWS, len(ids)), BLOCK_ROWS)
            new_ids, new_scores = _pairs_of_block((ids, vectors), (start, block), others, min_score)
            kept_ids = np.concatenate([kept_ids, new_ids])
            kept_scores = np.concatenate([kept_scores, new_scores])
            yield Progress(_share_done(start, others.stop, len(ids)), len(ids))
        if len(kept_scores) > max_pairs:
            kept_ids, kept_scores = _best(kept_ids, kept_scores)
            if len(kept_scores) > max_pairs:
                min_score = float(kept_scores[max_pairs - 1])
                kept_ids, kept_scores = kept_ids[:max_pairs], kept_scores[:max_pairs]
    kept_ids, kept_scores = _best(kept_ids, kept_scores)
    rows = zip(kept_ids.tolist(), np.minimum(kept_scores, 1).tolist(), strict=True)
    return Pairs(min_score, tuple(Pair(a, b, score) for (a, b), score in rows))


def groups(pairs: Pairs, min_score: float) -> tuple[tuple[int, ...], ...]:
    """The photos that pairs of at least `min_score` link, directly or through others.

    Groups with the most alike pair come first; inside a group ids ascend.
    """
    group_of: dict[int, list[int]] = {}
    order: dict[int, None] = {}  # a photo of each group, in the order of the pairs
    for pair in pairs.pairs:
        if pair.score < min_score:
            break
        one, two = group_of.get(pair.a, [pair.a]), group_of.get(pair.b, [pair.b])
        order[pair.a] = None
        if one is not two:
            one += two
            group_of.update(dict.fromkeys([pair.a, *two], one))
    found: dict[int, tuple[int, ...]] = {}
    for photo_id in order:
        members = group_of[photo_id]
        found.setdefault(id(members), tuple(sorted(members)))
    return tuple(found.values())


def _share_done(start: int, end: int, total: int) -> int:
    """How many of `total` vectors the work stands for: early blocks meet the most others."""
    left = total - start
    after = max(0, left - BLOCK_ROWS)  # vectors whose own block is still to come
    to_do = after**2 + (left**2 - after**2) * (total - end) / left
    return round(total - to_do / total)


def _pairs_of_block(
    library: tuple[Ids, NDArray[np.float16]],
    mine: tuple[int, Vectors],
    others: Iterable[int],
    min_score: float,
) -> tuple[Ids, NDArray[np.float32]]:
    """Pairs (n, 2), smaller id first, and scores (n,) of a block with some, itself and later ones.

    A block is its first row and its vectors; of the others, the first row is enough.
    """
    import numpy as np

    ids, vectors = library
    start, block = mine
    all_ids, all_scores = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.float32)]
    for other in others:
        scores = block @ vectors[other : other + BLOCK_ROWS].astype(np.float32).T
        places = np.flatnonzero(scores >= min_score)  # in one dimension: several times as fast
        rows, columns = np.divmod(places, scores.shape[1])
        both = np.stack([ids[start + rows], ids[other + columns]], axis=1)
        is_pair = both[:, 0] != both[:, 1]
        all_ids.append(np.sort(both[is_pair], axis=1))
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


def _all_vectors(store: Store, encoder_key: int) -> tuple[Ids, NDArray[np.float16]]:
    """Ids (n,) and fp16 rows (n, dim) of all photos that some path points at, one of each."""
    import numpy as np

    all_ids = [np.zeros(0, np.int64)]
    rows = [np.zeros((0, 0), np.float16)]
    for _, ids, chunk in store.reads.vectors(encoder_key):
        wholes = photo_starts(ids)
        all_ids.append(ids[wholes])
        rows.append(chunk[wholes].astype(np.float16))
    ids = np.concatenate(all_ids)
    alive = np.isin(ids, store.reads.live_ids())
    return ids[alive], np.concatenate(rows[1:] or rows)[alive]
