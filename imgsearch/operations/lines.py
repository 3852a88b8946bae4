"""Query lines: the exact form of a query, and the lines that were typed before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgsearch.errors import QueryError
from imgsearch.language.grammar import is_expressible, resolve_query

if TYPE_CHECKING:
    from imgsearch.engines.base import Engine
    from imgsearch.records.query import Query


class Lines:
    """Writes and remembers queries as lines of the query language."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def exact(self, query: str | Query) -> str:
        """Return the exact form of a query, in which nothing has to be understood.

        Raises QueryError for an invalid query and for an example that a line cannot express, and as
        `Library.understand` does.
        """
        from imgsearch.language.understanding import exact_line

        understood = self._engine.understood(resolve_query(query)).query
        if not all(map(is_expressible, understood.terms)):
            raise QueryError(
                "A query line cannot express a part of an image, or one without a file."
            )
        return exact_line(self._engine.catalogue().names, understood)

    def remember(self, line: str) -> None:
        """Keep a line, so that `Library.suggest` suggests it. The page does so with what is typed.

        The newest are kept in the data folder, as many as the setting `past_queries` says; an
        archive keeps none.
        """
        past = self._engine.past_queries()
        if past is not None:
            past.add(line)

    def forget(self) -> int:
        """Delete the lines that were kept; returns how many there were. Raises DiskError.

        The last trial of an encoder is deleted as well, since it may have used some.
        """
        from imgsearch.indexer.trial_file import delete_trial

        past = self._engine.past_queries()
        delete_trial(self._engine.settings.data_dir)
        return 0 if past is None else past.clear()
