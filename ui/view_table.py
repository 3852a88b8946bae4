"""The views of the page, ours and those of features: what each is called and what it needs.

`ui/app.py` has the functions that show ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from ui.features import feature_views
from ui.page_view import PageView

_CORE_VIEWS: Mapping[str, PageView] = {  # by the path of their address, but for the first
    "search": PageView("Search", "search", "narrows", ("answer",), shows_progress=True),
    "timeline": PageView(
        "Timeline",
        "calendar_month",
        "narrows",
        ("timeline",),
        shows_progress=True,
        link="By date",
    ),
    "events": PageView("Events", "event", "narrows", ("events",), shows_progress=True),
    "map": PageView("Map", "map", "narrows", ("map",), link="On the map"),
    "people": PageView("People", "group", "none", ("people", "follow"), "people"),
    "labels": PageView("Labels", "label", "none", (), "labels"),
    "library": PageView(
        "Library",
        "photo_library",
        "none",
        ("follow",),
        "folders",
        needs_photos=False,
        shows_progress=True,
    ),
    "archive": PageView("Archive", "database", "none", (), "fleet", needs_photos=False),
    "photo": PageView("Photo", "image", "leads", ("viewer",), needs_photos=False, is_hidden=True),
}


@cache
def all_views() -> Mapping[str, PageView]:
    """Return the views of all libraries by name, those of features among them."""
    views = list(_CORE_VIEWS.items())
    for name, shown in feature_views().items():
        names = [each for each, _ in views]
        at = names.index(shown.before) if shown.before in names else len(names)
        views.insert(at, (name, shown.view))
    return dict(views)


def views_of(has: Callable[[str], bool]) -> dict[str, PageView]:
    """Return the views that a library can show; `has` says whether it has a part."""
    return {name: view for name, view in all_views().items() if not view.part or has(view.part)}


def linked_views(has: Callable[[str], bool], *, only_hidden: bool = False) -> dict[str, PageView]:
    """Return the views that other views of the photos of a search lead to.

    With `only_hidden`, those that nothing else leads to.
    """
    return {
        name: view
        for name, view in views_of(has).items()
        if view.link and (view.is_hidden or not only_hidden)
    }
