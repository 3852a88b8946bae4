"""Says why a photo is where it is in an answer, or why it is not there."""

from __future__ import annotations

from pathlib import Path

from imgsearch.records.answer import Explanation
from imgsearch.records.query import Query, Selection, Share
from imgsearch.search.context import SearchContext
from imgsearch.search.engine import scored
from imgsearch.search.stacking import hidden_by_stack
from imgsearch.search.vector import QueryVector, embed

_FIRST_LOOK = 100  # photos; ten times as many each time the photo is not among them


def explain(desk: SearchContext, photo_id: int, path: Path, query: Query) -> Explanation:
    """Rank, score and shares of a photo that lies at `path`, and which filters it passes."""
    import numpy as np

    photo = desk.store.photos([photo_id])[photo_id]
    among = np.array([photo_id], np.int64)
    filters = tuple(
        (each, bool(len(desk.store.matching(Selection((each,), desk.roots_online, among)))))
        for each in query.filters
    )
    parts = desk.store.parts(desk.row.key, [photo_id]).get(photo_id)
    if parts is None:
        missing = f"It has no vector of {desk.row.name} yet. Finish with: imgsearch index"
        return Explanation(path, missing, photo, filters=filters)
    if not query.terms:
        return Explanation(path, None, photo, filters=filters)
    asked = embed(desk, query)
    vector = parts.vectors[parts.best_part(asked.vector)]
    cosines = asked.parts @ vector
    shares = tuple(
        Share(term, float(cosine), float(factor * cosine))
        for term, cosine, factor in zip(query.terms, cosines, asked.factors, strict=True)
    )
    score = float(asked.vector @ vector)
    reason: str | None = None
    rank: int | None = None
    if photo_id in asked.own:
        reason = "It is the query's own example, which is left out of the answer."
    elif query.min_score is not None and score < query.min_score:
        reason = f"Its score {score:.4f} is below t:{query.min_score:g}."
    elif all(passes for _, passes in filters):
        reason = _why_stacked(desk, query, photo_id)
        rank = None if reason else _rank(desk, query, asked, photo_id)
    return Explanation(path, reason, photo, rank, score, shares, filters)


def _rank(desk: SearchContext, query: Query, asked: QueryVector, photo_id: int) -> int | None:
    selection = Selection(query.filters, desk.roots_online)
    only = desk.store.matching(selection) if query.filters else None
    wanted = _FIRST_LOOK
    while True:
        found, is_all = scored(desk, asked, only, wanted)
        ids = [found_id for found_id, _ in found]
        if photo_id in ids:
            return ids.index(photo_id) + 1
        if is_all:
            return None
        wanted *= 10


def _why_stacked(desk: SearchContext, query: Query, photo_id: int) -> str | None:
    selection = Selection(query.filters, desk.roots_online)
    shown = hidden_by_stack(
        desk, [photo_id], desk.store.matching(selection) if query.filters else None
    )
    if photo_id not in shown:
        return None
    developed = shown[photo_id]
    _, path = desk.store.paths([developed])[developed][0]
    return f"It is shown as one result with {path}, as stack_raw says."
