"""The map of meaning: photos that show similar things lie close together."""

from __future__ import annotations

from typing import Literal

import streamlit as st
from starlette.routing import Route

from imgsearch import format_count
from imgsearch.features.meaning import page_data
from imgsearch.features.meaning.page_data import drawn_map, found_photos
from ui import cards, component_files, elements
from ui.features import PageFeature, PageJob, ShownView
from ui.formatting import escape_markdown
from ui.library_state import follow, library_state
from ui.page_view import PageView
from ui.search_state import SearchInput, search_buttons
from ui.session import session
from ui.tasks import progress_bar
from ui.timeline_data import MAX_FOUND

_TASK = "lay out"
_map = component_files.component("meaning", "shared/photo_tile.css")


def page() -> PageFeature:
    """Return the share of the map of meaning in the page."""
    view = PageView(
        "Meaning",
        "bubble_chart",
        "narrows",
        ("meaning", "follow"),
        "meaning",
        place="map",
        label="By meaning",
    )
    return PageFeature(
        views={"meaning": ShownView(view, show, before="library")},
        routes=(
            Route("/meaning/points", page_data.points),
            Route("/meaning/found", page_data.found),
            Route("/meaning/tiles", page_data.tiles),
        ),
        jobs={"meaning": PageJob(_TASK, ("meaning", "library"), lambda job: _start())},
    )


def show() -> None:
    """Show the map; of the photos that a search finds, the others stay in the background."""
    here = session()
    state = library_state()
    search_input = SearchInput.of_address()
    search_input.query()  # raises what is wrong with it
    task = here.tasks.get(_TASK)
    is_busy = task is not None and task.running
    if task is not None and is_busy:
        progress_bar(task, "Laying out photos", "photos")
    elif task is not None and task.error is not None:
        cards.error_card(task.error)
    if here.library.meaning.exists():
        elements.fill_window()
        _heading(search_input, is_busy)
        data = {"search": search_input.parameters, "version": drawn_map().version}
        _map(key="meaning", data=data)
    elif not is_busy:
        cards.card(
            "What your photos are about",
            "Photos that show similar things are laid out close together, in clusters with names. "
            "You can zoom in to single photos, and select whole areas with a lasso. This happens "
            "on this machine only, and no photo is read again.",
            ":material/bubble_chart:",
        )
        _lay_out_button(f"Lay out {format_count(here.photo_count(), 'photo')}", is_busy, "primary")
    follow(state)


def _heading(search_input: SearchInput, is_busy: bool) -> None:
    """Show the number of photos on the map, and a link back to the search."""
    drawn, found = drawn_map(), found_photos(search_input)
    text = f"**{format_count(len(found), 'photo')}**"
    if search_input:
        text += f" {escape_markdown(search_input.title)}"
        if search_input.query().terms and len(found) == MAX_FOUND:
            text += f" (the best {MAX_FOUND:,})"
    missing = session().photo_count() - len(drawn.points.photo_ids)
    if missing > 0 and not search_input:
        text += f" · {missing:,} not on the map"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(text, width="content")
        if search_input:
            search_buttons(search_input, "meaning")
        _lay_out_button("Lay out anew", is_busy, "tertiary")


def _lay_out_button(label: str, is_busy: bool, kind: Literal["primary", "tertiary"]) -> None:
    st.button(
        label,
        icon=":material/bubble_chart:",
        disabled=is_busy,
        on_click=_start,
        type=kind,
        help="You can go on searching meanwhile. Photos that are added later are placed on the "
        "map, and the others do not move.",
    )


def _start() -> None:
    session().start(_TASK, lambda library: library.meaning.lay_out())
