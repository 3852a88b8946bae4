"""The description of a view of the page, whether it is one of ours or that of a feature."""

from __future__ import annotations

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
