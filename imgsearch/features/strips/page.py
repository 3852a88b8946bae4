"""The view of the same thing over time: one row a thing, one picture of each year or month."""

from __future__ import annotations

import streamlit as st
from starlette.routing import Route

from imgsearch.features.strips import page_data
from ui import component_files
from ui.coming_photos import show_coming_photos
from ui.features import PageFeature, ShownView
from ui.page_view import PageView
from ui.query_line import query_line
from ui.search_state import SearchInput, search_buttons
from ui.timeline_data import photos_by_day

_over_time = component_files.component("over_time")


def page() -> PageFeature:
    """Return the share of strips in the page."""
    view = PageView(
        title="Over time",
        icon="view_column",
        search="narrows",
        components=("over_time",),
        is_hidden=True,
        shows_progress=True,
        link="Over time",
        place="photos",
    )
    return PageFeature(
        views={"over-time": ShownView(view, show)},
        routes=(Route("/over-time/filmstrip", page_data.filmstrip),),
    )


def show() -> None:
    """Show the strip of what is searched for, or of all photos, and of what is added."""
    search_input = SearchInput.of_address()
    search_input.query()  # raises what is wrong with it
    show_coming_photos(query_line().note_click)
    if search_input:
        with st.container(horizontal=True, vertical_alignment="center"):
            search_buttons(search_input, "over-time")
    _over_time(
        key="over-time",
        data={
            "search": search_input.parameters,
            "title": search_input.title.removeprefix("for ") or "All photos",
            # Changes whenever the photos do.
            "version": photos_by_day(SearchInput()).version,
        },
    )
