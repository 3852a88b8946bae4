"""The script that Streamlit runs: it shows the view of the address, in the frame of all views."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial

import streamlit as st

from imgsearch import ImgsearchError, printable
from ui import cards, elements, first_run, navigation, search_row, tray, unfinished
from ui.addresses import address_of
from ui.auth import ASKS_PASSWORD
from ui.example_upload import MAX_MB
from ui.features import feature_views, problems, shown_features
from ui.formatting import escape_markdown
from ui.session import session
from ui.view_table import ShownPlace, all_views, places_of, views_of
from ui.views import (
    archive,
    changes,
    library,
    photo,
    search,
    timeline,
    tools,
)

_SHOW: Mapping[str, Callable[[], None]] = {  # by the names of the views
    **{name: shown.show for name, shown in feature_views().items()},
    "search": search.show,
    "timeline": timeline.show,
    "tools": tools.show,
    "library": library.show,
    "archive": archive.show,
    "changes": changes.show,
    "photo": photo.show,
}
# Of views of which the title says more than their name.
_TITLES: Mapping[str, Callable[[], str]] = {
    **{name: shown.title for name, shown in feature_views().items() if shown.title is not None},
    "search": search_row.title,
    "photo": photo.title,
}


def begin(name: str) -> str:
    """Find out what a view is about in this run, before it is shown; returns its title."""
    if all_views()[name].search != "none":
        search_row.begin()
    return _TITLES.get(name, lambda: "")() or all_views()[name].title


def show_search_row(name: str) -> bool:
    """Show the search field and what belongs to it, if the view has it.

    The script of the page does it for all views: Streamlit then keeps the element when another
    view is shown, with the focus and with what is typed (decision 75). Returns whether the view can
    be shown: an expected error takes its place.
    """
    effect = all_views()[name].search
    if effect == "none" or not session().photo_count():
        return True
    if effect == "leads":
        search_row.leading_to_results()
        return True
    return _shows(partial(search_row.narrowing, name))


def show_view(name: str) -> None:
    """Show a view, with expected errors as a card."""
    view = all_views()[name]
    if view.needs_photos and not session().photo_count():
        first_run.empty_library()
    else:
        _shows(_SHOW[name], "suggestion" if view.search == "narrows" else None)


def _shows(show: Callable[[], None], suggestion_key: str | None = None) -> bool:
    """Return whether this raises no expected error.

    Else a card tells it, see `cards.error_card`.
    """
    try:
        show()
    except ImgsearchError as error:
        cards.error_card(error, suggestion_key)
        return False
    return True


def _place(place: ShownPlace) -> dict[str, object]:
    """Return a place as the navigation takes it: `Place` in `components/shell/places.js`."""
    views = [
        {"address": address_of(name), "label": view.label or view.title, "isHidden": view.is_hidden}
        for name, view in place.views.items()
    ]
    overview = address_of(place.overview) if place.overview else ""
    return {"title": place.title, "icon": place.icon, "views": views, "overview": overview}


def pages() -> dict[str, st.Page]:
    """Return the views of this page, by URL path."""
    return {
        name: st.Page(
            partial(show_view, name),
            title=view.title,
            icon=f":material/{view.icon}:",
            url_path=name,
            default=name == "search",
        )
        for name, view in views_of(session().has).items()
    }


def main() -> None:
    """Show the view that the URL names."""
    # Our own icon: Streamlit would fetch its default icon from the internet.
    st.set_page_config(page_title=elements.NAME, page_icon=str(elements.FACE), layout="wide")
    navigation.follow()
    views = pages()
    shown = st.navigation(list(views.values()), position="hidden")
    name = next(name for name, view in views.items() if view is shown)
    title = begin(name)
    st.set_page_config(page_title=f"{printable(title)} – {elements.NAME}")
    form = elements.shell(
        address_of(name),
        title,
        [_place(each) for each in places_of(session().has)],
        {address_of(each): view.search for each, view in all_views().items()},
        tray.offered(),
        [each.actions for each in shown_features() if each.actions is not None],
        [key for each in shown_features() for key in each.keys],
        [key for each in shown_features() for key in each.photo_keys],
        has_photos=bool(session().photo_count()),
        image_mb=MAX_MB,
        can_log_out=ASKS_PASSWORD in os.environ,  # with a token nobody has logged in
        has_search_field=all_views()[name].search != "none",
    )
    for problem in problems():
        st.warning(escape_markdown(problem))
    _shows(partial(unfinished.show, name))
    if show_search_row(name):
        shown.run()
    tray.show_form(form)


if __name__ == "__main__":  # Streamlit runs this file as a script
    main()
