"""A visitor's search and its results, kept across the reruns of Streamlit."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from imgsearch import Example, Hit, Query, Region, Term, Verdict, parse
from ui.session import session

PAGE = 60  # results shown at first, and added with each "more"


@dataclass(frozen=True, slots=True)
class SearchInput:
    """A line of the query language, and an example image as the bytes of its file."""

    line: str = ""
    image: bytes | None = None
    region: Region | None = None  # only this part of the image counts

    def __bool__(self) -> bool:
        return bool(self.line.strip()) or self.image is not None

    @property
    def token(self) -> str:
        """Equal inputs have equal tokens, different inputs different ones."""
        image = hashlib.sha256(self.image).hexdigest() if self.image else ""
        return hashlib.sha256(repr((self.line.strip(), image, self.region)).encode()).hexdigest()

    def query(self) -> Query:
        """The query for the library. Raises the errors of the query language."""
        query = parse(self.line) if self.line.strip() else Query()
        if self.image is None:
            return query
        return replace(query, terms=(*query.terms, Term(Example(self.image, self.region))))


@dataclass(frozen=True, slots=True)
class SearchResults:
    """The hits fetched so far. `seconds` is how long the first page took."""

    token: str
    photos: int  # in the library at that time
    hits: tuple[Hit, ...] = ()
    cursor: str | None = None
    verdict: Verdict | None = None
    suggestion: str | None = None
    remarks: tuple[str, ...] = ()
    is_read: bool = True
    seconds: float = 0.0


def search(search_input: SearchInput, count: int = PAGE) -> SearchResults:
    """At least the first `count` hits, if there are as many.

    The last results are reused if neither the input nor the number of photos has changed.
    """
    results: SearchResults | None = st.session_state.get("results")
    photos = session().photo_count()
    if results is None or (results.token, results.photos) != (search_input.token, photos):
        results = _with_next_page(search_input, SearchResults(search_input.token, photos))
    while len(results.hits) < count and results.cursor is not None:
        results = _with_next_page(search_input, results)
    st.session_state["results"] = results
    return results


def _with_next_page(search_input: SearchInput, results: SearchResults) -> SearchResults:
    started = time.perf_counter()
    page = session().find(search_input.query(), PAGE, results.cursor)
    if not results.hits:  # only the first page has remarks on the query
        results = replace(
            results, suggestion=page.suggestion, remarks=page.remarks, is_read=page.is_read
        )
    return replace(
        results,
        hits=(*results.hits, *page.hits),
        cursor=page.cursor,
        verdict=results.verdict or page.verdict,
        seconds=results.seconds or time.perf_counter() - started,
    )


def open_search(line: str) -> None:
    """Go to the search view and search for `line`."""
    query_params = {"q": line} if line else {}
    st.switch_page(st.session_state["pages"]["search"], query_params=query_params)


def open_photo(photo_id: int, hits: Sequence[Hit], search_input: SearchInput | None = None) -> None:
    """Go to the view of one photo.

    `hits` are the results that its arrow keys step through, `search_input` what found them.
    """
    st.session_state.update(
        photo_id=photo_id,
        result_times={hit.photo.id: hit.at_s for hit in hits},
        search_input=search_input,
    )
    st.switch_page(st.session_state["pages"]["photo"], query_params={"id": str(photo_id)})
