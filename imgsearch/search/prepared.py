"""Prepares a query once: understood, checked and, as soon as it is needed, embedded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from imgsearch.errors import QueryError
from imgsearch.records.query import Filter, Query, Selection, Understanding
from imgsearch.search.baseline import LibraryBaseline
from imgsearch.search.context import SearchContext
from imgsearch.search.directions import learned_directions
from imgsearch.search.misspelt import with_words_corrected
from imgsearch.search.name_search import NameMatches, find_names
from imgsearch.search.reordering import without_reordering
from imgsearch.search.unread import Reading, read_words
from imgsearch.search.vector import QueryVector, embed

_Value = TypeVar("_Value")


class lazily(Generic[_Value]):  # noqa: N801  # a decorator
    """Computes a property of a prepared query when it is first read.

    `functools.cached_property` does that under one lock for all queries up to Python 3.11, so that
    threads would embed their queries one after the other.
    """

    def __init__(self, compute: Callable[[PreparedQuery], _Value]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, query: PreparedQuery, owner: type[PreparedQuery]) -> _Value:
        value = self._compute(query)
        query.__dict__[self._name] = value  # found before this from now on
        return value


class PreparedQuery(Struct, frozen=True, dict=True):  # a dict for what is computed once
    """A query that is ready to be searched for; every view of its answer is made of it.

    `understanding` has the exact form of the query, and `reading` the part of it that the encoder
    can read. The rest is computed when a view first needs it: a list of the photos that pass
    filters needs neither a vector nor a baseline.
    """

    context: SearchContext
    understanding: Understanding
    reading: Reading
    reordering: tuple[Filter, ...] = ()  # filters that only change the order of the answer

    @property
    def exact(self) -> Query:
        """The exact query to search for, without the words that are left out."""
        return self.reading.query

    @property
    def is_read(self) -> bool:
        """Whether the encoder can read any of the words and images to search for."""
        return self.reading.is_read

    @lazily
    def among(self) -> Selection | None:
        """Return the photos that pass the filters; None without filters."""
        return self.context.among(self.exact)

    @lazily
    def excludes_all(self) -> bool:
        """Return whether no photo passes the filters."""
        return self.among is not None and not self.context.photos.count(self.among).photos

    @lazily
    def baseline(self) -> LibraryBaseline | None:
        """Return the score baseline of the library; None in a library that is too small for one."""
        return LibraryBaseline.read(self.context.photos)

    @lazily
    def vector(self) -> QueryVector:
        """Return the query as a vector. Raises as `embed` does."""
        return embed(self.context, self.embedded, self.baseline)

    @lazily
    def corrected(self) -> Query | None:
        """Return the query as understood, with misspelt words corrected; None if none is."""
        return with_words_corrected(self.context, self.understanding.query, self.reading)

    @lazily
    def embedded(self) -> Query:
        """Return the exact query as it is embedded: misspelt words are corrected.

        Words in quotes and those with a minus or a weight stay as they were typed.
        """
        if self.corrected is None or not self.exact.terms:  # all are in another language
            return self.exact
        terms = (
            typed if typed.is_quoted or typed.weight != 1 else meant
            for typed, meant in zip(self.exact.terms, self.corrected.terms, strict=True)
        )
        return replace(self.exact, terms=tuple(terms))

    @lazily
    def names(self) -> NameMatches | None:
        """Return the photos that the query finds by their names; None if it finds none by name."""
        return find_names(self.context.photos, self.exact, self.among)

    @lazily
    def learned(self) -> bytes:
        """Return the current versions of the directions in the query: see `learned_directions`."""
        return learned_directions(self.context.reads.definitions, self.context.row, self.exact)


def prepare(context: SearchContext, query: Query) -> PreparedQuery:
    """Prepare a query: insert queries that it names, understand it, leave out unread words.

    Raises QueryError for an unknown name, and for a minimum score without terms.
    """
    understanding = context.understood(query)
    exact, reordering = without_reordering(understanding.query)
    reading = read_words(context, exact)
    if reading.query.min_score is not None and not reading.query.terms:
        raise QueryError("t: needs words or an example: without them, photos have no score.")
    return PreparedQuery(context, understanding, reading, reordering)
