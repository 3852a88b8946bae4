"""The routes by which the browser keeps what it is told.

These are the tray, marks, judgements, corrected dates and places, titles of events, undo, and what
features add.

They are the operations of the library under their own paths, so what the browser may ask for is
declared once. Changes come by PUT, which no other web site may send without asking first.
"""

from __future__ import annotations

from datetime import date

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from imgsearch import ImgsearchError, PickedPhotos, UsageError, answered, format_count
from ui import exports
from ui.answer_data import forget_answers
from ui.features import page_features
from ui.request_body import read_body
from ui.responses import NOT_STORED
from ui.session import session

ROUTE = "/operations/{path:path}"
MAX_BYTES = 16 << 20  # a million ids
# The first part of their paths.
_ALLOWED = ("tray", "marks", "changes", "concepts", "corrections", "events")
_TRAY = "tray"  # answers do not depend on it, but for those to is:picked
# By PUT, for what they are sent.
_READING = (
    *("concepts/judge", "marks/of"),
    *("corrections/of", "corrections/plan", "corrections/plan-place"),
)
_SHEET_TYPES = {"pdf": "application/pdf", "jpeg": "image/jpeg"}
# Of a page that waits for its first photos: each tab asks.
_EMPTY_TRAY = msgspec.json.encode(PickedPhotos("", ()))
_TOO_LONG = "This is too much at once. Choose fewer photos."


class ExportedPhotos(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ids of photos to export, as text: see `tiles.id_text`."""

    ids: tuple[str, ...]


async def operate(request: Request) -> Response:
    """Answer a request for one of the allowed operations; a refusal is a sentence."""
    path = request.path_params["path"]
    is_change = request.method == "PUT"
    # Also of what is refused: where a part is unread, the refusal may be lost with the connection.
    content = await read_body(request, MAX_BYTES) if is_change else b""
    of_features = (first for each in page_features() for first in each.operations)
    if path.split("/")[0] not in (*_ALLOWED, *of_features):
        return PlainTextResponse("Not found.", 404, NOT_STORED)
    if content is None:
        return PlainTextResponse(_TOO_LONG, 413, NOT_STORED)
    if path == _TRAY and not is_change and not session().library.exists():
        return Response(_EMPTY_TRAY, media_type="application/json", headers=NOT_STORED)
    fields = dict(request.query_params)
    method = "POST" if is_change else "GET"
    try:
        answer = await run_in_threadpool(
            answered, session().library, method, f"/{path}", content or b"{}", fields
        )
    except UsageError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 409, NOT_STORED)
    if is_change and not path.startswith(_TRAY) and path not in _READING:
        session().forget_photo_count()
        forget_answers()
    return Response(answer, media_type="application/json", headers=NOT_STORED)


async def export(request: Request) -> Response:
    """Photos as a list of paths, as JSON, or as a contact sheet: PDF, or JPEG."""
    content = await read_body(request, MAX_BYTES)
    if content is None:
        return PlainTextResponse(_TOO_LONG, 413, NOT_STORED)
    try:
        asked = msgspec.json.decode(content, type=ExportedPhotos)
        ids = [int(each) for each in asked.ids]
    except (msgspec.MsgspecError, ValueError) as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    library, kind = session().library, request.path_params["kind"]
    try:
        if kind in ("pdf", "jpeg"):
            title = f"{format_count(len(ids), 'photo')}, {date.today().isoformat()}"
            sheet = await run_in_threadpool(library.pictures.contact_sheet, ids, kind, title)
            return Response(sheet, media_type=_SHEET_TYPES[kind], headers=NOT_STORED)
        hits = await run_in_threadpool(library.photos, ids)
    except UsageError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 409, NOT_STORED)
    if kind == "paths":
        return Response(
            exports.paths_text(hit.path for hit in hits),
            media_type="application/octet-stream",  # names need not be text
            headers=NOT_STORED,
        )
    return Response(exports.hits_json(hits), media_type="text/plain", headers=NOT_STORED)
