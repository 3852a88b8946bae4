"""Questions above a long answer on the page, with a button for yes and one for no."""

from __future__ import annotations

import streamlit as st
from msgspec.structs import replace

from imgsearch.features.narrowing.operations import FEW, Narrowing
from imgsearch.features.narrowing.records import NarrowingQuestion
from imgsearch.language.grammar import parse, to_text
from imgsearch.records.query import Query
from imgsearch.text import format_count
from ui.features import LaterHeader, PageFeature
from ui.formatting import escape_markdown
from ui.query_line import query_line
from ui.search_state import SearchInput
from ui.session import session


def page() -> PageFeature:
    """Return the share of the feature in the page."""
    return PageFeature(part="narrowing", later_header=LaterHeader(FEW, show_questions))


def show_questions(search_input: SearchInput) -> None:
    """Show the questions about the answer to a search; each button adds a filter to the line.

    Raises as the search does.
    """
    here, query = session(), search_input.query()
    narrowed = here.cached(
        f"narrowing {search_input.token}", lambda: here.ask(Narrowing.questions, query)
    )
    if not narrowed.questions:
        return
    # The page lets a row of this name scroll sideways, so that it is one line on any screen.
    with st.container(horizontal=True, key="questions_row", gap="medium"):
        for number, each in enumerate(narrowed.questions):
            _show(number, each)


def _show(number: int, asked: NarrowingQuestion) -> None:
    with st.container(
        horizontal=True,
        vertical_alignment="center",
        width="content",
        gap="small",
        key=f"ask {number}",
    ):
        st.markdown(escape_markdown(asked.question), width="content")
        for word, condition, photos in (
            ("Yes", asked.yes, asked.photos),
            ("No", asked.no, asked.others),
        ):
            st.button(
                word,
                key=f"narrow {condition}",
                help=f"{condition}: {format_count(photos, 'photo')}",
                on_click=query_line().change,
                args=(lambda line, condition=condition: with_filter(line, condition),),
            )


def with_filter(line: str, condition: str) -> str:
    """Return a query line with one more filter, which is given as in a line.

    Raises QueryError for a line that the query language refuses.
    """
    query = parse(line) if line.strip() else Query()
    return to_text(replace(query, filters=(*query.filters, *parse(condition).filters)))
