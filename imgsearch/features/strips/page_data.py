"""The data of the view of the same thing over time, and the file of a strip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import ImgsearchError, PeriodLength
from imgsearch.features.strips.records import StripPeriod
from ui.addresses import START, address_of
from ui.formatting import alt_text
from ui.recent_answers import recent_answers
from ui.responses import NOT_STORED
from ui.search_state import SearchInput
from ui.session import session
from ui.tiles import id_text, thumbnail_url

_PERIODS: Mapping[str, PeriodLength] = {length: length for length in get_args(PeriodLength)}
# By the end of a file's name: its type.
_TYPES: Mapping[Literal["jpg", "webp", "mp4"], str] = {
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "mp4": "video/mp4",
}


def strip(request: Request) -> Response:
    """Return each period of a search, from the first to the last with photos, with its best one.

    `Strips.over_time` answers the same with a whole `Hit` for each, four times as many bytes.
    """
    search_input = SearchInput.from_address(request.query_params)
    try:
        periods = _strip_of(request)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse([_json(period, search_input) for period in periods], headers=NOT_STORED)


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
    here, search_input = session(), SearchInput.from_address(request.query_params)
    by = _PERIODS.get(request.query_params.get("by", ""), "year")
    return recent_answers(here, _find_strip).get((search_input, by), here.content_state())


def _find_strip(key: tuple[SearchInput, PeriodLength]) -> tuple[StripPeriod, ...]:
    search_input, by = key
    query = search_input.query()
    with session().library_for(query) as library:
        return library.strips.over_time(query if search_input else None, by=by)


def _json(period: StripPeriod, search_input: SearchInput) -> dict[str, object]:
    """Return a period with its picture and the address of its photos, as the strip counts them."""
    # Photos with no date but that of their file are in no period.
    line = f"{search_input.line} on:{period.period} -dated:file".strip()
    best = period.best
    return {
        "period": period.period,
        "photos": period.photos,
        "id": "" if best is None else id_text(best.photo.id),
        "src": "" if best is None else thumbnail_url(best),
        "alt": "" if best is None else alt_text(best),
        "address": address_of(START, replace(search_input, line=line).parameters),
    }
