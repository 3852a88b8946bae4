"""Finds the words of a query that the encoder cannot read, and removes them if possible."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.encoders.registry import kind_of
from imgsearch.language.phrasing import with_emoji_named
from imgsearch.language.words import is_english

if TYPE_CHECKING:
    from imgsearch.records.query import Query, Term
    from imgsearch.search.context import SearchContext


def plain_words(text: str) -> list[str]:
    """The words of a text, lower-case: cheaper than `words_in`, and sufficient for most texts.

    Words with digits are left out: "dscn0042" is neither an English word nor a misspelt one.
    """
    words = (word.strip(".,;:!?()'\"").lower() for word in text.replace("-", " ").split())
    return [word for word in words if word and not any(map(str.isdecimal, word))]


def terms_in_other_languages(context: SearchContext, query: Query) -> tuple[Term, ...]:
    """The texts of a query that are not English. Cheap if all words are English."""
    suspected = [
        term
        for term in query.terms
        if isinstance(term.what, str)
        and not all(map(is_english, plain_words(with_emoji_named(term.what))))
    ]
    if not suspected:
        return ()
    from imgsearch.language.foreign import is_other_language  # lazy: most queries are plain English

    @cache
    def is_name(word: str) -> bool:
        return bool(context.catalogue.names.fields_named(word))

    return tuple(
        term for term in suspected if is_other_language(with_emoji_named(str(term.what)), is_name)
    )


def unread_terms(context: SearchContext, query: Query) -> tuple[Term, ...]:
    """The texts of a query in a language that the encoder does not read."""
    others = terms_in_other_languages(context, query)
    kind = kind_of(context.row.name) if others else None
    return others if kind is not None and kind.reads_only_english(context.row.name) else ()


def without_unread(context: SearchContext, query: Query) -> Query:
    """Reduce a query to its filters if the encoder can read none of its words.

    "München Mai 2022" then finds the photos of May 2022. A query without filters, or with names of
    photos, stays as it is.
    """
    if not (query.filters and query.terms):
        return query
    unread = unread_terms(context, query)
    positive = [term for term in query.terms if term.weight > 0] or query.terms
    if not unread or not all(term in unread for term in positive):
        return query
    from imgsearch.search.name_search import find_names

    if find_names(context.catalogue, query, context.selection(query.filters)) is not None:
        return query
    return replace(query, terms=(), min_score=None)
