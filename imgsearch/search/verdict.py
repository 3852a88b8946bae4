"""Says what an answer is worth, from its best hits; `imgsearch.honesty` does the arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgsearch import honesty
from imgsearch.findings import Verdict
from imgsearch.records import Neighbours

if TYPE_CHECKING:
    from imgsearch.records import Ids
    from imgsearch.search.desk import Desk
    from imgsearch.search.vector import QueryVector

LOOK = honesty.LOOK


def verdict(
    desk: Desk, asked: QueryVector, best: Sequence[tuple[int, float]], only: Ids | None
) -> Verdict | None:
    """What to think of an answer with these best hits (photo id, score), all in `only` if given.

    None where the library was too small at its last indexing run to tell.
    """
    import numpy as np

    null = desk.store.null(desk.row.key)
    if null is None:
        return None
    best = best[: honesty.LOOK]
    ids = [photo_id for photo_id, _ in best]
    vectors = [desk.store.vector_of(desk.row.key, each) for each in ids[: honesty.CLOSEST]]
    closest = np.array([each for each in vectors if each is not None], np.float32)
    found = Neighbours(np.array(ids, np.int64), np.array([score for _, score in best], np.float32))
    photos = null.vectors if only is None else len(only)
    return honesty.judge(null, _asked(asked), found, closest, photos)


def _asked(asked: QueryVector) -> honesty.Asked:
    likes = asked.factors > 0
    if not likes.any():  # all is to be unlike: then that is what is looked for
        likes = ~likes
    terms = [
        (kind, float(factor))
        for kind, factor, is_like in zip(asked.kinds, asked.factors, likes, strict=True)
        if is_like
    ]
    return honesty.Asked(asked.vector, terms, asked.factors[~likes] @ asked.parts[~likes])
