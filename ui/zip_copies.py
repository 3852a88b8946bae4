"""The routes of the zip file of copies of selected photos. `imgsearch.outputs.copies` makes it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from imgsearch import ImgsearchError, copies_problem, path_text, unreadable_photos, zip_of_copies
from ui.addresses import number_of
from ui.responses import NOT_STORED
from ui.session import session

MAX_PHOTOS = 500  # of one file: their ids are in its address
MAX_BYTES = 1 << 30
TOO_LARGE = f"Above 1 GB or {MAX_PHOTOS} photos, create a folder of links instead."


def check(request: Request) -> Response:
    """Answer with the number of photos that can be copied now, and a sentence about the others."""
    photos = _requested(request)
    if isinstance(photos, Response):
        return photos
    missing = unreadable_photos(session().library.pictures.original, photos)
    copied = len(photos) - len(missing)
    found = {"photos": copied, "problem": copies_problem(missing, copied)}
    return JSONResponse(found, headers=NOT_STORED)


def download(request: Request) -> Response:
    """Return the zip file."""
    photos = _requested(request)
    if isinstance(photos, Response):
        return photos
    missing = unreadable_photos(session().library.pictures.original, photos)
    if len(missing) == len(photos):
        return PlainTextResponse(copies_problem(missing, 0), 404, NOT_STORED)
    headers = {"Content-Disposition": 'attachment; filename="photos.zip"', **NOT_STORED}
    content = zip_of_copies(session().library.pictures.original, photos)
    return StreamingResponse(content, headers=headers, media_type="application/zip")


def _requested(request: Request) -> Response | dict[int, str]:
    """Return the paths of the photos that a request names, or the answer if it cannot be met."""
    ids = [number_of(text) for text in request.query_params.get("ids", "").split(",")]
    known = [photo_id for photo_id in ids if photo_id is not None]
    if len(known) < len(ids) or len(known) > MAX_PHOTOS:
        return PlainTextResponse(f"Select 1 to {MAX_PHOTOS} photos.", 422, NOT_STORED)
    try:
        hits = {hit.photo.id: hit for hit in session().library.photos(known)}
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 404, NOT_STORED)
    if sum(hit.photo.size_bytes for hit in hits.values()) > MAX_BYTES:
        return PlainTextResponse(TOO_LARGE, 422, NOT_STORED)
    return {
        photo_id: path_text(hits[photo_id].path) if photo_id in hits else f"photo {photo_id}"
        for photo_id in known
    }
