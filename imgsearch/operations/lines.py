"""Query lines: how they are understood, how they may go on, and what was typed before."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from imgsearch.errors import QueryError
from imgsearch.language.grammar import is_expressible, resolve_query
from imgsearch.operations.declared import ResultCount, operation
from imgsearch.records.query import Query, StoredQuery, Understanding
from imgsearch.records.suggestion import SUGGESTIONS, Suggestion

if TYPE_CHECKING:
    from imgsearch.opened.library import OpenedLibrary
    from imgsearch.store.past_queries import PastQueries


class Lines:
    """Reads, completes, writes and remembers queries as lines of the query language."""

    def __init__(self, opened: OpenedLibrary) -> None:
        self._opened = opened

    def understand(self, query: str | Query) -> Understanding:
        """Return how `Library.find` understands a query: exactly, and which words are filters.

        Raises QueryError for an invalid query, and UsageError if there is no library yet.
        """
        from imgsearch.search.context import understood

        opened = self._opened
        resolved, cache_dir = resolve_query(query), opened.settings.cache_dir
        return understood(opened.reads(), resolved, date.today(), cache_dir)

    @operation("GET /suggest")
    def suggest(self, line: str = "", k: ResultCount = SUGGESTIONS) -> tuple[Suggestion, ...]:
        """Suggest how to go on with a query line that is typed to its end: names, past queries.

        Names are the names of people, places, folders, keywords, cameras and lenses of the library;
        case and accents do not matter. Without text, the newest past queries. At most k, the best
        first. Raises UsageError for a k below 1 and if there is no library yet.
        """
        from imgsearch.place_names import place_names
        from imgsearch.search.suggestions import suggest

        names, past = self._opened.reads().suggestions, self._past()
        places = place_names(self._opened.settings.cache_dir)
        return tuple(suggest(names, past, line, k, places))

    def exact(self, query: str | Query) -> str:
        """Return the exact form of a query, in which nothing has to be understood.

        Raises QueryError for an invalid query and for an example that a line cannot express, and as
        `understand` does.
        """
        from imgsearch.language.understanding import exact_line

        understood = self.understand(query).query
        if not all(map(is_expressible, understood.terms)):
            raise QueryError(
                "A query line cannot express a part of an image, or one without a file."
            )
        return exact_line(self._opened.reads().names, understood)

    def named_in(self, query: str | Query) -> tuple[StoredQuery, ...]:
        """Return the stored queries that a query names, such as saved searches, in its order.

        Raises QueryError for an unknown name, and as `understand` does.
        """
        from imgsearch.search.named_queries import named_queries

        definitions = self._opened.reads().definitions
        return tuple(
            definitions.stored_query(each.field, str(each.values[0]))
            for each in named_queries(resolve_query(query))
        )

    def remember(self, line: str) -> None:
        """Keep a line, so that `suggest` suggests it. The page does so with what is typed.

        The newest are kept in the data folder, as many as the setting `past_queries` says.
        """
        self._past().add(line)

    @operation("DELETE /past-queries")
    def forget(self) -> int:
        """Delete the lines that were kept; returns how many there were. Raises DiskError.

        The last trial of an encoder is deleted as well, since it may have used some.
        """
        from imgsearch.indexer.trial_file import delete_trial

        delete_trial(self._opened.settings.data_dir)
        return self._past().clear()

    def _past(self) -> PastQueries:
        from imgsearch.store.past_queries import PastQueries

        return PastQueries.of(self._opened.settings)
