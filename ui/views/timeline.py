"""All photos, or those of a query, by day."""

from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import urlencode

import streamlit as st

from imgsearch import Query, format_count, in_earlier_years, to_text
from ui import cards, component_files
from ui.addresses import address_of
from ui.filters import parse_line
from ui.formatting import date_of, escape_markdown
from ui.navigation import go_to
from ui.search_state import open_search
from ui.session import session
from ui.timeline_data import CLOCK_NOT_SET, MAX_FOUND, PhotosByDay, photos_by_day, tile_json

MEMORIES = 24  # photos of this day in earlier years that are shown
# The grid fills the window, so the page itself need not scroll.
STYLE = "<style>.stMainBlockContainer { padding-bottom: 0; }</style>"

_grid = component_files.component("grid")


def show() -> None:
    """The timeline; of the photos that the parameter `q` of the URL finds, if there is one."""
    if not session().photo_count():
        cards.empty_library()
        return
    line = st.query_params.get("q", "").strip()
    photos = photos_by_day(line)  # raises what is wrong with the query
    st.html(STYLE)
    _heading(line, photos)
    if not photos.days:
        cards.no_results("No photo matches, or all matches are weak.")
        return
    _grid(key="timeline", data={"q": line, "memories": None if line else _memories()})


def _heading(line: str, photos: PhotosByDay) -> None:
    """How many photos there are, which dates are doubtful, and the way back to a search."""
    text = f"**{format_count(len(photos.photo_ids), 'photo')}**"
    if line:
        text += f" for {escape_markdown(line)}"
        if parse_line(line).terms and len(photos.photo_ids) == MAX_FOUND:
            text += f" (the best {MAX_FOUND:,})"
    remarks = [text, *_doubts(photos)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(" · ".join(remarks), width="content")
        if line and st.button("Best match first", icon=":material/sort:", type="tertiary"):
            open_search(line)
        if line and st.button("All photos", icon=":material/close:", type="tertiary"):
            go_to(address_of("timeline"))


def _doubts(photos: PhotosByDay) -> list[str]:
    """What there is to say of photos whose date is not, or may not be, when they were taken."""
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


def _memories() -> dict[str, object] | None:
    """The photos of this day in earlier years, newest first; None if there are none."""
    today = date.today()
    query = in_earlier_years(Query(), today)
    hits = session().find(query, MEMORIES).hits
    if not hits:
        return None
    return {
        "title": f"On this day, {today.day} {today:%B}",
        "link": f"/?{urlencode({'q': to_text(query)})}",
        "photos": [
            {**tile_json(hit, ""), "year": str(moment.year) if (moment := date_of(hit)) else ""}
            for hit in hits
        ],
    }
