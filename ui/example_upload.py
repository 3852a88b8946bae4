"""Takes an image to search by, which the browser sends: chosen, dropped or pasted in any view.

It is looked at by the library's isolated decoder, and kept in the cache folder, so that the address
of a search can name it: see `Pictures.keep_example`.
"""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import ImgsearchError, printable
from ui.request_body import read_body
from ui.responses import NOT_STORED
from ui.session import session

EXAMPLE_PX = 480  # the long side of an example as it is shown
MAX_MB = 100  # of an image
ARRIVAL_S = 120.0  # for one of that size over a slow network
_TOO_LARGE = f"This image is larger than {MAX_MB} MB. Choose a smaller one."


async def keep(request: Request) -> Response:
    """Keep the image; the reply has its id, and a refusal says why."""
    try:
        async with asyncio.timeout(ARRIVAL_S):
            content = await read_body(request, MAX_MB << 20)
    except TimeoutError:
        return PlainTextResponse("The image did not arrive in time.", 408, NOT_STORED)
    if content is None:
        return PlainTextResponse(_TOO_LARGE, 413, NOT_STORED)
    pictures = session().library.pictures
    try:
        await run_in_threadpool(pictures.thumbnail_of, content, EXAMPLE_PX)
    except ImgsearchError as error:
        text = f"Cannot read this image: {printable(str(error))}"
        return PlainTextResponse(text, 422, NOT_STORED)
    try:
        image_id = await run_in_threadpool(pictures.keep_example, content)
    except ImgsearchError as error:
        return PlainTextResponse(printable(str(error)), 409, NOT_STORED)
    return JSONResponse({"id": image_id}, headers=NOT_STORED)
