"""The answer to a question in the search field, above the results of the search."""

from __future__ import annotations

import streamlit as st

from imgsearch.features.ask.operations import MAX_CHARACTERS, Questions
from imgsearch.features.ask.questions import read_question
from imgsearch.text import format_count
from ui.features import PageFeature
from ui.formatting import escape_markdown
from ui.query_line import query_line
from ui.search_state import SearchInput
from ui.session import session


def page() -> PageFeature:
    """Return the share of questions in the page."""
    return PageFeature(part="questions", header=header)


def header(search_input: SearchInput) -> None:
    """Show the answer in one sentence where the search field holds a question.

    Raises as a search for its subject does.
    """
    line = search_input.line
    question = None if search_input.has_example else read_question(line)
    if question is None or not question.says_about_what or len(line) > MAX_CHARACTERS:
        return
    here = session()
    answer = here.cached(f"question {line}", lambda: here.ask(Questions.ask, line))
    with st.container(key="question_answer", gap="small"):
        st.markdown(f"**{escape_markdown(answer.sentence)}**")
        for remark in answer.remarks:
            st.caption(escape_markdown(remark))
        if answer.hits and answer.query:
            st.button(
                f"Show {format_count(answer.photos, 'photo')} of it",
                icon=":material/photo_library:",
                on_click=query_line().replace,
                args=(answer.query,),
                type="tertiary",
            )
