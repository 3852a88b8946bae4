"""The verdicts of the concepts in a query on one photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.features.concepts import reading
from imgsearch.features.concepts.filters import concept_of
from imgsearch.features.concepts.records import ConceptVerdict, TaughtConcept, Verdicts
from imgsearch.records.photo import PhotoVectors
from imgsearch.records.query import Query
from imgsearch.text import plain_text

if TYPE_CHECKING:
    from imgsearch.search.context import SearchContext


def verdicts(context: SearchContext, query: Query, photo_id: int, photo: PhotoVectors) -> Verdicts:
    """Return the verdict of each concept in the query on one photo."""
    names = [term.what.name for term in query.terms if isinstance(term.what, TaughtConcept)]
    for condition in query.filters:
        if condition.field == "shows":
            names += [concept_of(str(value)) for value in condition.values]
    database, found = context.reads.database, []
    for name in dict.fromkeys(map(plain_text, names)):
        concept = reading.direction(database, context.row, name)
        score = float((photo.vectors @ concept.direction).max())
        judged = reading.judgements(database, name).get(photo_id)
        probability, level = concept.probability(score), concept.level(score)
        found.append(ConceptVerdict(concept.name, score, probability, level, judged))
    return tuple(found)


def remarks(found: Verdicts) -> list[tuple[str, str]]:
    """Return the verdicts for people: the term of the query, and what it says."""
    return [(f"concept:{verdict.name}", str(verdict)) for verdict in found]
