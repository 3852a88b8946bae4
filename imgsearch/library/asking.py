"""The door to answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgsearch import search
from imgsearch.library.opened import Opened
from imgsearch.query import absolute, whole_query
from imgsearch.terms import Example, Query, Term

if TYPE_CHECKING:
    from imgsearch.records import Answer, Explanation, Hit


class Asking(Opened):
    """Answers queries, and says why."""

    def search(
        self, text: str | Query | None = None, *, image: str | Path | None = None, k: int = 20
    ) -> list[Hit]:
        """The k photos that answer best to a query, to an example image, or to both.

        A text is read as docs/search.md describes: "sunset -people after:2023 camera:canon".
        Raises QueryError for a query that is empty or makes no sense, for an image that cannot be
        read and a k below 1, and UsageError where there is no library yet.
        """
        asked = Query() if text is None else whole_query(text)
        if image is not None:
            example = Term(Example(Path(absolute(image))))
            asked = replace(asked, terms=(*asked.terms, example))
        return list(self.find(asked, k).hits)

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer:
        """One page of the answer to a query; with the cursor of a page, the one after it.

        Raises what `search` raises, and QueryError for a cursor of another query.
        """
        return search.run(self._desk(), whole_query(query), k, cursor)

    def explain(self, photo: str | Path, query: str | Query) -> Explanation:
        """Why the photo at this path is where it is in the answer, or why it is not there."""
        from imgsearch.search.explain import explain

        store = self._reader()
        return explain(self._desk(), store, Path(absolute(photo)), whole_query(query))
