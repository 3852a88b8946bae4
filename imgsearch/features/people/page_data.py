"""Pictures of faces for the page, by their ids, and the faces in a photo."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from imgsearch.errors import ImgsearchError
from imgsearch.records.answer import Hit
from imgsearch.text import printable
from ui.addresses import address_of, number_of
from ui.features import FaceLink
from ui.responses import NOT_STORED, no_picture
from ui.session import session

SIDES_PX = {"small": 96, "large": 224}
MAX_FACES = 24
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


def faces_of(hit: Hit) -> list[FaceLink]:
    """Return the faces in a photo, each with a way to its person or to more of that face."""
    faces = session().library.people.faces_in(hit.photo.id)
    # Of a video, each person once: a face is seen in many frames.
    seen = {face.person_id or -face.id: face for face in reversed(faces)}
    shown = [face for face in faces if seen[face.person_id or -face.id] is face][:MAX_FACES]
    return [
        FaceLink(
            str(face.id),
            printable(face.name or "Who is this?"),
            face.person_id is None,
            address_of("people", {"face": str(face.id)})
            if face.person_id is None
            else address_of("people", {"person": str(face.person_id)}),
        )
        for face in shown
    ]
