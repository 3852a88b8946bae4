"""Occasions and trips: all events, or those of a search, and one with its photos and its way."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from msgspec import to_builtins
from starlette.routing import Route

from imgsearch import printable
from imgsearch.features.events import page_data
from imgsearch.features.events.page_data import event_at
from ui import cards, component_files, elements
from ui.coming_photos import show_coming_photos
from ui.features import PageFeature, ShownView, map_address
from ui.page_view import PageView
from ui.query_line import query_line
from ui.search_state import SearchInput
from ui.session import session
from ui.timeline_data import photos_by_day

_events = component_files.component("events")
_event = component_files.component(
    "event", "leaflet/leaflet.css", "shared/photo_tile.css", "grid/photo_grid.css"
)


def page() -> PageFeature:
    """Return the share of events in the page."""
    view = PageView(
        "Events",
        "event",
        "narrows",
        ("events",),
        shows_progress=True,
        place="albums",
        label="Events and trips",
    )
    shown = ShownView(view, show, title, before="map", around=page_data.around, back=back)
    return PageFeature(
        headings="events/headings.js",
        views={"events": shown},
        routes=(
            Route("/events/tiles", page_data.tiles),
            Route("/events/cover", page_data.cover),
        ),
    )


def back(parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Return the parameters of the view, from the address of a photo that was opened in it."""
    return {"event": parameters.get("event", "")}


def title() -> str:
    """Return the title of the event that the address names; empty if it names none."""
    event = event_at(_named()) if _named() and session().photo_count() else None
    return "" if event is None else printable(event.title)


def show() -> None:
    """Show one event if the address names it, else all, or those of a search."""
    moment = _named()
    search_input = SearchInput.of_address()
    show_coming_photos(query_line().note_click)
    if moment and not search_input:
        _show_one(moment)
    else:
        _show_all(search_input)


def _named() -> str:
    return st.query_params.get("event", "")


def _show_one(moment: str) -> None:
    event = event_at(moment)
    if event is None:
        cards.card(
            "This event is not there any more",
            "Its photos may have left the library, or have another date now.",
            ":material/event_busy:",
        )
        return
    elements.fill_window()
    _event(
        key="event",
        data={
            "event": to_builtins(event.summary()),
            "version": _version(SearchInput()),
            "map": map_address(),
        },
    )


def _show_all(search_input: SearchInput) -> None:
    version = _version(search_input)  # raises what is wrong with the query
    data = {"search": search_input.parameters, "version": version}
    _events(key="events", data=data)


def _version(search_input: SearchInput) -> str:
    """Return a value that changes whenever the photos do."""
    return photos_by_day(search_input).version
