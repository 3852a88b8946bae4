"""Puts stored queries in the place of their names in other queries."""

from __future__ import annotations

from msgspec.structs import replace

from imgsearch.errors import QueryError
from imgsearch.features import installed
from imgsearch.language.grammar import check_size
from imgsearch.records.query import Filter, Query, Term
from imgsearch.store.reading.definitions import DefinitionReads


def with_named_queries(definitions: DefinitionReads, query: Query) -> Query:
    """Return the query with the queries that it names in place of their names.

    Their terms come first, and free words join those of the query, as if the named query had been
    typed at its beginning. The query's own order and least score win over those of the named one.
    Raises QueryError for an unknown name, for a negated one and for several at once.
    """
    named = named_queries(query)
    if not named:
        return query
    rest = tuple(condition for condition in query.filters if condition not in named)
    merged = replace(query, filters=rest)
    for condition in reversed(named):
        stored = definitions.stored_query(condition.field, _name_in(condition))
        merged = _joined(stored.query, merged)
    check_size(merged)
    return merged


def named_queries(query: Query) -> tuple[Filter, ...]:
    """Return the conditions of a query that name other queries."""
    declared = installed.queries()
    return tuple(condition for condition in query.filters if condition.field in declared)


def only_named_query(query: Query) -> Filter | None:
    """Return the condition that names another query, if the query consists of nothing else."""
    named = named_queries(query)
    return named[0] if len(named) == 1 and query == Query(filters=named) else None


def _name_in(condition: Filter) -> str:
    if condition.negated or len(condition.values) != 1:
        raise QueryError(
            f"{condition.field}: takes the name of one search, and cannot be negated. To leave "
            "photos out, negate the words or filters of that search."
        )
    return str(condition.values[0])


def _joined(named: Query, query: Query) -> Query:
    """Put the terms and filters of a named query before those of a query."""
    terms = [*named.terms, *query.terms]
    free = [(at, term) for at, term in enumerate(terms) if term.is_free and term.weight > 0]
    if len(free) > 1:  # all words outside of quotes are one text
        words = Term(" ".join(str(term.what) for _, term in free), is_free=True)
        terms = [term for term in terms if not (term.is_free and term.weight > 0)]
        terms.insert(free[0][0], words)
    return Query(
        tuple(terms),
        (*named.filters, *query.filters),
        named.min_score if query.min_score is None else query.min_score,
        named.sort if query.sort == "relevance" else query.sort,
    )
