"""Pictures of faces for the page, by their ids."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from imgsearch.errors import ImgsearchError
from ui.addresses import number_of
from ui.responses import NOT_STORED, no_picture
from ui.session import session

SIDES_PX = {"small": 96, "large": 224}
# The id of a face is never given again, and its picture stays the same.
_CACHE_A_DAY = {"Cache-Control": "private, max-age=86400"}


def picture(request: Request) -> Response:
    """Return a face, by its id, as WebP."""
    face_id = number_of(request.path_params["face_id"])
    side_px = SIDES_PX.get(request.path_params["size"])
    if face_id is None or side_px is None:
        return PlainTextResponse("Face not found.", 404, NOT_STORED)
    try:
        content = session().library.people.picture(face_id, side_px)
    except ImgsearchError as error:
        return no_picture(error)
    if content is None:
        return PlainTextResponse("Face not found.", 404, NOT_STORED)
    return Response(content, media_type="image/webp", headers=_CACHE_A_DAY)
