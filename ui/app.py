"""The frame of the page: navigation, and what each view has in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from imgsearch import ImgsearchError
from ui import cards
from ui.views import labels, library, photo, search, similar

NAME = "imgsearch"
STYLE = """<style>
.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 3rem; }
@media (max-width: 640px) { .stMainBlockContainer { padding-left: .7rem; padding-right: .7rem; } }
</style>"""


def guarded(show: Callable[[], None]) -> Callable[[], None]:
    """A view whose foreseen errors become a card."""

    def view() -> None:
        try:
            show()
        except ImgsearchError as error:
            cards.trouble(error)

    return view


def pages() -> dict[str, st.Page]:
    """Every view by its name."""
    return {
        "search": st.Page(
            guarded(search.show),
            title="Search",
            icon=":material/search:",
            url_path="search",
            default=True,
        ),
        "similar": st.Page(
            guarded(similar.show),
            title="Near-duplicates",
            icon=":material/content_copy:",
            url_path="similar",
        ),
        "labels": st.Page(
            guarded(labels.show), title="Labels", icon=":material/label:", url_path="labels"
        ),
        "library": st.Page(
            guarded(library.show),
            title="Library",
            icon=":material/photo_library:",
            url_path="library",
        ),
        "photo": st.Page(
            guarded(photo.show),
            title="Photo",
            icon=":material/image:",
            url_path="photo",
            visibility="hidden",
        ),
    }


def main() -> None:
    """Show the view that the address names."""
    # An icon of ours: Streamlit would fetch one of its own from the internet.
    icon = str(Path(__file__).with_name("assets") / "icon.png")
    st.set_page_config(page_title=NAME, page_icon=icon, layout="wide")
    st.html(STYLE)
    st.session_state["pages"] = known = pages()
    st.navigation(list(known.values()), position="top").run()


main()
