"""All photos, or those of a search, by day."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from imgsearch import format_count
from ui import cards, component_files, elements
from ui.addresses import address_of
from ui.coming_photos import show_coming_photos
from ui.features import shown_features
from ui.formatting import escape_markdown
from ui.memories import on_this_day
from ui.navigation import go_to
from ui.query_line import query_line
from ui.search_state import SearchInput, search_buttons
from ui.session import session
from ui.timeline_data import MAX_FOUND, PhotosByDay, photos_by_day
from ui.view_table import linked_views

CLOCK_NOT_SET = date(1970, 1, 1)  # where the clocks of computers start to count

_timeline = component_files.component(
    "timeline", "shared/photo_tile.css", "grid/photo_grid.css", "grid/memories.css"
)


def show() -> None:
    """Show the timeline; of the photos that a search finds, if there is one."""
    search_input = SearchInput.of_address()
    show_coming_photos(query_line().note_click)
    photos = photos_by_day(search_input)  # raises what is wrong with the query
    elements.fill_window()
    _heading(search_input, photos)
    if not photos.days:
        cards.no_results("No photo matches, or all matches are weak.")
        return
    data = {
        "search": search_input.parameters,
        "version": photos.version,
        "memories": [] if search_input else on_this_day({"from": "timeline"}),
        "headings": [each.headings for each in shown_features() if each.headings is not None],
    }
    _timeline(key="timeline", data=data)


def _heading(search_input: SearchInput, photos: PhotosByDay) -> None:
    """Show the number of photos, remarks about doubtful dates, and a link back to the search."""
    text = f"**{format_count(len(photos.photo_ids), 'photo')}**"
    if search_input:
        text += f" {escape_markdown(search_input.title)}"
        if search_input.query().terms and len(photos.photo_ids) == MAX_FOUND:
            text += f" (the best {MAX_FOUND:,})"
    remarks = [text, *_doubts(photos)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(" · ".join(remarks), width="content")
        for name, view in linked_views(session().has, only_hidden=True).items():
            if st.button(view.link, icon=f":material/{view.icon}:", type="tertiary"):
                go_to(address_of(name, search_input.parameters))
        if search_input:
            search_buttons(search_input, "timeline")


def _doubts(photos: PhotosByDay) -> list[str]:
    """Sentences about photos with a date that is not, or may not be, when they were taken."""
    latest = date.today() + timedelta(days=1)  # a camera's clock may be ahead by a time zone
    by_file = sum(day.dated_by_file for day in photos.days)
    not_set = sum(len(day.photo_ids) for day in photos.days if day.day == CLOCK_NOT_SET)
    future = sum(len(day.photo_ids) for day in photos.days if day.day > latest)
    remarks = []
    if by_file:
        remarks.append(f"{by_file:,} without a date of their own, shown by the date of the file")
    if not_set:
        remarks.append(f"{not_set:,} dated 1 January 1970, by a clock that was not set")
    if future:
        remarks.append(f"{future:,} dated in the future")
    return remarks
