"""Explains the rank of a photo in an answer, or its absence."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from imgsearch.language.grammar import is_expressible, to_text
from imgsearch.records.answer import Explanation, FilterResult, TermShare
from imgsearch.records.names import MatchedField
from imgsearch.records.query import Filter, Query, Selection, Term
from imgsearch.search.baseline import LibraryBaseline
from imgsearch.search.concepts import verdicts
from imgsearch.search.context import SearchContext
from imgsearch.search.engine import rank_fused
from imgsearch.search.name_search import NameMatches, find_names
from imgsearch.search.picture_text import lines_of_query
from imgsearch.search.stacking import hidden_by_stack
from imgsearch.search.vector import QueryVector, embed

_FIRST_LIMIT = 200  # photos ranked at first; ten times as many while the photo is not among them


def explain(context: SearchContext, photo_id: int, path: Path, query: Query) -> Explanation:
    """The rank, score, shares, passed filters and text of the photo at `path`."""
    text = context.catalogue.texts([photo_id]).get(photo_id)
    explanation = _explain(context, photo_id, path, query)
    return replace(explanation, text=text, text_lines=lines_of_query(text, query))


def _explain(context: SearchContext, photo_id: int, path: Path, query: Query) -> Explanation:
    photo = context.catalogue.photos([photo_id])[photo_id].photo
    filters = tuple(
        FilterResult(to_text(Query(filters=(each,))), _passes(context, photo_id, each))
        for each in query.filters
    )
    parts = context.catalogue.vectors_of([photo_id]).get(photo_id)
    if parts is None:
        no_vector = f"It has no vector of {context.row.name} yet. To finish, run: imgsearch index"
        return Explanation(path, no_vector, photo, filters=filters)
    concepts = verdicts(context.definitions, context.row, query, photo_id, parts)
    if not query.terms:
        return Explanation(path, None, photo, filters=filters, concepts=concepts)
    baseline = LibraryBaseline.read(context.catalogue)
    query_vector = embed(context, query, baseline)
    vector = parts.vectors[parts.best_part(query_vector.vector)]
    cosines = query_vector.term_vectors @ vector
    shares = tuple(
        TermShare(_term_text(term), float(cosine), float(share))
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
    elif all(each.passes for each in filters):
        among = context.among(query)
        reason = _why_stacked(context, photo_id, among)
        names = find_names(context.catalogue, query, among)
        if not reason:
            position = _rank_of(context, query, query_vector, names, photo_id, among, baseline)
        if names is not None and context.catalogue.within([photo_id], names.selection):
            fields = context.catalogue.names.fields_with_any([photo_id], names.phrases)
            matched_by = fields[photo_id]
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


def _term_text(term: Term) -> str:
    """A term as a query line, or in words if it has no such form."""
    if is_expressible(term):
        return to_text(Query((term,)))
    sign = "-" if term.weight < 0 else ""
    weight = "" if abs(term.weight) == 1 else f"{abs(term.weight):g}:"
    return f"{sign}{weight}an example image"


def _passes(context: SearchContext, photo_id: int, filter_: Filter) -> bool:
    import numpy as np

    only_it = np.array([photo_id], np.int64)
    return context.catalogue.count(context.selection((filter_,), only_it)).photos > 0


def _rank_of(
    context: SearchContext,
    query: Query,
    vector: QueryVector,
    names: NameMatches | None,
    photo_id: int,
    among: Selection | None,
    baseline: LibraryBaseline | None,
) -> int | None:
    """The rank of a photo, from 1; None if it is not found."""
    if names is None:
        baseline = None  # the verdict only decides whether photos found by name come first
    limit = _FIRST_LIMIT
    while True:
        ranking = rank_fused(context, query, vector, names, among, limit, baseline)
        ids = [ranked_id for ranked_id, _ in ranking.photos]
        if photo_id in ids:
            return ids.index(photo_id) + 1
        if ranking.is_complete:
            return None
        limit *= 10


def _why_stacked(context: SearchContext, photo_id: int, among: Selection | None) -> str | None:
    jpeg = hidden_by_stack(context, [photo_id], among).get(photo_id)
    if jpeg is None:
        return None
    path = context.catalogue.photos([jpeg])[jpeg].files[0].path
    return f"It is shown as one result with {path}, because stack_raw is on."
