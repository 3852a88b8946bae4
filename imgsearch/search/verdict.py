"""Says what an answer is worth, from its best hits; `search.confidence` does the arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgsearch.records.answer import Neighbours
from imgsearch.search import confidence

if TYPE_CHECKING:
    from imgsearch.records.answer import Verdict
    from imgsearch.records.arrays import Ids
    from imgsearch.search.context import SearchContext
    from imgsearch.search.vector import QueryVector

LOOK = confidence.LOOK


def verdict(
    desk: SearchContext, asked: QueryVector, best: Sequence[tuple[int, float]], only: Ids | None
) -> Verdict | None:
    """What to think of an answer with these best hits (photo id, score), all in `only` if given.

    None where the library was too small at its last indexing run to tell.
    """
    import numpy as np

    null = desk.store.baseline(desk.row.key)
    if null is None:
        return None
    best = best[: confidence.LOOK]
    ids = [photo_id for photo_id, _ in best]
    parts = desk.store.parts(desk.row.key, ids[: confidence.CLOSEST]).values()
    closest = np.array([each.vectors[each.best_part(asked.vector)] for each in parts], np.float32)
    found = Neighbours(np.array(ids, np.int64), np.array([score for _, score in best], np.float32))
    several, further = desk.store.further_parts(desk.row.key)
    if only is None:
        among = confidence.CandidateCounts(null.vectors - int(further.sum()), null.vectors)
    else:
        among = confidence.CandidateCounts(
            len(only), len(only) + int(further[np.isin(several, only)].sum())
        )
    return confidence.assess(null, _asked(asked), found, closest, among)


def _asked(asked: QueryVector) -> confidence.ScoredQuery:
    likes = asked.factors > 0
    if not likes.any():  # all is to be unlike: then that is what is looked for
        likes = ~likes
    terms = [
        (kind, float(factor))
        for kind, factor, is_like in zip(asked.kinds, asked.factors, likes, strict=True)
        if is_like
    ]
    return confidence.ScoredQuery(asked.vector, terms, asked.factors[~likes] @ asked.parts[~likes])
