"""The views of the page, ours and those of features, and their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from msgspec import Struct

from ui.features import feature_views
from ui.page_view import CORE_VIEWS, PLACES, PageView


class ShownPlace(Struct, frozen=True):
    """A place of the page that a library has: its name, its icon, and its views by name.

    Some of these may be hidden, but not all. `overview` is as in `PagePlace`.
    """

    title: str
    icon: str
    views: Mapping[str, PageView]
    overview: str = ""


@cache
def all_views() -> Mapping[str, PageView]:
    """Return the views of all libraries by name, those of features among them."""
    views = list(CORE_VIEWS.items())
    for name, shown in feature_views().items():
        names = [each for each, _ in views]
        at = names.index(shown.before) if shown.before in names else len(names)
        views.insert(at, (name, shown.view))
    return dict(views)


def views_of(has: Callable[[str], bool]) -> dict[str, PageView]:
    """Return the views that a library can show; `has` says whether it has a part."""
    return {name: view for name, view in all_views().items() if not view.part or has(view.part)}


def places_of(has: Callable[[str], bool]) -> list[ShownPlace]:
    """Return the places with views that a library can show, in the order of the navigation.

    A place with one view is called by it: "Albums" without albums may have events only.
    """
    places = []
    for name, place in PLACES.items():
        views = {each: view for each, view in views_of(has).items() if view.place == name}
        shown = [view for view in views.values() if not view.is_hidden]
        called = shown[0] if len(shown) == 1 else place
        if shown:
            places.append(ShownPlace(called.title, called.icon, views, place.overview))
    return places


def tools_of(has: Callable[[str], bool]) -> dict[str, PageView]:
    """Return the views that a library can show and that stand in Tools, but for their overview."""
    return {
        name: view
        for name, view in views_of(has).items()
        if view.place == "tools" and name != PLACES["tools"].overview
    }


def linked_views(has: Callable[[str], bool], *, only_hidden: bool = False) -> dict[str, PageView]:
    """Return the views that other views of the photos of a search lead to.

    With `only_hidden`, those that nothing else leads to.
    """
    return {
        name: view
        for name, view in views_of(has).items()
        if view.link and (view.is_hidden or not only_hidden)
    }
