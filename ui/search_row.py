"""The row of the search field: one for all views, which the script of the page shows."""

from __future__ import annotations

import base64

import streamlit as st
from msgspec.structs import replace
from streamlit.delta_generator import DeltaGenerator

from imgsearch import ImgsearchError, QueryError, parse
from ui import cards, elements, filters
from ui.addresses import START, address_of, put_in_address
from ui.example_upload import EXAMPLE_PX
from ui.features import suggestion_icons
from ui.navigation import go_to
from ui.query_line import query_line
from ui.search_state import SearchInput
from ui.session import session

_SENT = "sent to the results"  # key of the session state: see `leading_to_results`


def begin() -> None:
    """Find out what is searched for in this run; to be called before the view is shown."""
    for line in elements.typed_lines():
        query_line().type(line)
    filters.take_changes()
    typed = query_line().start(st.query_params.get("q", ""))
    if typed is not None:
        _remember(typed)


def title() -> str:
    """Return the present search in a few words; empty without one.

    The address has the query of the run before until the view has written it.
    """
    has_example = SearchInput.of_address().has_example
    return query_line().line or ("Search by image" if has_example else "")


def narrowing(view: str) -> None:
    """Show the row in a view that a search narrows: the address of the view follows it.

    So the view finds the search in its address.
    """
    with _row():
        line = query_line().line
        elements.search_field(line, suggestion_icons())
        filter_button = st.popover("Filters", icon=":material/tune:")
        search_input = replace(SearchInput.of_address(), line=line)
    # Before the elements that follow reach the browser: a click on one of them sends the URL along,
    # and an old one would bring back the old query.
    _set_address(search_input, view)
    with filter_button:
        filters.filter_form()
    filters.filter_chips()
    if search_input.has_example:
        _example_image(search_input, view)


def leading_to_results() -> None:
    """Show the row in a view that a search does not narrow: what is typed leads to its results."""
    with _row():
        line = query_line().line
        elements.search_field(line, suggestion_icons())
    search_input = SearchInput.of_address()
    query_line().note_address(search_input.line)
    state, wanted = st.session_state, (line, search_input.token)
    if line == search_input.line:
        state.pop(_SENT, None)
    elif state.get(_SENT) != wanted:  # once: this view is drawn again before the browser leaves it
        state[_SENT] = wanted
        go_to(address_of(START, replace(search_input, line=line).parameters))


def _row() -> DeltaGenerator:
    return st.container(horizontal=True, key="search_row", gap="small")


def _remember(line: str) -> None:
    """Keep what was typed, so that it is suggested; but nothing that the language refuses."""
    try:
        parse(line)
    except QueryError:
        return
    session().library.lines.remember(line)


def _set_address(search_input: SearchInput, view: str) -> None:
    """Put the whole search into the address of this view.

    What else the address of another view than the first has, such as a place in it, belongs to
    the search that it had before.
    """
    in_address = SearchInput.of_address()
    if view == START or in_address != search_input:
        put_in_address(view, search_input.parameters)
    query_line().note_address(search_input.line)


def _example_image(search_input: SearchInput, view: str) -> None:
    """Show the image to search by, with the part of it that counts."""
    try:
        with st.container(horizontal=True, vertical_alignment="center", key="example_image"):
            _show_example(search_input, view)
            _remove_button("Remove", view)
    except ImgsearchError as error:
        cards.error_card(error)
        _remove_button("Remove the image", view)


def _show_example(search_input: SearchInput, view: str) -> None:
    """Show the image or the photo, to draw the part on it that counts."""
    key = search_input.image_id or str(search_input.photo_id)
    thumbnail = _example_thumbnail(key, search_input)
    source = "data:image/webp;base64," + base64.b64encode(thumbnail).decode()
    drawn = elements.crop(source, search_input.region, f"crop {key}")
    if drawn is not None and drawn[0] != search_input.region:
        _set_address(replace(search_input, region=drawn[0]), view)
        st.rerun()


def _example_thumbnail(key: str, search_input: SearchInput) -> bytes:
    """WebP, made by the library's isolated decoder: the image is untrusted."""
    cached: tuple[str, bytes] | None = st.session_state.get("example_thumbnail")
    if cached is None or cached[0] != key:
        library = session().library
        if search_input.photo_id:
            picture = library.pictures.thumbnail(search_input.photo_id, EXAMPLE_PX)
        else:
            content = library.pictures.kept_example(search_input.image_id)
            picture = library.pictures.thumbnail_of(content, EXAMPLE_PX)
        cached = (key, picture or b"")
        st.session_state["example_thumbnail"] = cached
    return cached[1]


def _remove_button(label: str, view: str) -> None:
    st.button(label, icon=":material/close:", on_click=_remove_example, args=(view,))


def _remove_example(view: str) -> None:
    query_line().note_click()
    _set_address(SearchInput(query_line().line), view)
