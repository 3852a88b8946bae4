"""Decides on the verdict on an answer; no other module does.

A query with a person, a place or a time is never answered with nothing while photos pass: those
photos are the answer, and only the doubt about the other words is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.records.answer import Neighbours, Verdict
from imgsearch.records.query import Query
from imgsearch.search.confidence import COUNTED_HITS
from imgsearch.search.directions import only_direction, verdict_of_direction

if TYPE_CHECKING:
    from imgsearch.search.prepared import PreparedQuery


# Filters that say who, where or when.
NARROWING = frozenset(
    {"person", "only", "place", "country", "near", "on", "after", "before", "day", "month"}
)
_LOWEST_SCORE = -1.0  # of a cosine


class Decision(Struct, frozen=True):
    """The verdict on an answer, and the verdict on its photos by what they show alone.

    They differ where photos are found by their names. Both are None if nothing can be said.
    """

    verdict: Verdict | None
    by_meaning: Verdict | None


def decide(query: PreparedQuery, nearest: Sequence[tuple[int, float]]) -> Decision:
    """Decide on the verdict, given the nearest photos as (id, score), best first.

    Nothing can be said about a query that the encoder cannot read, nor in a library that is too
    small for a baseline. A named direction that is searched for alone is compared with bounds of
    its own, any other query with unrelated queries: see `confidence`. Photos with the names in a
    query are found, whatever they show. Where nothing would be found and the query `narrows` the
    library, all photos that pass are possible.
    """
    by_meaning = _by_meaning(query, nearest)
    if by_meaning is None:
        return Decision(None, None)
    if query.names is None:
        is_denied = nearest and narrows(query.exact) and by_meaning.state == "nothing"
        verdict = _all_possible(by_meaning, len(nearest)) if is_denied else by_meaning
        return Decision(verdict, by_meaning)
    photos, names = query.context.photos, query.names
    examples = photos.within(list(query.vector.example_ids), names.selection)
    named = names.photos - len(examples)  # examples are no results
    return Decision(replace(by_meaning, state="found", named=named), by_meaning)


def narrows(query: Query) -> bool:
    """Return whether a filter of the query names a person, a place or a time to look at."""
    return any(each.field in NARROWING and not each.negated for each in query.filters)


def has_all_that_pass(verdict: Verdict) -> bool:
    """Return whether an answer is unsure of all photos that pass its filters and shows them."""
    return verdict.state == "unsure" and verdict.possible_from == _LOWEST_SCORE


def _all_possible(verdict: Verdict, nearest: int) -> Verdict:
    """Return an unsure verdict in which all photos are possible, given how many are nearest."""
    counted = min(nearest, COUNTED_HITS)
    return Verdict(
        "unsure",
        verdict.strength,
        possible=counted,
        more=nearest > counted,
        possible_from=_LOWEST_SCORE,
    )


def _by_meaning(query: PreparedQuery, nearest: Sequence[tuple[int, float]]) -> Verdict | None:
    import numpy as np

    if not query.is_read or query.baseline is None:
        return None
    ids = np.array([photo_id for photo_id, _ in nearest[:COUNTED_HITS]], np.int64)
    scores = np.array([score for _, score in nearest[:COUNTED_HITS]], np.float32)
    verdict = query.baseline.assess(query.vector.scored, Neighbours(ids, scores), query.among)
    context = query.context
    direction = only_direction(context.reads.definitions, context.row, query.exact)
    if direction is None:
        return verdict
    return verdict_of_direction(direction, verdict, [score for _, score in nearest])
