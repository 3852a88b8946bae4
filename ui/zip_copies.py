"""The routes of the zip file of copies of selected photos. `imgsearch.outputs.copies` makes it.

With `location=none` in the address, they are copies without the location of the photos.
"""

from __future__ import annotations

from functools import partial

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from imgsearch import (
    ImgsearchError,
    copies_problem,
    location_refusal,
    path_text,
    unreadable_photos,
    zip_of_copies,
)
from ui.addresses import number_of
from ui.originals import is_without_location
from ui.responses import NOT_STORED
from ui.session import session

MAX_PHOTOS = 500  # of one file: their ids are in its address
MAX_BYTES = 1 << 30
TOO_LARGE = f"Above 1 GB or {MAX_PHOTOS} photos, create a folder of links instead."


class _Copies(Struct, frozen=True):
    """The copies that are asked for: `missing` has why some cannot be made, by path."""

    paths: dict[int, str]
    missing: dict[str, str]
    without_location: bool


def check(request: Request) -> Response:
    """Answer with the number of photos that can be copied now, and a sentence about the others."""
    asked = _requested(request)
    if isinstance(asked, Response):
        return asked
    copied = len(asked.paths) - len(asked.missing)
    found = {"photos": copied, "problem": copies_problem(asked.missing, copied)}
    return JSONResponse(found, headers=NOT_STORED)


def download(request: Request) -> Response:
    """Return the zip file."""
    asked = _requested(request)
    if isinstance(asked, Response):
        return asked
    if len(asked.missing) == len(asked.paths):
        return PlainTextResponse(copies_problem(asked.missing, 0), 404, NOT_STORED)
    headers = {"Content-Disposition": 'attachment; filename="photos.zip"', **NOT_STORED}
    pictures = session().library.pictures
    original = partial(pictures.original, without_location=asked.without_location)
    content = zip_of_copies(original, asked.paths)
    return StreamingResponse(content, headers=headers, media_type="application/zip")


def _requested(request: Request) -> Response | _Copies:
    """Return the copies that a request names, or the answer if it cannot be met."""
    ids = [number_of(text) for text in request.query_params.get("ids", "").split(",")]
    known = [photo_id for photo_id in ids if photo_id is not None]
    if len(known) < len(ids) or len(known) > MAX_PHOTOS:
        return PlainTextResponse(f"Select 1 to {MAX_PHOTOS} photos.", 422, NOT_STORED)
    library, without_location = session().library, is_without_location(request)
    try:
        hits = {hit.photo.id: hit for hit in library.photos(known)}
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 404, NOT_STORED)
    if sum(hit.photo.size_bytes for hit in hits.values()) > MAX_BYTES:
        return PlainTextResponse(TOO_LARGE, 422, NOT_STORED)
    paths = {
        photo_id: path_text(hits[photo_id].path) if photo_id in hits else f"photo {photo_id}"
        for photo_id in known
    }
    refused = {
        photo_id: refusal
        for photo_id, hit in (hits.items() if without_location else ())
        if (refusal := location_refusal(hit.photo.facts))
    }
    missing = unreadable_photos(library.pictures.original, paths, refused)
    return _Copies(paths, missing, without_location)
