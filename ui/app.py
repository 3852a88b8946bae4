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


VIEWS: dict[str, tuple[Callable[[], None], str, str]] = {  # what shows it, its title, its icon
    "search": (guarded(search.show), "Search", ":material/search:"),
    "similar": (guarded(similar.show), "Near-duplicates", ":material/content_copy:"),
    "labels": (guarded(labels.show), "Labels", ":material/label:"),
    "library": (guarded(library.show), "Library", ":material/photo_library:"),
    "photo": (guarded(photo.show), "Photo", ":material/image:"),
}
HIDDEN = "photo"  # it needs a photo, so the navigation does not lead there


def pages() -> dict[str, st.Page]:
    """Every view by its name, which is also its address."""
    return {
        name: st.Page(
            show,
            title=title,
            icon=icon,
            url_path=name,
            default=name == "search",
            visibility="hidden" if name == HIDDEN else "visible",
        )
        for name, (show, title, icon) in VIEWS.items()
    }


def main() -> None:
    """Show the view that the address names."""
    # An icon of ours: Streamlit would fetch one of its own from the internet.
    icon = str(Path(__file__).with_name("assets") / "icon.png")
    st.set_page_config(page_title=NAME, page_icon=icon, layout="wide")
    st.html(STYLE)
    st.session_state["pages"] = known = pages()
    st.navigation(list(known.values()), position="top").run()


if __name__ == "__main__":  # as Streamlit runs it
    main()
