"""The places of the page, the description of a view, and the views that are not of features.

`ui/app.py` has the functions that show ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

# What the search in the search field does in a view: it narrows what the view shows, leads to the
# results, or there is no field.
SearchEffect: TypeAlias = Literal["narrows", "leads", "none"]


# Where a view stands: each place has a link in the navigation, and a row of its views.
PlaceName: TypeAlias = Literal["photos", "albums", "people", "map", "tools"]


class PagePlace(Struct, frozen=True):
    """A place of the page: what the navigation calls it, and its icon on narrow screens.

    With an `overview`, the name of a view, the place has no row of its views: it leads to this one,
    which leads to the others.
    """

    title: str
    icon: str  # its name in the icon font
    overview: str = ""


PLACES: Mapping[PlaceName, PagePlace] = {  # in the order of the navigation
    "photos": PagePlace("Photos", "photo_library"),
    "albums": PagePlace("Albums", "photo_album"),
    "people": PagePlace("People", "group"),
    "map": PagePlace("Map", "map"),
    "tools": PagePlace("Tools", "handyman", overview="tools"),
}


class PageView(Struct, frozen=True):
    """A view of the page.

    In the row of its place it is called `label`, or else by its title. With `link`, other views of
    the photos of a search lead to it by this text. `about` says on its card what it is for, if it
    is a tool.
    """

    title: str
    icon: str  # its name in the icon font
    search: SearchEffect
    components: tuple[str, ...] = ()  # ES modules, besides those that every view draws
    part: str = ""  # of the library: without it there is no such view, see `Library.capabilities`
    needs_photos: bool = True  # a library without any shows how to begin in its place
    is_hidden: bool = False  # in the row of its place: other views lead to it
    shows_progress: bool = False  # of indexing, so that the frame does not repeat it
    link: str = ""
    place: PlaceName = "tools"
    label: str = ""
    about: str = ""


CORE_VIEWS: Mapping[str, PageView] = {  # by the path of their address, but for the first
    "search": PageView(
        "Search", "search", "narrows", ("answer",), shows_progress=True, place="photos"
    ),
    "timeline": PageView(
        "Timeline",
        "calendar_month",
        "narrows",
        ("timeline",),
        shows_progress=True,
        place="photos",
        label="By date",
    ),
    "tools": PageView("Tools", "handyman", "none", ("tool_cards",), needs_photos=False),
    "library": PageView(
        "Library",
        "photo_library",
        "none",
        ("follow",),
        "folders",
        needs_photos=False,
        shows_progress=True,
        about="Folders and indexing, the model, and files that cannot be read",
    ),
    "archive": PageView(
        "Archive",
        "database",
        "none",
        (),
        "fleet",
        needs_photos=False,
        about="What is in the archive, and what of it is on this machine",
    ),
    "changes": PageView(
        "Last changes",
        "history",
        "none",
        ("changes",),
        "changes",
        needs_photos=False,
        about="All that was made or decided here, to be undone or done again",
    ),
    "photo": PageView(
        "Photo",
        "image",
        "leads",
        ("viewer",),
        needs_photos=False,
        is_hidden=True,
        place="photos",
    ),
}
