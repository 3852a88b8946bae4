"""The visitor's search, and lists of photos that outlive the reruns of Streamlit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import streamlit as st
from msgspec import Struct
from msgspec.structs import replace

from imgsearch import Example, Hit, Query, Region, Term, parse
from ui.addresses import START, address_of, number_of, parameters_here
from ui.navigation import go_to
from ui.session import session


class SearchInput(Struct, frozen=True):
    """A line of the query language, and an example: a kept image or a photo of the library.

    Both by their ids; where both are given, the image counts.
    """

    line: str = ""
    image_id: str = ""
    photo_id: int | None = None
    region: Region | None = None  # only this part of the image counts

    @classmethod
    def from_address(cls, parameters: Mapping[str, str]) -> Self:
        """Return the search that the query string of an address names."""
        image_id, photo = parameters.get("image", ""), parameters.get("photo", "")
        photo_id = None if image_id else number_of(photo)
        has_example = image_id or photo_id is not None
        region = _region_of(parameters.get("region", "")) if has_example else None
        return cls(parameters.get("q", ""), image_id, photo_id, region)

    @classmethod
    def of_address(cls) -> Self:
        """Return the search of the address of this view."""
        return cls.from_address(parameters_here())

    def __bool__(self) -> bool:
        return bool(self.line.strip()) or self.has_example

    @property
    def has_example(self) -> bool:
        """Whether there is an image or a photo to search by."""
        return bool(self.image_id) or self.photo_id is not None

    @property
    def parameters(self) -> dict[str, str]:
        """The query string of its address."""
        photo = "" if self.photo_id is None else str(self.photo_id)
        given = {"q": self.line, "image": self.image_id, "photo": photo}
        given["region"] = region_text(self.region)
        return {name: value for name, value in given.items() if value}

    @property
    def title(self) -> str:
        """The search in words: "country:Italy, like an image"; empty for all photos."""
        parts = [f"for {self.line.strip()}"] if self.line.strip() else []
        if self.has_example:
            parts.append("like an image" if self.photo_id is None else "like a photo")
        return ", ".join(parts)

    @property
    def token(self) -> str:
        """Equal inputs have equal tokens, different inputs different ones."""
        return repr((self.line.strip(), self.image_id, self.photo_id, self.region))

    def query(self) -> Query:
        """Return the query for the library.

        Raises the errors of the query language, and PhotoError if the image is not kept any more.
        """
        query = parse(self.line) if self.line.strip() else Query()
        if not self.has_example:
            return query
        source = self.photo_id or session().library.pictures.kept_example(self.image_id)
        return replace(query, terms=(*query.terms, Term(Example(source, self.region))))


def region_text(region: Region | None) -> str:
    """ "10,20,30.5,40": left, top, width and height in percent; empty for the whole image."""
    if region is None:
        return ""
    return ",".join(f"{side:g}" for side in (region.x, region.y, region.width, region.height))


def _region_of(text: str) -> Region | None:
    """Return the region that `region_text` wrote; None for anything else."""
    try:
        sides = [float(side) for side in text.split(",")]
    except ValueError:
        return None
    if len(sides) != 4 or not all(0 <= side <= 100 for side in sides):
        return None
    x, y, width, height = sides
    return Region(x, y, width, height, percent=True) if width and height else None


NEWEST = SearchInput("sort:date")


def search_buttons(search_input: SearchInput, view: str) -> None:
    """Lead from a view of what a search found to the search, and to all photos in this view."""
    if st.button("Best match first", icon=":material/sort:", type="tertiary"):
        go_to(address_of(START, search_input.parameters))
    if st.button("All photos", icon=":material/close:", type="tertiary"):
        go_to(address_of(view))


def open_search(line: str) -> None:
    """Go to the search view and search for `line`."""
    go_to(address_of(START, {"q": line}))


def remember_list(view: str, hits: Iterable[Hit]) -> None:
    """Keep the photos that the arrow keys step through after one of this view was opened."""
    st.session_state.setdefault("lists", {})[view] = tuple(hits)


def remembered_list(view: str) -> tuple[Hit, ...]:
    """Return the list that `remember_list` stored; empty after the page was loaded again."""
    hits: tuple[Hit, ...] = st.session_state.get("lists", {}).get(view, ())
    return hits
