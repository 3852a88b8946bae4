"""One question to the library and its answer, kept for the reruns that Streamlit makes."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace

import streamlit as st

from imgsearch import Example, Hit, Query, Region, Term, Verdict, parse
from ui.elements import Part
from ui.session import door

PAGE = 60  # results at first, and with each "more"


@dataclass(frozen=True, slots=True)
class Question:
    """A line of the query language, an example image as the bytes of its file, and a part of it."""

    line: str = ""
    image: bytes | None = None
    part: Part | None = None

    def __bool__(self) -> bool:
        return bool(self.line.strip()) or self.image is not None

    @property
    def token(self) -> str:
        """What tells this question from others."""
        image = hashlib.sha256(self.image).hexdigest() if self.image else ""
        return hashlib.sha256(repr((self.line.strip(), image, self.part)).encode()).hexdigest()

    def query(self) -> Query:
        """As the library takes it. Raises the errors of the language."""
        query = parse(self.line) if self.line.strip() else Query()
        if self.image is None:
            return query
        region = None if self.part is None else Region(*self.part, percent=True)
        example = Term(Example(self.image, region))
        return replace(query, terms=(*query.terms, example))


@dataclass(frozen=True, slots=True)
class Answered:
    """The hits so far, what they are worth, and how long the first of them took."""

    token: str
    hits: list[Hit]
    cursor: str | None
    verdict: Verdict | None
    seconds: float
    photos: int  # in the library then


def ask(question: Question, count: int = PAGE) -> Answered:
    """The first `count` photos, page by page. What was asked before costs nothing.

    It is asked anew when photos have come or gone.
    """
    answered: Answered | None = st.session_state.get("answered")
    photos = door().photo_count()
    if answered is None or (answered.token, answered.photos) != (question.token, photos):
        answered = _page(question, Answered(question.token, [], None, None, 0.0, photos))
    while len(answered.hits) < count and answered.cursor is not None:
        answered = _page(question, answered)
    st.session_state["answered"] = answered
    return answered


def _page(question: Question, before: Answered) -> Answered:
    started = time.perf_counter()
    page = door().find(question.query(), PAGE, before.cursor)
    seconds = before.seconds or time.perf_counter() - started
    hits = [*before.hits, *page.hits]
    return replace(
        before,
        hits=hits,
        cursor=page.cursor,
        verdict=before.verdict or page.verdict,
        seconds=seconds,
    )
