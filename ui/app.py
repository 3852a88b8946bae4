"""The script that Streamlit runs: navigation between the views, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from imgsearch import ImgsearchError
from ui import cards, navigation
from ui.views import labels, library, map, photo, search, similar, timeline

STYLE = """<style>
.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 3rem; }
@media (max-width: 640px) { .stMainBlockContainer { padding-left: .7rem; padding-right: .7rem; } }
</style>"""


def with_error_card(show: Callable[[], None]) -> Callable[[], None]:
    """The view, with expected errors shown as a card."""

    def view() -> None:
        try:
            show()
        except ImgsearchError as error:
            cards.error_card(error)

    return view


VIEWS: dict[str, tuple[Callable[[], None], str, str]] = {  # by URL path: view, title, icon
    "search": (with_error_card(search.show), "Search", ":material/search:"),
    "timeline": (with_error_card(timeline.show), "Timeline", ":material/calendar_month:"),
    "map": (with_error_card(map.show), "Map", ":material/map:"),
    "similar": (with_error_card(similar.show), "Near-duplicates", ":material/content_copy:"),
    "labels": (with_error_card(labels.show), "Labels", ":material/label:"),
    "library": (with_error_card(library.show), "Library", ":material/photo_library:"),
    "photo": (with_error_card(photo.show), "Photo", ":material/image:"),
}
HIDDEN = "photo"  # not in the navigation, since it needs a photo


def pages() -> dict[str, st.Page]:
    """All views, by URL path."""
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
    """Show the view that the URL names."""
    # Our own icon: Streamlit would fetch its default icon from the internet.
    icon = str(Path(__file__).with_name("assets") / "icon.png")
    st.set_page_config(page_title="imgsearch", page_icon=icon, layout="wide")
    st.html(STYLE)
    navigation.follow()
    st.session_state["pages"] = views = pages()
    st.navigation(list(views.values()), position="top").run()


if __name__ == "__main__":  # Streamlit runs this file as a script
    main()
