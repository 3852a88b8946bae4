"""The photos by day, as the timeline shows them, and ranges of their tiles.

The browser asks the library itself for the days: see `Browse.day_counts`.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import (
    DayPhotos,
    FoundPhotos,
    Hit,
    ImgsearchError,
    PhotoMarks,
    Query,
    version_of_days,
)
from ui.addresses import number_of
from ui.recent_answers import recent_answers
from ui.responses import NOT_STORED
from ui.search_state import SearchInput
from ui.session import session
from ui.tiles import marks_of, tile_json

MAX_FOUND = 1000  # photos that words or an example find; filters alone have no limit
MAX_TILES = 500  # of one request


class PhotosByDay(Struct, frozen=True, dict=True):  # for what is computed once
    """The photos of a search by day, newest first; equal ones have equal versions."""

    query: Query
    days: tuple[DayPhotos, ...]

    @cached_property
    def version(self) -> str:
        """The version of the days, as the library has it."""
        return version_of_days(self.days)

    @cached_property
    def photo_ids(self) -> np.ndarray:
        """The photos of all days, int64 (n,)."""
        ids = [day.photo_ids for day in self.days]
        return np.concatenate(ids) if ids else np.empty(0, np.int64)

    def offset_of(self, photo_id: int) -> int | None:
        """Return the position of a photo; None if it is not among these."""
        (found,) = np.nonzero(self.photo_ids == photo_id)
        return int(found[0]) if len(found) else None

    def hits(self, first: int, end: int) -> list[Hit]:
        """Return a range of the photos; of videos that words find, the best matching moments."""
        ids = self.photo_ids[max(0, first) : end].tolist()
        if not self.query.terms:
            return session().library.photos(ids)
        return session().library.hits_of(self._found, ids)

    @cached_property
    def _found(self) -> FoundPhotos:
        with session().library_for(self.query) as library:
            return library.find_all(self.query, MAX_FOUND)


def photos_by_day(search_input: SearchInput) -> PhotosByDay:
    """Return the photos that a search finds, all for an empty one; up to a minute old.

    Raises the errors of the query language and of the library.
    """
    here = session()
    return recent_answers(here, _photos_by_day).get(search_input, here.content_state())


def _photos_by_day(search_input: SearchInput) -> PhotosByDay:
    query = search_input.query()
    with session().library_for(query) as library:
        asked = query if search_input else None
        return PhotosByDay(query, library.browse.days(asked, MAX_FOUND))


def _photos_of_version(search_input: SearchInput, version: str) -> PhotosByDay | None:
    """Return the days that were listed last for a search, if they have this version, else None.

    A browser asks the library itself for the days, after the view has been drawn: photos may have
    come between the two.
    """
    listed = recent_answers(session(), _photos_by_day)
    photos = listed.kept(search_input)
    if photos is None or photos.version != version:
        photos = _photos_by_day(search_input)
        if photos.version != version:
            return None
        listed.keep(search_input, session().content_state(), photos)
    return photos


def days_around(search_input: SearchInput, photo_id: int, reach: int) -> tuple[list[Hit], int, int]:
    """Return a photo in the timeline of a search, and as many as `reach` on either side of it.

    With them, how many photos come before these, and how many there are; no photo, 0 and 0 if it
    is not there.
    """
    photos = photos_by_day(search_input)
    offset = photos.offset_of(photo_id)
    if offset is None:
        return [], 0, 0
    first = max(0, offset - reach)
    return photos.hits(first, offset + reach + 1), first, len(photos.photo_ids)


def tiles(request: Request) -> Response:
    """Answer a request for tiles `first` to `first + count - 1` of one version of the days.

    Days that were listed a while ago are served as they were, so that a grid does not change while
    it is looked at and photos are being indexed. A range belongs to such a version, and a tile is a
    fraction of a `Hit`: that is why this is no operation of the library.
    """
    first, count = (number_of(request.query_params.get(name, "")) for name in ("first", "count"))
    if first is None or count is None or count > MAX_TILES:
        return PlainTextResponse(f"State first and count, at most {MAX_TILES}.", 400, NOT_STORED)
    search_input = SearchInput.from_address(request.query_params)
    try:
        photos = _photos_of_version(search_input, request.query_params.get("version", ""))
        if photos is None:
            return PlainTextResponse("The photos have changed.", 409, NOT_STORED)
        found = {hit.photo.id: hit for hit in photos.hits(first, first + count)}
        marks = marks_of(found)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse(
        [
            day_tile_json(found[photo_id], search_input, marks.get(photo_id))
            if photo_id in found
            else None
            for photo_id in photos.photo_ids[first : first + count].tolist()
        ],
        headers=NOT_STORED,
    )


def day_tile_json(
    hit: Hit, search_input: SearchInput, marks: PhotoMarks | None = None
) -> dict[str, object]:
    """Return the data of a found photo's tile; for a video, of the moment that was found."""
    return tile_json(hit, {"from": "timeline", **search_input.parameters}, marks)
