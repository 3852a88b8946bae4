"""Walls on the page: the document, its photos, and their pictures, for those who have the key.

Nothing here asks for a login. Each route looks for the wall of the key in its address first, and
gives no photo but those that this wall shows.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from io import BytesIO

from PIL import Image
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from imgsearch.errors import ImgsearchError, QueryError, UsageError
from imgsearch.features.wall.operations import PATH
from imgsearch.features.wall.records import StoredWall
from imgsearch.language.grammar import resolve_query
from ui import component_files
from ui.addresses import number_of
from ui.features import PageFeature
from ui.plain_pages import plain_page
from ui.responses import NOT_STORED, no_picture
from ui.session import CONTENTS_S, session

SIDES_PX = (1600, 2560)  # of pictures: the smaller one for most screens
_JPEG_QUALITY = 88
# What a wall loads is its own; nobody may show it in a frame of another page.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {**NOT_STORED, "Content-Security-Policy": _POLICY}
# Without a word of the search: names of folders and people are nobody's business here.
_DOCUMENT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Photos</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><meta name="mobile-web-app-capable" content="yes">
<meta name="apple-mobile-web-app-capable" content="yes"><link rel="icon" href="data:,">
<link rel="stylesheet" href="{start}/wall.css"></head>
<body data-photos="{start}/photos" data-picture="{start}/photo/ID" data-sides="{sides}">
<main><img alt="" class="photo"><img alt="" class="photo">
<p id="said" role="status"></p></main><script src="{start}/wall.js"></script></body></html>"""
_NONE = plain_page(
    "No photos here",
    "<body><main><h1>There are no photos at this address</h1><p>It has a mistake, or whoever gave "
    "it to you has taken it back.</p></main></body>",
)
_NO_WALL = "There is no wall with this key."

_Answering = Callable[[Request, StoredWall], Response]


def page() -> PageFeature:
    """Return the share of walls in the page."""
    of_key = f"{PATH}/{{key}}"
    return PageFeature(
        part="walls",
        keyed_routes=(
            Route(of_key, _for_wall(_document, _NONE)),
            Route(f"{of_key}/photos", _for_wall(_photos)),
            Route(f"{of_key}/photo/{{photo_id}}", _for_wall(_picture)),
            Route(f"{of_key}/wall.js", _for_wall(partial(_file, "wall.js", "text/javascript"))),
            Route(f"{of_key}/wall.css", _for_wall(partial(_file, "wall.css", "text/css"))),
        ),
    )


def _for_wall(answer: _Answering, otherwise: str = "") -> Callable[[Request], Response]:
    """Return what answers requests with the key of a wall; others get a 404."""

    def answering(request: Request) -> Response:
        try:
            wall = session().library.walls.with_key(request.path_params["key"])
        except UsageError:  # there is no library yet
            wall = None
        except ImgsearchError as error:
            return PlainTextResponse(type(error).__name__, 503, NOT_STORED)
        if wall is None:
            kind = HTMLResponse if otherwise else PlainTextResponse
            return kind(otherwise or _NO_WALL, 404, NOT_STORED)
        return answer(request, wall)

    return answering


def _document(request: Request, wall: StoredWall) -> Response:
    start = html.escape(f"{PATH}/{request.path_params['key']}")
    sides = " ".join(map(str, SIDES_PX))
    return HTMLResponse(_DOCUMENT.format(start=start, sides=sides), headers=_HEADERS)


def _file(name: str, media_type: str, request: Request, wall: StoredWall) -> Response:
    content = component_files.text(f"wall/{name}")
    return Response(content, media_type=media_type, headers=NOT_STORED)


def _photos(request: Request, wall: StoredWall) -> Response:
    """Return the ids of the photos, unless the browser has this version of them already."""
    try:
        ids = _photos_of(wall)
    except QueryError:  # the album is gone, for instance, and its photos with it
        ids = ()
    except ImgsearchError as error:
        return PlainTextResponse(type(error).__name__, 503, NOT_STORED)
    version = hashlib.sha256(repr(ids).encode()).hexdigest()[:16]
    answer: dict[str, object] = {
        "version": version,
        "seconds": wall.seconds,
        "is_paused": wall.pause is not None and datetime.now().time() in wall.pause,
    }
    if request.query_params.get("known") != version:
        answer["photos"] = list(map(str, ids))  # as text: JavaScript rounds large numbers
    return JSONResponse(answer, headers=NOT_STORED)


def _photos_of(wall: StoredWall) -> tuple[int, ...]:
    """Return the ids of the photos that a wall shows now. Raises QueryError and others."""
    here = session()

    def found() -> tuple[int, ...]:
        with here.library_for(resolve_query(wall.line)) as library:
            return tuple(library.walls.photos_of(wall.line))

    # Of today: "last week" is another one tomorrow.
    return here.cached(f"wall {wall.number} {date.today()}", found, CONTENTS_S)


def _picture(request: Request, wall: StoredWall) -> Response:
    """Return one of the photos of the wall, without metadata."""
    photo_id = number_of(request.path_params["photo_id"])
    side_px = number_of(request.query_params.get("side", "")) or SIDES_PX[0]
    try:
        is_shown = photo_id is not None and photo_id in _photos_of(wall)
        if photo_id is None or not is_shown or side_px not in SIDES_PX:
            return PlainTextResponse("This wall has no such photo.", 404, NOT_STORED)
        content = session().library.pictures.thumbnail(photo_id, side_px)
    except QueryError:
        return PlainTextResponse("This wall has no such photo.", 404, NOT_STORED)
    except ImgsearchError as error:
        # The message may name a file.
        return PlainTextResponse(type(error).__name__, no_picture(error).status_code, NOT_STORED)
    if content is None:
        return PlainTextResponse("This wall has no such photo.", 404, NOT_STORED)
    if "image/webp" in request.headers.get("accept", ""):
        return Response(content, media_type="image/webp", headers=NOT_STORED)
    return Response(_as_jpeg(content), media_type="image/jpeg", headers=NOT_STORED)


def _as_jpeg(content: bytes) -> bytes:
    """Return a WebP picture as JPEG: the browsers of older televisions know no WebP."""
    stream = BytesIO()
    with Image.open(BytesIO(content)) as picture:
        picture.convert("RGB").save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()
