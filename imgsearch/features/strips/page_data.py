"""The file of a strip, for the view of the same thing over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from imgsearch import ImgsearchError, PeriodLength
from imgsearch.features.strips.records import StripPeriod
from ui.responses import NOT_STORED
from ui.search_state import SearchInput
from ui.session import session

_PERIODS: Mapping[str, PeriodLength] = {length: length for length in get_args(PeriodLength)}
# By the end of a file's name: its type.
_TYPES: Mapping[Literal["jpg", "webp", "mp4"], str] = {
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
}


def filmstrip(request: Request) -> Response:
    """Return the pictures of a strip as a file: side by side, or one after the other."""
    found = (each for each in _TYPES if each == request.query_params.get("kind"))
    suffix = next(found, None)
    if suffix is None:
        return PlainTextResponse(f"State a kind: {', '.join(_TYPES)}.", 400, NOT_STORED)
    try:
        content = session().library.strips.content(_strip_of(request), suffix)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    headers = {"Content-Disposition": f'attachment; filename="filmstrip.{suffix}"', **NOT_STORED}
    return Response(content, media_type=_TYPES[suffix], headers=headers)


def _strip_of(request: Request) -> tuple[StripPeriod, ...]:
    search_input = SearchInput.from_address(request.query_params)
    query, by = search_input.query(), _PERIODS.get(request.query_params.get("by", ""), "year")
    with session().library_for(query) as library:
        return library.strips.over_time(query if search_input else None, by=by)
