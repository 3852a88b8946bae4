"""The door to answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imgsearch import search
from imgsearch.library.opened import Opened, absolute
from imgsearch.query import parse
from imgsearch.records import Answer, Explanation, Hit
from imgsearch.terms import Example, Query, Term


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
        asked = Query() if text is None else query_of(text)
        if image is not None:
            example = Term(Example(Path(absolute(image))))
            asked = replace(asked, terms=(*asked.terms, example))
        return list(self.find(asked, k).hits)

    def find(self, query: str | Query, k: int = 20, cursor: str | None = None) -> Answer:
        """One page of the answer to a query; with the cursor of a page, the one after it.

        Raises what `search` raises, and QueryError for a cursor of another query.
        """
        return search.run(self._desk(), query_of(query), k, cursor)

    def explain(self, photo: str | Path, query: str | Query) -> Explanation:
        """Why the photo at this path is where it is in the answer, or why it is not there."""
        from imgsearch.search.explain import explain

        store = self._reader()
        return explain(self._desk(), store, Path(absolute(photo)), query_of(query))


def query_of(query: str | Query) -> Query:
    """The query that a line says, with the paths of its examples made absolute."""
    asked = parse(query) if isinstance(query, str) else query
    terms = tuple(
        replace(term, what=replace(term.what, source=Path(absolute(term.what.source))))
        if isinstance(term.what, Example) and isinstance(term.what.source, Path)
        else term
        for term in asked.terms
    )
    return replace(asked, terms=terms)
