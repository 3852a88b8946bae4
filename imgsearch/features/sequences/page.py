"""The answer of the page to one thing and then another: rows of two or three photos."""

from __future__ import annotations

import streamlit as st

from imgsearch.features.sequences.operations import Sequences
from imgsearch.features.sequences.reading import with_sign
from imgsearch.features.sequences.records import PhotoSequence, SequenceAnswer
from imgsearch.language.grammar import to_text
from imgsearch.records.query import Query, Term
from imgsearch.text import format_count
from ui import cards, elements
from ui.addresses import START, address_of
from ui.features import PageFeature
from ui.formatting import escape_markdown
from ui.query_line import query_line
from ui.search_state import SearchInput
from ui.session import session

_WEAK = "weak sequences of"  # key of the session state: the line for which they are shown
_ROW_PX = 150  # two photos fit side by side on a phone


def page() -> PageFeature:
    """Return the share of sequences in the page."""
    return PageFeature(part="sequences", answer=answer)


def answer(search_input: SearchInput) -> bool:
    """Show sequences where the line asks for them; returns whether it does.

    Raises QueryError for a part that is wrong.
    """
    line = search_input.line
    if search_input.has_example or with_sign(line) is None:
        return False
    here, with_weak = session(), st.session_state.get(_WEAK) == line
    with st.spinner("Searching…", show_time=True):
        found = here.cached(
            f"sequences {with_weak} {line}",
            lambda: here.ask(Sequences.find, line, weak=with_weak),
        )
    with st.container(key="sequences", gap="small"):
        _heading(found, line)
        for number, each in enumerate(found.sequences):
            st.markdown(_title(each))
            elements.tiles(
                each.hits,
                f"sequence {number}",
                _ROW_PX,
                address=address_of(START, search_input.parameters),
            )
        if not found.sequences:
            cards.no_results("No photos show this in this order, within one event.")
        if not with_weak and found.state != "found":
            st.button("Show weaker matches", icon=":material/unfold_more:", on_click=_show_weak)
    return True


def _heading(found: SequenceAnswer, line: str) -> None:
    """Show how the line was read, what is found of it, and how the words are searched for."""
    with st.container(horizontal=True, vertical_alignment="center"):
        parts = " → ".join(f"**{escape_markdown(each.query)}**" for each in found.parts)
        st.markdown(parts, width="content")
        if found.is_from_words:
            st.button(
                "Search for these words instead",
                icon=":material/undo:",
                on_click=query_line().replace,
                args=(to_text(Query((Term(line),)), exact=True),),
                type="tertiary",
            )
    if found.sequences:
        count = format_count(len(found.sequences), "sequence")
        doubt = " · unsure, nothing matches well" if found.state == "unsure" else ""
        st.caption(f"{count}, best first{doubt}")
    for remark in found.remarks:
        st.info(escape_markdown(remark), icon=":material/info:")
        cards.command_buttons(each for each in found.remark_commands if each in remark)


def _title(sequence: PhotoSequence) -> str:
    """Return the event, the level of the sequence, the times between, and levels that differ."""
    title = "" if sequence.event is None else f"**{escape_markdown(sequence.event.title)}** · "
    level = "" if sequence.level is None else f"{sequence.level} · "
    levels = [hit.level or "found" for hit in sequence.hits]
    own = "" if set(levels) <= {sequence.level} else f" ({', then '.join(levels)})"
    return f"{title}{level}{', then '.join(sequence.apart)}{own}"


def _show_weak() -> None:
    query_line().note_click()
    st.session_state[_WEAK] = query_line().line
