"""Serves suggestions while somebody types in the search box, for `components/search_field`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import ImgsearchError, printable
from ui.responses import NOT_STORED
from ui.session import session


def suggest(request: Request) -> Response:
    """Suggestions for the text before the cursor; none while there is no library."""
    here = session()
    try:
        line = request.query_params.get("q", "")
        found = here.library.lines.suggest(line) if here.photo_count() else ()
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    return JSONResponse(
        [
            {
                "kind": each.kind,
                "kindName": each.kind_name,
                "text": printable(each.text),
                "line": each.line,
                "photos": each.photos,
            }
            for each in found
        ],
        headers=NOT_STORED,
    )


def forget(request: Request) -> Response:
    """Delete the past queries."""
    try:
        session().library.lines.forget()
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 500, NOT_STORED)
    return Response(status_code=204, headers=NOT_STORED)
