"""The description of a view of the page, and the views that are not of features: their names.

`ui/app.py` has the functions that show ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

# What the search in the search field does in a view: it narrows what the view shows, leads to the
# results, or there is no field.
SearchEffect: TypeAlias = Literal["narrows", "leads", "none"]


class PageView(Struct, frozen=True):
    """A view of the page.

    With `link`, other views of the photos of a search lead to it by this text.
    """

    title: str
    icon: str  # its name in the icon font
    search: SearchEffect
    components: tuple[str, ...] = ()  # ES modules, besides those that every view draws
    part: str = ""  # of the library: without it there is no such view, see `Library.capabilities`
    needs_photos: bool = True  # a library without any shows how to begin in its place
    is_hidden: bool = False  # in the navigation: other views lead to it
    shows_progress: bool = False  # of indexing, so that the frame does not repeat it
    link: str = ""


CORE_VIEWS: Mapping[str, PageView] = {  # by the path of their address, but for the first
    "search": PageView("Search", "search", "narrows", ("answer",), shows_progress=True),
    "timeline": PageView(
        "Timeline",
        "calendar_month",
        "narrows",
        ("timeline",),
        shows_progress=True,
        link="By date",
    ),
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
