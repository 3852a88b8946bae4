"""The views of the page: what each is called, what a search does in it, and what it draws.

`ui/app.py` adds the functions that show them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

# What the search in the search field does in a view: it narrows what the view shows, leads to the
# results, or there is no field.
SearchEffect: TypeAlias = Literal["narrows", "leads", "none"]


class PageView(Struct, frozen=True):
    """A view of the page."""

    title: str
    icon: str  # its name in the icon font
    search: SearchEffect
    components: tuple[str, ...] = ()  # of `ui/components`, besides those that every view draws
    part: str = ""  # of the library: without it there is no such view, see `Library.capabilities`
    needs_photos: bool = True  # a library without any shows how to begin in its place
    is_hidden: bool = False  # in the navigation: other views lead to it


VIEWS: Mapping[str, PageView] = {  # by the path of their address, but for the first
    "search": PageView("Search", "search", "narrows", ("answer",)),
    "timeline": PageView("Timeline", "calendar_month", "narrows", ("timeline",)),
    "events": PageView("Events", "event", "narrows", ("events",)),
    "map": PageView("Map", "map", "narrows", ("map",)),
    "meaning": PageView("Meaning", "bubble_chart", "narrows", ("meaning", "follow"), "meaning"),
    "people": PageView("People", "group", "none", ("people", "follow"), "people"),
    "similar": PageView("Near-duplicates", "content_copy", "narrows", ("similar", "follow")),
    "labels": PageView("Labels", "label", "none", (), "labels"),
    "library": PageView(
        "Library", "photo_library", "none", ("follow",), "folders", needs_photos=False
    ),
    "archive": PageView("Archive", "database", "none", (), "fleet", needs_photos=False),
    "over-time": PageView("Over time", "view_column", "narrows", ("over_time",), is_hidden=True),
    "photo": PageView("Photo", "image", "leads", ("viewer",), needs_photos=False, is_hidden=True),
}


def views_of(has: Callable[[str], bool]) -> dict[str, PageView]:
    """The views that a library can show; `has` says whether it has a part."""
    return {name: view for name, view in VIEWS.items() if not view.part or has(view.part)}
