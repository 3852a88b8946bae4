"""Shows the file of a photo in the file manager of this machine, for who sits at it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from imgsearch import LOOPBACK, ImgsearchError
from ui.addresses import number_of
from ui.request_body import read_body
from ui.responses import NOT_STORED
from ui.session import session

_MAX_BYTES = 1000  # of a request to show a file


class ShownFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the files of a photo: its number among the paths."""

    photo: str
    number: int


async def show_in_file_manager(request: Request) -> Response:
    """Open the folder of a photo on the desktop of this machine, for who sits at it."""
    body = await read_body(request, _MAX_BYTES)
    is_here = request.client is not None and request.client.host in LOOPBACK
    command = _file_manager() if is_here else []
    if body is None or not command:
        return PlainTextResponse("There is no desktop for this.", 403, NOT_STORED)
    try:
        asked = msgspec.json.decode(body, type=ShownFile)
        photo_id = number_of(asked.photo)
        hits = [] if photo_id is None else session().library.photos([photo_id])
        paths = hits[0].paths if hits else ()
    except (msgspec.MsgspecError, ImgsearchError) as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)
    if not 0 <= asked.number < len(paths):
        return PlainTextResponse("The file has left the library.", 404, NOT_STORED)
    # The path is absolute, so it cannot be mistaken for an option.
    path = paths[asked.number]
    target = path if command[0] == "open" else path.parent
    await run_in_threadpool(subprocess.Popen, [*command, str(target)], stdout=subprocess.DEVNULL)
    return Response(status_code=204, headers=NOT_STORED)


def has_desktop() -> bool:
    """Return whether this machine has a desktop that can show a file."""
    return bool(_file_manager())


def _file_manager() -> list[str]:
    """Return the command that shows a folder on this machine's desktop; empty without one."""
    if sys.platform == "darwin":
        return ["open", "-R"]
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return ["xdg-open"] if display and shutil.which("xdg-open") else []
