"""Directions that names in a query stand for: `concept:max`, of a feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from imgsearch.records.answer import Verdict
from imgsearch.records.query import DirectionName, Query
from imgsearch.search.confidence import COUNTED_HITS

if TYPE_CHECKING:
    from imgsearch.records.directions import CalibratedDirection
    from imgsearch.records.index import EncoderRow
    from imgsearch.store.reading.definitions import DefinitionReads

_POSSIBLE = 0.2  # the probability from which a photo is possible


def only_direction(
    definitions: DefinitionReads, row: EncoderRow, query: Query
) -> CalibratedDirection | None:
    """Return the direction that is the only term of a query, else None; filters do not count."""
    if len(query.terms) != 1 or query.terms[0].weight < 0:
        return None
    return next(_directions(definitions, row, query), None)


def learned_directions(definitions: DefinitionReads, row: EncoderRow, query: Query) -> bytes:
    """Identify the current versions of the directions in a query; empty without any.

    The result changes when one of them is learned again.
    """
    return b"".join(each.direction.tobytes() for each in _directions(definitions, row, query))


def _directions(
    definitions: DefinitionReads, row: EncoderRow, query: Query
) -> Iterator[CalibratedDirection]:
    for term in query.terms:
        if isinstance(term.what, DirectionName):
            yield definitions.direction(term.what, row)


def verdict_of_direction(
    direction: CalibratedDirection, verdict: Verdict, scores: Sequence[float]
) -> Verdict:
    """Return the verdict on an answer to a single direction, from the bounds of its own.

    `scores` are the scores of the best photos, best first. The strength of `verdict` is kept.
    """
    counted = scores[:COUNTED_HITS]
    possible_from = direction.score_of(_POSSIBLE)
    bounds = (direction.sure_from, direction.likely_from, possible_from)
    sure, likely, possible = (sum(score >= bound for score in counted) for bound in bounds)
    if not possible:
        return Verdict("nothing", verdict.strength)
    return Verdict(
        "found" if likely else "unsure",
        verdict.strength,
        sure,
        likely - sure,
        possible - likely,
        possible == len(counted) < len(scores),
        sure_from=_reachable(direction.sure_from),
        likely_from=_reachable(direction.likely_from),
        possible_from=possible_from,
    )


def _reachable(bound: float) -> float | None:
    """Return the bound; None if no score can reach it."""
    return bound if isfinite(bound) else None
