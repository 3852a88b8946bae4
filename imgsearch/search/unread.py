"""Tells what an encoder can read of a query, and leaves out the words that it cannot read."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.encoders.registry import kind_of
from imgsearch.language.phrasing import with_emoji_named
from imgsearch.language.words import is_english, plain_words
from imgsearch.records.query import Query, Term
from imgsearch.search.name_search import find_names

if TYPE_CHECKING:
    from imgsearch.search.context import SearchContext


class Reading(Struct, frozen=True):
    """The part of a query that an encoder can read.

    `query` is what to search for: the query itself, or its filters alone. The texts with words
    that are not English are `uncertain`: they may be misspelt, be names, or be `foreign`, in
    another language. The encoder cannot read the `unread` ones. `is_read` is False if it can read
    none of the texts and images to search for.
    """

    query: Query
    uncertain: tuple[Term, ...] = ()
    foreign: tuple[Term, ...] = ()
    unread: tuple[Term, ...] = ()
    is_read: bool = True


def read_words(context: SearchContext, query: Query) -> Reading:
    """Tell what the encoder can read of a query; this costs little if all words are English.

    If it can read none of the words and filters remain, the words are left out: "München Mai 2022"
    then finds the photos of May 2022. A query with names of photos stays as it is.
    """
    uncertain = tuple(
        term
        for term in query.terms
        if isinstance(term.what, str)
        and not all(map(is_english, plain_words(with_emoji_named(term.what))))
    )
    if not uncertain:
        return Reading(query)
    from imgsearch.language.foreign import is_other_language  # lazy: most queries are English

    @cache
    def is_name(word: str) -> bool:
        return bool(context.photos.names.fields_named(word))

    foreign = tuple(
        term for term in uncertain if is_other_language(with_emoji_named(str(term.what)), is_name)
    )
    kind = kind_of(context.row.name) if foreign else None
    if kind is None or not kind.reads_only_english(context.row.name):
        return Reading(query, uncertain, foreign)
    positive = [term for term in query.terms if term.weight > 0] or query.terms
    if not all(term in foreign for term in positive):
        return Reading(query, uncertain, foreign, unread=foreign)
    among = context.among(query)
    if among is None or find_names(context.photos, query, among) is not None:
        return Reading(query, uncertain, foreign, unread=foreign, is_read=False)
    return Reading(replace(query, terms=(), min_score=None), uncertain, foreign, unread=foreign)
