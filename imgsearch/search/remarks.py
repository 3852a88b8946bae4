"""Adds remarks to an answer: unknown words, known examples, filters that leave nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.language.grammar import is_expressible, to_text
from imgsearch.language.negation import has_negation
from imgsearch.language.phrasing import with_emoji_named
from imgsearch.language.words import is_english
from imgsearch.records.answer import Answer
from imgsearch.records.query import Example, Filter, Query
from imgsearch.search.alternatives import alternative_to
from imgsearch.search.example_files import content_hash_of
from imgsearch.search.unread import (
    plain_words,
    terms_in_other_languages,
    unread_terms,
    without_unread,
)

if TYPE_CHECKING:
    from imgsearch.records.query import Term, Understanding
    from imgsearch.search.context import SearchContext

MULTILINGUAL = "openclip:ViT-B-16-SigLIP2-256/webli"  # docs/models.md: many languages
_MAX_NAMES = 50_000  # of the library, to suggest
_MAX_FILTERS = 10  # of an empty answer, each of which is left out in turn
_PREPOSITIONS = {
    "on": "of",
    "after": "since",
    "before": "before",
    "place": "in",
    "country": "in",
    "in": "in",
    "person": "with",
}


def with_remarks(context: SearchContext, query: Query, answer: Answer) -> Answer:
    """Add remarks about the query's words to the answer.

    This costs nearly nothing if all words are English. If the encoder cannot read the query, the
    answer gets no verdict, and all of its hits become weak.
    """
    texts = [with_emoji_named(term.what) for term in query.terms if isinstance(term.what, str)]
    if any(map(has_negation, texts)):
        remark = (
            "A negation in a longer text is not understood. To leave something out, put a minus "
            "before it: a street -cars"
        )
        answer = replace(answer, remarks=(*answer.remarks, remark))
    if all(is_english(word) for text in texts for word in plain_words(text)):
        return answer
    return _with_remarks_on_words(context, query, answer)


def with_known_examples(context: SearchContext, query: Query, answer: Answer) -> Answer:
    """Add a remark for each example that is a copy of a photo of the library.

    A search by such a copy leaves out the photo, which may be the one that the user wants.
    """
    remarks = []
    for term in query.terms:
        example = term.what
        if not isinstance(example, Example) or isinstance(example.source, int) or term.weight < 0:
            continue
        photo_id = context.catalogue.photo_with(content_hash_of(example.source))
        if photo_id is None:
            continue
        photo = context.catalogue.photos([photo_id]).get(photo_id)
        files = [] if photo is None else [file.path for file in photo.files]
        is_one = isinstance(example.source, Path) and example.source.absolute() in files
        if files and not is_one:
            remarks.append(
                f"The example is in the library: {files[0]} (photo:{photo_id}). It is left out of "
                "its own results."
            )
    return replace(answer, remarks=(*answer.remarks, *remarks)) if remarks else answer


def with_empty_dates(understanding: Understanding, answer: Answer) -> Answer:
    """Add a remark for each date in the query without photos in the library."""
    if not understanding.empty_dates:
        return answer
    remarks = [
        f"The library has no photo of {date}. The photos shown are of a longer time."
        for date in understanding.empty_dates
    ]
    return replace(answer, remarks=(*answer.remarks, *remarks))


def with_emptying_part(context: SearchContext, query: Query, answer: Answer) -> Answer:
    """Add to an empty answer the part of the query to leave out, if no photo passes its filters.

    For a name or a place that no photo has, the remark names an alternative, and the suggestion is
    the query with it.
    """
    if not query.filters or len(query.filters) > _MAX_FILTERS:
        return answer
    if context.catalogue.count(context.selection(query.filters)).photos:
        return answer  # the score was too low
    every = f"No photo {_every(query.filters)}"
    known, filters = [], []
    for condition in query.filters:
        is_empty = not context.catalogue.count(context.selection((condition,))).photos
        alternative = alternative_to(context, condition) if is_empty else None
        known += [] if alternative is None else [alternative.sentence]
        meant = None if alternative is None else alternative.filter
        filters.append(condition if meant is None else meant)
    remarks = [*answer.remarks]
    if len(query.filters) > 1:
        remarks.append(f"{every}{_without_one(context, query)}.")
    elif known:
        remarks.append(f"{every}.")
    suggestion = answer.suggestion
    if tuple(filters) != query.filters:
        terms = tuple(filter(is_expressible, query.terms))
        suggestion = to_text(replace(query, terms=terms, filters=tuple(filters)))
    return replace(answer, remarks=(*remarks, *known), suggestion=suggestion)


def _without_one(context: SearchContext, query: Query) -> str:
    """A sentence with the number of photos without the strictest filter; "" if still none pass."""
    counts = []
    for number, condition in enumerate(query.filters):
        others = query.filters[:number] + query.filters[number + 1 :]
        counts.append((context.catalogue.count(context.selection(others)).photos, condition))
    best, emptying = max(counts, key=lambda each: each[0])
    if not best:
        return ""
    return f"; without {_name_of(emptying)} there {'is' if best == 1 else 'are'} {best:,}"


def _every(filters: Sequence[Filter]) -> str:
    """All filters: "of 2019 in Italy with Anna"."""
    order = list(_PREPOSITIONS)
    ordered = sorted(
        filters, key=lambda each: order.index(each.field) if each.field in order else len(order)
    )
    return " ".join(map(_with_preposition, ordered))


def _with_preposition(condition: Filter) -> str:
    """ "in Italy", "of 2019", "with Anna", or for other filters as a query has them."""
    preposition = _PREPOSITIONS.get(condition.field)
    if preposition is None or condition.negated:
        return f"with {to_text(Query(filters=(condition,)))}"
    return f"{preposition} {_value(condition)}"


def _value(condition: Filter) -> str:
    """The value of a filter as people read it, else the filter as a query has it."""
    if condition.field not in _PREPOSITIONS or condition.negated:
        return to_text(Query(filters=(condition,)))
    return " or ".join(map(str, condition.values))


def _name_of(condition: Filter) -> str:
    """The name of a filter without its preposition."""
    is_bound = condition.field in ("after", "before")
    return to_text(Query(filters=(condition,))) if is_bound else _value(condition)


def _with_remarks_on_words(context: SearchContext, query: Query, answer: Answer) -> Answer:
    @cache
    def is_name(word: str) -> bool:
        return bool(context.catalogue.names.fields_named(word))

    unread = unread_terms(context, query)
    if unread:
        is_left_out = without_unread(context, query) != query
        positive = [term for term in query.terms if term.weight > 0] or query.terms
        if not is_left_out and all(term in unread for term in positive):
            hits = tuple(
                hit if hit.matched_by else replace(hit, level="weak") for hit in answer.hits
            )
            answer = replace(answer, hits=hits, verdict=None, is_read=False)
        found_by = _every(query.filters) if is_left_out else None
        remark = _remark_on_unread(context.row.name, str(unread[0].what), found_by)
        answer = replace(answer, remarks=(*answer.remarks, remark))
    others = terms_in_other_languages(context, query)
    readable = [term for term in query.terms if term not in others]
    suggestion = _suggestion(context, query, readable, is_name) or answer.suggestion
    return replace(answer, suggestion=suggestion)


def _remark_on_unread(encoder: str, text: str, found_by: str | None) -> str:
    """A remark that the encoder cannot read a text; `found_by` says what found the answer."""
    left_out = "" if found_by is None else f"It was left out: these are the photos {found_by}. "
    return (
        f"{encoder} reads English, and this looks like another language: {text}. {left_out}A "
        f"model that reads many: imgsearch rebuild --encoder {MULTILINGUAL}"
    )


def _suggestion(
    context: SearchContext, query: Query, readable: Sequence[Term], is_name: Callable[[str], bool]
) -> str | None:
    """The query as a line with its misspelt words corrected; None if none is misspelt."""
    from imgsearch.language.foreign import words_in

    texts = [term.what for term in readable if isinstance(term.what, str)]
    unknown = (word for text in texts for word in words_in(text) if not is_english(word))
    if all(map(is_name, unknown)):
        return None
    from imgsearch.language.spelling import corrected  # brings rapidfuzz

    @cache
    def names() -> list[str]:
        return context.catalogue.names.words_of_names(_MAX_NAMES)

    terms = []
    for term in query.terms:
        text = None
        if isinstance(term.what, str) and term in readable:
            text = corrected(term.what, is_name, names)
        terms.append(term if text is None else dataclasses.replace(term, what=text))
    if tuple(terms) == query.terms:
        return None
    return to_text(replace(query, terms=tuple(filter(is_expressible, terms))))
