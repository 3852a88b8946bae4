"""Explains the rank of a photo in an answer, or its absence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from imgsearch.errors import CommandLine, Sentence
from imgsearch.features import installed
from imgsearch.features.declared import load
from imgsearch.language.grammar import is_expressible, to_text
from imgsearch.records.answer import Explanation, FilterResult, TermShare
from imgsearch.records.extended import explanation_type
from imgsearch.records.names import MatchedField
from imgsearch.records.photo import PhotoVectors
from imgsearch.records.query import Filter, Query, Selection, Term
from imgsearch.search.context import SearchContext
from imgsearch.search.named import names_hidden
from imgsearch.search.picture_text import lines_of_query
from imgsearch.search.prepared import PreparedQuery
from imgsearch.search.ranking import rank
from imgsearch.search.stacking import hidden_by_stack
from imgsearch.search.worth import best_order, worths_of

_FIRST_LIMIT = 200  # photos ranked at first; ten times as many while the photo is not among them


def explain(query: PreparedQuery, photo_id: int, path: Path) -> Explanation:
    """Return the rank, score, shares, passed filters and text of the photo at `path`."""
    text = query.context.photos.texts([photo_id]).get(photo_id)
    explanation = _with_worth(query, _explain(query, photo_id, path))
    is_named = "text" in explanation.matched_by and query.names is not None
    named = query.names.phrases if is_named and query.names is not None else ()
    return replace(explanation, text=text, text_lines=lines_of_query(text, query.exact, named))


def _explain(query: PreparedQuery, photo_id: int, path: Path) -> Explanation:
    context, exact = query.context, query.exact
    photo = context.photos.records([photo_id])[photo_id].photo
    filters = tuple(
        FilterResult(to_text(Query(filters=(each,))), _passes(context, photo_id, each))
        for each in exact.filters
    )
    parts = context.photos.vectors_of([photo_id]).get(photo_id)
    if parts is None:
        no_vector = Sentence(
            f"It has no vector of {context.row.name} yet. To finish, run: ", CommandLine("index")
        )
        return explanation_type()(path, no_vector, photo, filters=filters)
    of_features = _of_features(context, exact, photo_id, parts)
    if not exact.terms:
        hidden = _why_hidden(query, photo_id)
        return explanation_type()(path, hidden, photo, filters=filters, **of_features)
    embedded = query.vector
    vector = parts.vectors[parts.best_part(embedded.vector)]
    cosines = embedded.term_vectors @ vector
    shares = tuple(
        TermShare(_term_text(term), float(cosine), float(share))
        for term, cosine, share in zip(
            exact.terms, cosines, embedded.contributions @ vector, strict=True
        )
    )
    cosine = float(embedded.vector @ vector)
    score = context.photos.less_hubness(photo_id, cosine, embedded.hubness_share)
    reason: str | None = None
    position: int | None = None
    matched_by: tuple[MatchedField, ...] = ()
    if photo_id in embedded.example_ids:
        reason = "It is the query's own example, and examples are not results."
    elif exact.min_score is not None and score < exact.min_score:
        reason = f"Its score {score:.4f} is below t:{exact.min_score:g}."
    elif all(each.passes for each in filters):
        reason = _why_hidden(query, photo_id) or _why_stacked(context, photo_id, query.among)
        names = query.names
        if not reason:
            position = _rank_of(query, photo_id)
        if names is not None and context.photos.within([photo_id], names.selection):
            fields = context.photos.names.fields_with_any([photo_id], names.phrases)
            matched_by = fields[photo_id]
    return explanation_type()(
        path,
        reason,
        photo,
        position,
        score,
        shares,
        score - cosine if embedded.hubness_share else None,
        filters,
        matched_by=matched_by,
        **of_features,
    )


def _of_features(
    context: SearchContext, exact: Query, photo_id: int, parts: PhotoVectors
) -> dict[str, Any]:
    """Return the fields that features add to an explanation, and their remarks."""
    values = {
        name: load(each.made_by)(context, exact, photo_id, parts)
        for name, each in installed.explained().items()
    }
    remarks: list[tuple[str, str]] = []
    for name, each in installed.explained().items():
        remarks += load(each.remarks)(values[name])
    return {**values, "remarks": tuple(remarks)}


def _with_worth(query: PreparedQuery, explanation: Explanation) -> Explanation:
    """Return the explanation with the reasons for a photo's place in the order `sort:best`.

    With terms, the photo is compared with the most relevant ones.
    """
    import numpy as np

    photo, exact, context = explanation.photo, query.exact, query.context
    is_found = explanation.reason is None and all(each.passes for each in explanation.filters)
    if photo is None or exact.sort != "best" or not is_found:
        return explanation
    selection = context.selection(exact.filters)
    if exact.terms:
        ids = {photo_id for photo_id, _ in rank(query, _FIRST_LIMIT).photos} | {photo.id}
        selection = context.selection((), np.array(sorted(ids), np.int64))
    order = best_order(context, selection)
    worth = worths_of(context, order, [photo])[photo.id]
    if exact.terms or photo.id not in order.ids:
        return replace(explanation, worth=worth)
    return replace(explanation, worth=worth, rank=order.ids.index(photo.id) + 1)


def _term_text(term: Term) -> str:
    """Return a term as a query line, or in words if it has no such form."""
    if is_expressible(term):
        return to_text(Query((term,)))
    sign = "-" if term.weight < 0 else ""
    weight = "" if abs(term.weight) == 1 else f"{abs(term.weight):g}:"
    return f"{sign}{weight}an example image"


def _passes(context: SearchContext, photo_id: int, filter_: Filter) -> bool:
    import numpy as np

    only_it = np.array([photo_id], np.int64)
    return context.photos.count(context.selection((filter_,), only_it)).photos > 0


def _rank_of(query: PreparedQuery, photo_id: int) -> int | None:
    """Return the rank of a photo, from 1; None if it is not found."""
    limit = _FIRST_LIMIT
    while True:
        ranking = rank(query, limit)
        ids = [ranked_id for ranked_id, _ in ranking.photos]
        if photo_id in ids:
            return ids.index(photo_id) + 1
        if ranking.is_complete:
            return None
        limit *= 10


def _why_hidden(query: PreparedQuery, photo_id: int) -> str | None:
    context = query.context
    for state in context.left_out(query.exact):
        if context.photos.within([photo_id], context.selection((Filter("is", (state,)),))):
            return f"It is a {state}, and answers leave these out. is:{state} finds it."
    if not context.hides_photos or names_hidden(query.exact.filters):
        return None
    if context.photos.within([photo_id], context.selection(())):
        return None
    return "It is hidden, and only is:hidden finds hidden photos."


def _why_stacked(context: SearchContext, photo_id: int, among: Selection | None) -> str | None:
    jpeg = hidden_by_stack(context, [photo_id], among).get(photo_id)
    if jpeg is None:
        return None
    path = context.photos.records([jpeg])[jpeg].files[0].path
    return f"It is shown as one result with {path}, because stack_raw is on."
