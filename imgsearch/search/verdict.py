"""Decides on the verdict on an answer; no other module does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.records.answer import Neighbours, Verdict
from imgsearch.search.concepts import concept_verdict, only_concept
from imgsearch.search.confidence import COUNTED_HITS

if TYPE_CHECKING:
    from imgsearch.search.prepared import PreparedQuery


class Decision(Struct, frozen=True):
    """The verdict on an answer, and the verdict on its photos by what they show alone.

    They differ where photos are found by their names. Both are None if nothing can be said.
    """

    verdict: Verdict | None
    by_meaning: Verdict | None


def decide(query: PreparedQuery, nearest: Sequence[tuple[int, float]]) -> Decision:
    """Decide on the verdict, given the nearest photos as (id, score), best first.

    Nothing can be said about a query that the encoder cannot read, nor in a library that is too
    small for a baseline. A concept that is searched for alone is compared with bounds of its own,
    any other query with unrelated queries: see `confidence`. Photos with the names in a query are
    found, whatever they show.
    """
    by_meaning = _by_meaning(query, nearest)
    if by_meaning is None or query.names is None:
        return Decision(by_meaning, by_meaning)
    catalogue, names = query.context.catalogue, query.names
    examples = catalogue.within(list(query.vector.example_ids), names.selection)
    named = names.photos - len(examples)  # examples are no results
    return Decision(replace(by_meaning, state="found", named=named), by_meaning)


def _by_meaning(query: PreparedQuery, nearest: Sequence[tuple[int, float]]) -> Verdict | None:
    import numpy as np

    if not query.is_read or query.baseline is None:
        return None
    ids = np.array([photo_id for photo_id, _ in nearest[:COUNTED_HITS]], np.int64)
    scores = np.array([score for _, score in nearest[:COUNTED_HITS]], np.float32)
    verdict = query.baseline.assess(query.vector.scored, Neighbours(ids, scores), query.among)
    context = query.context
    probe = only_concept(context.definitions, context.row, query.exact)
    if probe is None:
        return verdict
    return concept_verdict(probe, verdict, [score for _, score in nearest])
