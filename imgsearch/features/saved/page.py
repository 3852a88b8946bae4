"""Saved searches on the page: the shelf, what is said above their results, and saving."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from imgsearch.errors import ImgsearchError
from imgsearch.features.saved.operations import Saved
from imgsearch.features.saved.queries import saved_name_of
from imgsearch.features.saved.records import SavedSearch, SavedSearchSummary
from imgsearch.language.grammar import parse
from imgsearch.records.query import Query
from imgsearch.text import format_count, printable
from ui.addresses import START, address_of
from ui.answer_data import forget_answers
from ui.features import PageFeature, SearchForm, ShelfEntry
from ui.formatting import escape_markdown, format_date
from ui.search_state import SearchInput
from ui.session import session
from ui.shown_search import show_search

_KEY = "saved"  # of the cached summaries
_UNCHECKED_S = 5.0


def page() -> PageFeature:
    """Return the share of saved searches in the page."""
    return PageFeature(
        part="saved",
        header=header,
        search_forms={
            "save": SearchForm("Save this search", "bookmark_add", can_be_saved, save_form)
        },
        shelf=shelf,
        shelf_title="saved searches",
        icons={"saved": "bookmark"},
    )


def shelf() -> list[ShelfEntry]:
    """Return the links to all saved searches, up to 5 s old; from the service if it runs."""
    st.session_state.pop("looked_token", None)
    here = session()
    summaries = here.cached(_KEY, lambda: here.ask(Saved.all), _UNCHECKED_S)
    return [_link_to(each) for each in summaries]


def _link_to(summary: SavedSearchSummary) -> ShelfEntry:
    return ShelfEntry(
        kind="search",
        icon="bookmark",
        name=printable(summary.name),
        line=printable(summary.problem or summary.line),
        address=address_of(START, {"q": line_of(summary.name)}),
        photos=summary.photos,
        cover_id=summary.cover_id,
        new=summary.new,
        problem=summary.problem is not None,
    )


def line_of(name: str) -> str:
    """Return the line that searches for a saved search: `saved:beach`, `saved:"our dog"`."""
    return f'saved:"{name}"' if " " in name else f"saved:{name}"


def header(search_input: SearchInput) -> None:
    """Show above the results of a saved search its name, what is new, and how to change it.

    Showing it is a look: from now on its photos are not new. Raises QueryError for an unknown name.
    """
    name = _saved_name(search_input)
    if name is None:
        st.session_state.pop("looked_token", None)
        return
    search = session().library.saved.get(name)
    new, since = _look(search, search_input.token)
    with st.container(horizontal=True, vertical_alignment="center", key="saved_header"):
        examples = len(search.examples)
        query = " and ".join(
            filter(None, [search.line, format_count(examples, "example image") if examples else ""])
        )
        news = f" · **{new:,} new** since {format_date(since)}" if new else ""
        st.markdown(f":small[{escape_markdown(query)}{news}]", width="content")
        # The key closes it once the search has another name.
        with st.popover("Edit", icon=":material/edit:", type="tertiary", key=f"edit {search.name}"):
            _edit_form(search)


def can_be_saved(search_input: SearchInput) -> bool:
    """Return whether something is searched for that is not a saved search already."""
    return bool(search_input) and _saved_name(search_input) is None


@st.dialog("Save this search")
def save_form(search_input: SearchInput) -> None:
    """Ask for the name under which the present search is saved."""
    with st.form("save_search", border=False):
        name = st.text_input("Name", placeholder="beach", max_chars=100)
        replace = st.checkbox("Replace the saved search of this name, if there is one")
        if not st.form_submit_button("Save", type="primary"):
            return
    try:
        search = session().library.saved.save(name, search_input.query(), replace=replace)
    except ImgsearchError as error:
        st.warning(escape_markdown(str(error)))
        return
    session().forget(_KEY)
    forget_answers()
    st.toast(f"Saved {escape_markdown(search.name)}", icon=":material/bookmark_added:")
    show_search(line_of(search.name))


def _saved_name(search_input: SearchInput) -> str | None:
    """Return the saved search that is all of this input."""
    try:
        query = parse(search_input.line) if search_input.line.strip() else Query()
    except ImgsearchError:
        return None  # the results show the error
    return None if search_input.has_example else saved_name_of(query)


def _look(search: SavedSearch, token: str) -> tuple[int, datetime]:
    """Record that the visitor looks at a saved search, once each time it is opened.

    Returns how many of its photos were new then, and since when.
    """
    state = st.session_state
    if state.get("looked_token") != token:
        new = 0
        try:
            session().forget(_KEY)
            new = len(session().ask(Saved.mark_looked_at, search.name))
        except ImgsearchError as error:  # the library may be on a read-only disk
            st.caption(f"That you looked could not be recorded. {escape_markdown(str(error))}")
        state.update(looked_token=token, new_photos=(new, search.looked_at))
    new_photos: tuple[int, datetime] = state["new_photos"]
    return new_photos


def _edit_form(search: SavedSearch) -> None:
    with st.form("rename_search", border=False):
        name = st.text_input("Name", search.name, max_chars=100)
        is_renamed = st.form_submit_button("Rename")
    try:
        if is_renamed:
            session().library.saved.rename(search.name, name)
            session().forget(_KEY)
            show_search(line_of(" ".join(name.split())))
    except ImgsearchError as error:
        st.warning(escape_markdown(str(error)))
    if st.button("Remove this saved search", icon=":material/delete:", help="No photo is touched."):
        session().library.saved.remove(search.name)
        session().forget(_KEY)
        st.toast(f"Removed {escape_markdown(search.name)}; no photo was touched")
        show_search("")
