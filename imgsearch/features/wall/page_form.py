"""The dialog of the page that makes an address for a frame, and takes it back."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from imgsearch.errors import ImgsearchError
from imgsearch.features.wall.operations import LEAST_SECONDS, MOST_SECONDS, SECONDS
from imgsearch.features.wall.records import Wall
from imgsearch.page_access import LOOPBACK
from imgsearch.text import format_count
from ui.formatting import escape_markdown
from ui.search_state import SearchInput
from ui.session import session


def can_be_shown(search_input: SearchInput) -> bool:
    """Return whether something is searched for that a wall can store: a line alone."""
    return bool(search_input) and not search_input.has_example


@st.dialog("Show on a frame or television")
def wall_form(search_input: SearchInput) -> None:
    """Make an address that shows the photos of the present search, and list all such addresses."""
    st.caption(
        "An address that shows the photos of this search, and new ones as they come. Whoever knows "
        "it sees them without a password, and nothing else."
    )
    with st.form("wall", border=False):
        seconds = st.number_input(
            "Seconds for each photo", LEAST_SECONDS, MOST_SECONDS, SECONDS, step=1
        )
        pause = st.text_input("Dark from – to", placeholder="22:00-07:00", max_chars=20)
        is_wanted = st.form_submit_button("Make an address", type="primary")
    walls = session().library.walls
    try:
        if is_wanted:
            walls.add(search_input.line, int(seconds), pause.strip() or None)
    except ImgsearchError as error:
        st.warning(escape_markdown(str(error)))
    for wall in reversed(walls.all()):
        _show(wall)
    if urlsplit(st.context.url or "").hostname in (*LOOPBACK, None):
        st.caption("For other devices, start the page with `imgsearch ui --host 0.0.0.0`.")


def _show(wall: Wall) -> None:
    """Show a wall with its address, and a button that takes it back."""
    here = urlsplit(st.context.url or "")
    hours = f", dark {wall.pause}" if wall.pause else ""
    photos = format_count(wall.photos, "photo")
    st.markdown(f"**{escape_markdown(wall.line)}** · {photos}, {wall.seconds} s{hours}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.code(f"{here.scheme}://{here.netloc}{wall.path}", language=None, wrap_lines=True)
        if st.button("Delete", icon=":material/delete:", key=f"wall {wall.number}"):
            session().library.walls.remove(wall.number)
            st.rerun(scope="fragment")
