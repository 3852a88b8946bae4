"""Judgements of photos that the viewer shows: each names the photo that was on the screen.

The arrow keys show the next photo before a run of the page's script knows of it, and such a run may
end early when the next one begins. So judgements come by a request of their own.
"""

from __future__ import annotations

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from imgsearch import ImgsearchError
from ui.answer_data import forget_answers
from ui.request_body import read_body
from ui.responses import NOT_STORED
from ui.session import session

MAX_BYTES = 10_000  # a name has no more than 255 characters


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a photo shows a concept; None takes back what was said before."""

    concept: str
    photo: int
    shows: bool | None


async def judge(request: Request) -> Response:
    """Teach the concept; the reply to one that was refused says why."""
    body = await read_body(request, MAX_BYTES)
    if body is None:
        return PlainTextResponse("Too long.", 413, NOT_STORED)
    try:
        judgement = msgspec.json.decode(body, type=Judgement)
    except msgspec.MsgspecError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    try:
        await run_in_threadpool(teach, judgement.concept, judgement.photo, judgement.shows)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 409, NOT_STORED)
    return Response(status_code=204, headers=NOT_STORED)


def teach(concept: str, photo_id: int, shows: bool | None) -> None:
    """Add a judgement of a photo; None takes it back. Raises what `Concepts.teach` raises."""
    library = session().library
    if shows is None:
        library.concepts.teach(concept, withdraw=[photo_id])
    elif shows:
        library.concepts.teach(concept, [photo_id])
    else:
        library.concepts.teach(concept, unlike=[photo_id])
    forget_answers()
