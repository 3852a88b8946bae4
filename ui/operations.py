"""The route by which the browser calls the operations of the library.

They are asked for by their own paths, so what the browser may ask for is declared once: see
`askOperation` in `components/shared/ask.js`. Changes come by PUT and DELETE, which no other web
site may send without asking first.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from imgsearch import ImgsearchError, OperationAnswer, PickedPhotos, Query, UsageError, requested
from ui.answer_data import forget_answers
from ui.request_body import read_body
from ui.responses import NOT_STORED, TOO_LONG
from ui.session import session

ROUTE = "/operations/{path:path}"
MAX_BYTES = 16 << 20  # a million ids
# The method of an operation, by the method of the browser's request for it.
METHODS: Mapping[str, str] = {"GET": "GET", "PUT": "POST", "DELETE": "DELETE"}
_TRAY = "tray"  # answers do not depend on it, but for those to is:picked
# Of a page that waits for its first photos: each tab asks.
_EMPTY_TRAY = msgspec.json.encode(PickedPhotos("", ()))


async def operate(request: Request) -> Response:
    """Answer a request for an operation as JSON; a refusal is a sentence."""
    path = request.path_params["path"]
    method = METHODS.get(request.method, "GET")  # HEAD is a GET without its answer
    # Also of what is refused: where a part is unread, the refusal may be lost with the connection.
    content = await read_body(request, MAX_BYTES) if request.method == "PUT" else b""
    if content is None:
        return PlainTextResponse(TOO_LONG, 413, NOT_STORED)
    if path == _TRAY and method == "GET" and not session().library.exists():
        return Response(_EMPTY_TRAY, media_type="application/json", headers=NOT_STORED)
    fields = dict(request.query_params)
    try:
        answer = await run_in_threadpool(_answer, method, f"/{path}", content or b"{}", fields)
    except UsageError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 409, NOT_STORED)
    _note_change(path, answer)
    return Response(answer.json, media_type="application/json", headers=NOT_STORED)


def _answer(method: str, path: str, content: bytes, fields: Mapping[str, str]) -> OperationAnswer:
    here = session()
    request = requested(here.library, method, path, content, fields)
    query = request.queries[0] if request.queries else Query()  # no operation takes two
    with here.library_for(query) as library:
        return request.answered(library)


def _note_change(path: str, answer: OperationAnswer) -> None:
    if answer.is_change and path.split("/")[0] != _TRAY:
        session().forget_photo_count()
        forget_answers()
