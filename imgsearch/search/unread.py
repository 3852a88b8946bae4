"""Which words of a query the encoder cannot read, and what is searched for without them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.encoders.phrasing import with_emoji_named
from imgsearch.encoders.registry import kind_of
from imgsearch.query.words import is_english

if TYPE_CHECKING:
    from imgsearch.records.query import Query, Term
    from imgsearch.search.context import SearchContext


def plain_words(text: str) -> list[str]:
    """The words of a text, lower-case: cheaper to find than by `words_in`, and good for most.

    Words with digits are left out: "dscn0042" is no English word, and not a misspelt one.
    """
    words = (word.strip(".,;:!?()'\"").lower() for word in text.replace("-", " ").split())
    return [word for word in words if word and not any(map(str.isdecimal, word))]


def terms_in_other_languages(context: SearchContext, query: Query) -> tuple[Term, ...]:
    """The texts of a query that are not English. Costs nearly nothing where all words are."""
    suspected = [
        term
        for term in query.terms
        if isinstance(term.what, str)
        and not all(map(is_english, plain_words(with_emoji_named(term.what))))
    ]
    if not suspected:
        return ()
    from imgsearch.query.language import is_other_language  # lazy: most queries are plain English

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
    """The query as it is searched: its filters alone, if the encoder reads nothing else of it.

    "München Mai 2022" finds the photos of May 2022. Without filters a query stays as it is, and so
    does one with names of photos.
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
