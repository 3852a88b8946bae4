"""The script that Streamlit runs: navigation between the views, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from imgsearch import ImgsearchError, printable
from ui import cards, elements, examples, navigation, search_row, tray
from ui.addresses import address_of
from ui.session import session
from ui.views import (
    archive,
    events,
    labels,
    library,
    map,
    meaning,
    over_time,
    people,
    photo,
    search,
    similar,
    timeline,
)


def with_error_card(
    show: Callable[[], None], suggestion_key: str | None = None
) -> Callable[[], None]:
    """The view, with expected errors shown as a card, see `cards.error_card`."""

    def view() -> None:
        try:
            show()
        except ImgsearchError as error:
            cards.error_card(error, suggestion_key)

    return view


VIEWS: dict[str, tuple[Callable[[], None], str, str]] = {  # by URL path: view, title, icon
    "search": (with_error_card(search.show, "suggestion"), "Search", ":material/search:"),
    "timeline": (
        with_error_card(timeline.show, "suggestion"),
        "Timeline",
        ":material/calendar_month:",
    ),
    "events": (with_error_card(events.show, "suggestion"), "Events", ":material/event:"),
    "map": (with_error_card(map.show, "suggestion"), "Map", ":material/map:"),
    "meaning": (
        with_error_card(meaning.show, "suggestion"),
        "Meaning",
        ":material/bubble_chart:",
    ),
    "people": (with_error_card(people.show), "People", ":material/group:"),
    "similar": (
        with_error_card(similar.show, "suggestion"),
        "Near-duplicates",
        ":material/content_copy:",
    ),
    "labels": (with_error_card(labels.show), "Labels", ":material/label:"),
    "library": (with_error_card(library.show), "Library", ":material/photo_library:"),
    "archive": (with_error_card(archive.show), "Archive", ":material/database:"),
    "over-time": (
        with_error_card(over_time.show, "suggestion"),
        "Over time",
        ":material/view_column:",
    ),
    "photo": (with_error_card(photo.show), "Photo", ":material/image:"),
}
# Not in the navigation: results and the timeline lead to the one, every photo to the other.
HIDDEN = ("over-time", "photo")
# Views of what not every library has: the part that they show.
SHOWN_PARTS = {
    "meaning": "meaning",
    "people": "people",
    "labels": "labels",
    "library": "folders",
    "archive": "fleet",
}


WITH_SEARCH_BOX = (
    *("search", "timeline", "events", "map", "meaning", "similar", "over-time", "photo"),
)
# Of views of which the title says more than their name.
_TITLES: dict[str, Callable[[], str]] = {
    "search": search_row.title,
    "events": events.title,
    "photo": photo.title,
}


def begin(name: str) -> str:
    """Find out what a view is about in this run, before it is shown; returns its title."""
    if name in WITH_SEARCH_BOX:
        search_row.begin()
    return _TITLES.get(name, lambda: "")() or VIEWS[name][1]


def _link_to(view: str, shown: str) -> dict[str, object]:
    """An entry of the bar on narrow screens."""
    _, title, icon = VIEWS[view]
    return {
        "title": title.removeprefix("Near-").capitalize(),  # there is little room
        "icon": icon.removeprefix(":material/").removesuffix(":"),
        "address": address_of(view),
        "isShown": view == shown,
    }


def _views() -> dict[str, tuple[Callable[[], None], str, str]]:
    """The views of `VIEWS` that this library can show."""
    here = session()
    return {
        name: view
        for name, view in VIEWS.items()
        if name not in SHOWN_PARTS or here.has(SHOWN_PARTS[name])
    }


def pages() -> dict[str, st.Page]:
    """The views of this page, by URL path."""
    return {
        name: st.Page(
            show,
            title=title,
            icon=icon,
            url_path=name,
            default=name == "search",
            visibility="hidden" if name in HIDDEN else "visible",
        )
        for name, (show, title, icon) in _views().items()
    }


def main() -> None:
    """Show the view that the URL names."""
    # Our own icon: Streamlit would fetch its default icon from the internet.
    st.set_page_config(page_title=elements.NAME, page_icon=str(elements.FACE), layout="wide")
    st.logo(str(elements.ASSETS / "logo.svg"), size="large")
    st.html(elements.PAGE_STYLE)
    navigation.follow()
    st.session_state["pages"] = views = pages()
    shown = st.navigation(list(views.values()), position="top")
    name = next(name for name, view in views.items() if view is shown)
    title = begin(name)
    st.set_page_config(page_title=f"{printable(title)} – {elements.NAME}")
    links = [_link_to(view, name) for view in _views() if view not in HIDDEN]
    has_search_box = name in WITH_SEARCH_BOX
    paths = [address_of(view) for view in VIEWS]
    with_box = [address_of(view) for view in WITH_SEARCH_BOX]
    form = elements.shell(
        title, links, paths, with_box, tray.offered(), has_search_box=has_search_box
    )
    if not has_search_box:  # the others take them beside it
        examples.take_images()
    shown.run()
    tray.show_form(form)


if __name__ == "__main__":  # Streamlit runs this file as a script
    main()
