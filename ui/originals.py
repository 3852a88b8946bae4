"""Serves the originals of photos and their videos by the photo's id, in whole or in part.

A part is one range of bytes (RFC 9110, section 14), which players of videos request.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from imgsearch import ImgsearchError, OriginalFile
from ui.addresses import number_of
from ui.responses import NOT_STORED
from ui.session import session

CHUNK_BYTES = 1 << 18
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
# Should a browser show a file as a document, nothing in it may run or load anything.
_HARMLESS = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
)


def is_without_location(request: Request) -> bool:
    """Return whether a request asks for copies without the location of the photos."""
    return request.query_params.get("location") == "none"


def original(request: Request) -> Response:
    """Return the file of a photo; with `download` in the address, to be saved.

    With `location=none`, a copy of the picture without the location of the photo.
    """
    return _response(request, moving_part=False)


def moving_part(request: Request) -> Response:
    """Return the video of a motion photo or a Live Photo."""
    return _response(request, moving_part=True)


def _response(request: Request, *, moving_part: bool) -> Response:
    photo_id = number_of(request.path_params["photo_id"])
    try:
        found = (
            None
            if photo_id is None
            else session().library.pictures.original(
                photo_id,
                moving_part=moving_part,
                without_location=not moving_part and is_without_location(request),
            )
        )
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 404, NOT_STORED)
    if found is None:
        return PlainTextResponse("Photo not found.", 404, NOT_STORED)
    part = byte_range(request.headers.get("range", ""), found.size_bytes)
    if part is None:
        found.file.close()
        headers = {"Content-Range": f"bytes */{found.size_bytes}", **NOT_STORED}
        return PlainTextResponse("There are no such bytes.", 416, headers)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(len(part)),
        "Content-Security-Policy": _HARMLESS,
        "Content-Disposition": _disposition(found, "download" in request.query_params),
        "Cache-Control": "private, no-cache",  # the drive may be unplugged, the file changed
    }
    is_whole = len(part) == found.size_bytes
    if not is_whole:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{found.size_bytes}"
    content = _chunks(found.file, found.start + part.start, len(part))
    status = 200 if is_whole else 206
    return StreamingResponse(content, status, headers, found.media_type)


def byte_range(header: str, size_bytes: int) -> range | None:
    """Return the bytes that a Range header requests; None where the file has none of them.

    All for a header that is absent, malformed or names several ranges, as the standard allows.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or not any(match.groups()):
        return range(size_bytes)
    first, last = match.groups()
    if not first:  # the last so many bytes
        start, stop = max(size_bytes - int(last), 0), size_bytes
    else:
        start, stop = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < int(first):
            return range(size_bytes)
    return range(start, stop) if start < stop else None


def _disposition(found: OriginalFile, is_download: bool) -> str:
    name = quote(os.fsencode(found.name), safe="")
    return f"{'attachment' if is_download else 'inline'}; filename*=utf-8''{name}"


def _chunks(file: BinaryIO, start: int, size_bytes: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while size_bytes > 0 and (chunk := file.read(min(CHUNK_BYTES, size_bytes))):
            size_bytes -= len(chunk)
            yield chunk
