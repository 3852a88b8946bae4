"""Concepts in queries: the terms `concept:`, the filter `shows:`, and verdicts on photos."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from imgsearch.errors import Command, QueryError, Sentence
from imgsearch.records.answer import ConceptVerdict, Verdict
from imgsearch.records.query import Filter, Query, TaughtConcept
from imgsearch.search.confidence import COUNTED_HITS
from imgsearch.text import plain_text

if TYPE_CHECKING:
    from imgsearch.records.concepts import ConceptProbe
    from imgsearch.records.index import EncoderRow
    from imgsearch.records.photo import PhotoVectors
    from imgsearch.store.reading.definitions import DefinitionReads

LEVELS = ("sure", "likely")
_POSSIBLE = 0.2  # the probability from which a photo is possible


def probe_of(definitions: DefinitionReads, row: EncoderRow, name: str) -> ConceptProbe:
    """Return the concept with this name.

    Raises QueryError for an unknown name and suggests a similar one.

    It also raises QueryError for a concept that this encoder has not learned, because all its liked
    examples have left the library.
    """
    probe = definitions.concept(name, row.key)
    if probe is None:
        require_concept(definitions, name)
        raise QueryError(
            Sentence(
                f"The concept {name!r} has no examples left in the library, and {row.name} "
                "has not learned it. Teach it again: ",
                Command(f"teach {name} --like PHOTO"),
            )
        )
    return probe


def require_concept(definitions: DefinitionReads, name: str) -> str:
    """Return the name of a concept as it was taught. Raises QueryError for an unknown name."""
    known = {plain_text(each): each for each in definitions.concept_names()}
    wanted = plain_text(name)
    if wanted in known:
        return known[wanted]
    if not known:
        raise QueryError(
            Sentence(
                f"Unknown concept {name!r}: none was taught yet. Teach one: ",
                Command(f"teach {name or 'NAME'} --like PHOTO"),
            )
        )
    import difflib

    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    hint = f"Did you mean {known[near[0]]}? " if near else ""
    raise QueryError(
        Sentence(f"Unknown concept {name!r}. {hint}To list the concepts: ", Command("teach"))
    )


def checked(definitions: DefinitionReads, condition: Filter) -> Filter:
    """Return the filter. Raises QueryError if it is `shows:` with an unknown name or level."""
    if condition.field == "shows":
        for value in condition.values:
            name, _, level = str(value).partition("/")
            require_concept(definitions, name.strip())
            if level and plain_text(level).strip() not in LEVELS:
                raise QueryError(
                    f"shows: Unknown verdict {level!r}. Known: {', '.join(LEVELS)}, for example "
                    f"shows:{name}/sure"
                )
    return condition


def only_concept(
    definitions: DefinitionReads, row: EncoderRow, query: Query
) -> ConceptProbe | None:
    """Return the concept that is the only term of a query, else None; filters do not count."""
    if len(query.terms) != 1 or query.terms[0].weight < 0:
        return None
    what = query.terms[0].what
    return probe_of(definitions, row, what.name) if isinstance(what, TaughtConcept) else None


def learned_concepts(definitions: DefinitionReads, row: EncoderRow, query: Query) -> bytes:
    """Identify the current versions of the concepts in a query; empty without any.

    The result changes when one of them is taught again.
    """
    names = [term.what.name for term in query.terms if isinstance(term.what, TaughtConcept)]
    return b"".join(probe_of(definitions, row, name).direction.tobytes() for name in names)


def concept_verdict(probe: ConceptProbe, verdict: Verdict, scores: Sequence[float]) -> Verdict:
    """Return the verdict on an answer to a single concept, from the bounds of the concept itself.

    `scores` are the scores of the best photos, best first. The strength of `verdict` is kept.
    """
    counted = scores[:COUNTED_HITS]
    possible_from = probe.score_of(_POSSIBLE)
    bounds = (probe.sure_from, probe.likely_from, possible_from)
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
        sure_from=_reachable(probe.sure_from),
        likely_from=_reachable(probe.likely_from),
        possible_from=possible_from,
    )


def _reachable(bound: float) -> float | None:
    """Return the bound; None if no score can reach it."""
    return bound if isfinite(bound) else None


def verdicts(
    definitions: DefinitionReads, row: EncoderRow, query: Query, photo_id: int, photo: PhotoVectors
) -> tuple[ConceptVerdict, ...]:
    """Return the verdict of each concept in the query on one photo."""
    names = [term.what.name for term in query.terms if isinstance(term.what, TaughtConcept)]
    for condition in query.filters:
        if condition.field == "shows":
            names += [str(value).partition("/")[0].strip() for value in condition.values]
    found = []
    for name in dict.fromkeys(map(plain_text, names)):
        probe = probe_of(definitions, row, name)
        score = float((photo.vectors @ probe.direction).max())
        judged = definitions.concept_judgements(name).get(photo_id)
        found.append(
            ConceptVerdict(probe.name, score, probe.probability(score), probe.level(score), judged)
        )
    return tuple(found)
