"""Corrects the misspelt words of a query, which neither a dictionary nor the library knows."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING

from msgspec.structs import replace

from imgsearch.language.words import is_english

if TYPE_CHECKING:
    from imgsearch.records.query import Query
    from imgsearch.search.context import SearchContext
    from imgsearch.search.unread import Reading

_MAX_NAMES = 50_000  # of the library, to suggest


def with_words_corrected(context: SearchContext, query: Query, reading: Reading) -> Query | None:
    """Return a query with its misspelt words corrected; None if none is misspelt.

    Texts in another language stay. Names of the library are known, and among the corrections.
    """
    texts = [str(term.what) for term in reading.uncertain if term not in reading.foreign]
    if not texts:
        return None
    from imgsearch.language.foreign import words_in

    known_names = context.photos.names

    @cache
    def is_name(word: str) -> bool:
        return bool(known_names.fields_named(word))

    unknown = (word for text in texts for word in words_in(text) if not is_english(word))
    if all(map(is_name, unknown)):
        return None
    from imgsearch.language.spelling import corrected  # brings rapidfuzz

    @cache
    def names() -> list[str]:
        return known_names.words_of_names(_MAX_NAMES)

    terms = []
    for term in query.terms:
        text = None
        if isinstance(term.what, str) and term not in reading.foreign:
            text = corrected(term.what, is_name, names)
        terms.append(term if text is None else dataclasses.replace(term, what=text))
    return None if tuple(terms) == query.terms else replace(query, terms=tuple(terms))
