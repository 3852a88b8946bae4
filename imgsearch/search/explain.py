"""Explains why a photo is where it is in an answer, or why it is not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch.records.answer import Explanation
from imgsearch.records.names import MatchedField
from imgsearch.records.query import Filter, Query, Share
from imgsearch.search.baseline import LibraryBaseline
from imgsearch.search.concepts import verdicts
from imgsearch.search.context import SearchContext
from imgsearch.search.engine import rank_fused
from imgsearch.search.name_search import NameMatches, find_names
from imgsearch.search.picture_text import lines_of_query
from imgsearch.search.stacking import hidden_by_stack
from imgsearch.search.vector import QueryVector, embed

if TYPE_CHECKING:
    from imgsearch.records.arrays import Ids

_FIRST_LIMIT = 200  # photos ranked at first; ten times as many while the photo is not among them


def explain(context: SearchContext, photo_id: int, path: Path, query: Query) -> Explanation:
    """Rank, score and shares of the photo at `path`, which filters it passes, and its text."""
    text = context.reads.texts([photo_id]).get(photo_id)
    explanation = _explain(context, photo_id, path, query)
    return replace(explanation, text=text, text_lines=lines_of_query(text, query))


def _explain(context: SearchContext, photo_id: int, path: Path, query: Query) -> Explanation:
    photo = context.reads.photos([photo_id])[photo_id]
    filters = tuple((filter_, _passes(context, photo_id, filter_)) for filter_ in query.filters)
    parts = context.reads.parts(context.row.key, [photo_id]).get(photo_id)
    if parts is None:
        no_vector = f"It has no vector of {context.row.name} yet. To finish, run: imgsearch index"
        return Explanation(path, no_vector, photo, filters=filters)
    concepts = verdicts(context.reads, context.row, query, photo_id, parts)
    if not query.terms:
        return Explanation(path, None, photo, filters=filters, concepts=concepts)
    baseline = LibraryBaseline.read(context.reads, context.row)
    query_vector = embed(context, query, baseline)
    vector = parts.vectors[parts.best_part(query_vector.vector)]
    cosines = query_vector.term_vectors @ vector
    shares = tuple(
        Share(term, float(cosine), float(share))
        for term, cosine, share in zip(
            query.terms, cosines, query_vector.contributions @ vector, strict=True
        )
    )
    score = float(query_vector.vector @ vector)
    reason: str | None = None
    position: int | None = None
    matched_by: tuple[MatchedField, ...] = ()
    if photo_id in query_vector.example_ids:
        reason = "It is the query's own example, and examples are not results."
    elif query.min_score is not None and score < query.min_score:
        reason = f"Its score {score:.4f} is below t:{query.min_score:g}."
    elif all(passes for _, passes in filters):
        only = context.matching(query)
        reason = _why_stacked(context, photo_id, only)
        names = find_names(context.reads, query, only)
        if not reason:
            position = _rank_of(context, query, query_vector, names, photo_id, only, baseline)
        if names is not None and photo_id in names.ids:
            phrases = [phrase.text for phrase in names.phrases]
            matched_by = context.reads.fields_with_any([photo_id], phrases)[photo_id]
    return Explanation(
        path,
        reason,
        photo,
        position,
        score,
        shares,
        filters,
        matched_by=matched_by,
        concepts=concepts,
    )


def _passes(context: SearchContext, photo_id: int, filter_: Filter) -> bool:
    import numpy as np

    only_it = np.array([photo_id], np.int64)
    return len(context.reads.matching(context.selection((filter_,), only_it))) > 0


def _rank_of(
    context: SearchContext,
    query: Query,
    vector: QueryVector,
    names: NameMatches | None,
    photo_id: int,
    only: Ids | None,
    baseline: LibraryBaseline | None,
) -> int | None:
    """The rank of a photo, from 1; None if it is not found."""
    if names is None:
        baseline = None  # the verdict only orders photos that were found by name among the others
    limit = _FIRST_LIMIT
    while True:
        ranking = rank_fused(context, query, vector, names, only, limit, baseline)
        ids = [ranked_id for ranked_id, _ in ranking.photos]
        if photo_id in ids:
            return ids.index(photo_id) + 1
        if ranking.is_complete:
            return None
        limit *= 10


def _why_stacked(context: SearchContext, photo_id: int, only: Ids | None) -> str | None:
    jpeg = hidden_by_stack(context, [photo_id], only).get(photo_id)
    if jpeg is None:
        return None
    _, path = context.reads.paths([jpeg])[jpeg][0]
    return f"It is shown as one result with {path}, because stack_raw is on."
