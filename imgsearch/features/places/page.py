"""All photos, or those of a search, on a map of the world that is drawn from this machine."""

from __future__ import annotations

import streamlit as st
from starlette.routing import Route

from imgsearch import PhotoPositions, format_count
from imgsearch.features.places import page_data
from imgsearch.features.places.page_data import photo_positions
from imgsearch.operations.browse import MAX_ZOOM
from ui import cards, component_files, elements
from ui.features import PageFeature, ShownView
from ui.formatting import escape_markdown
from ui.page_view import PageView
from ui.search_state import SearchInput, search_buttons
from ui.timeline_data import MAX_FOUND

_map = component_files.component(
    "photo_map", "leaflet/leaflet.css", "map/towns.css", "shared/photo_tile.css"
)


def page() -> PageFeature:
    """Return the share of places in the page."""
    view = PageView(
        "Map",
        "map",
        "narrows",
        ("photo_map",),
        link="On the map",
        place="map",
        label="On the map",
    )
    return PageFeature(
        map_address="/map?at={lat},{lon},{zoom}",
        views={"map": ShownView(view, show, before="library")},
        routes=(Route("/map/circle", page_data.circle),),
    )


def show() -> None:
    """Show the map; of the photos that a search finds, if there is one."""
    search_input = SearchInput.of_address()
    positions = photo_positions(search_input)  # raises what is wrong with the query
    elements.fill_window()
    _heading(search_input, positions)
    if len(positions.photo_ids):
        data = {
            "search": search_input.parameters,
            "area": _area(positions),
            "max_zoom": MAX_ZOOM,
        }
        _map(key="map", data=data)
    elif positions.unknown:
        cards.card(
            "No place is known",
            "None of these photos says where it was taken. Most phones write it into a photo, and "
            "cameras with GPS do. Files beside a photo, such as XMP or those of Google Takeout, "
            "are read, too.",
            ":material/location_off:",
        )
    else:
        cards.no_results("No photo matches, or all matches are weak.")


def _heading(search_input: SearchInput, positions: PhotoPositions) -> None:
    """Show the numbers of photos with and without a place, and a link back to the search."""
    number = len(positions.photo_ids)
    text = f"**{format_count(number, 'photo')}**"
    if search_input:
        text += f" {escape_markdown(search_input.title)}"
        if search_input.query().terms and number + positions.unknown == MAX_FOUND:
            text += f" (of the best {MAX_FOUND:,})"
    if positions.unknown:
        text += f" · {positions.unknown:,} without a place"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(text, width="content")
        if search_input:
            search_buttons(search_input, "map")


def _area(positions: PhotoPositions) -> list[list[float]]:
    """Return the area that the map shows first: south-west and north-east corner of all photos."""
    lat, lon = positions.lat, positions.lon
    return [[float(lat.min()), float(lon.min())], [float(lat.max()), float(lon.max())]]
