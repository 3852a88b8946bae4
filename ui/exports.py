"""Exports of found photos: lists of paths, JSON, CSV, folders of links. See also `zip_copies`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from imgsearch import (
    Hit,
    ImgsearchError,
    UsageError,
    format_count,
    path_text,
    unique_name,
)
from ui.request_body import read_body
from ui.responses import NOT_STORED, TOO_LONG
from ui.session import session

_MAX_BYTES = 16 << 20  # a million ids
_SHEET_TYPES = {"pdf": "application/pdf", "jpeg": "image/jpeg"}


class ExportedPhotos(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ids of photos to export, as text: see `tiles.id_text`."""

    ids: tuple[str, ...]


async def export(request: Request) -> Response:
    """Return photos as a list of paths, as JSON, or as a contact sheet: PDF, or JPEG."""
    content = await read_body(request, _MAX_BYTES)
    if content is None:
        return PlainTextResponse(TOO_LONG, 413, NOT_STORED)
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
            paths_text(hit.path for hit in hits),
            media_type="application/octet-stream",  # names need not be text
            headers=NOT_STORED,
        )
    return Response(hits_json(hits), media_type="text/plain", headers=NOT_STORED)


def paths_text(paths: Iterable[Path]) -> bytes:
    """Return one path per line, byte for byte as the file system has it."""
    return b"".join(os.fsencode(path_text(path)) + b"\n" for path in paths)


def hits_json(hits: Iterable[Hit]) -> str:
    """Id, paths, score, date and size of each photo; fields as in `imgsearch search --json`."""
    records = [
        {
            "photo_id": hit.photo.id,
            "path": path_text(hit.path),
            "paths": [path_text(path) for path in hit.paths],
            "score": hit.score,
            "taken_at": hit.photo.taken_at and hit.photo.taken_at.isoformat(),
            "width_px": hit.photo.width_px,
            "height_px": hit.photo.height_px,
            "at_s": hit.at_s,
            "offline": hit.offline,
        }
        for hit in hits
    ]
    return json.dumps(records, indent=2)


def link_folder(hits: Sequence[Hit], folder: Path, roots: Iterable[Path]) -> int:
    """Create `folder` with a symbolic link to each photo; returns how many.

    Raises ValueError, with a sentence for the visitor, if the folder is relative, inside one of
    the photo folders `roots`, not empty, or cannot be created.
    """
    if not folder.is_absolute():
        raise ValueError("Enter the absolute path of the folder.")
    resolved = folder.resolve()
    if any(resolved.is_relative_to(root.resolve()) for root in roots):
        raise ValueError("This is inside a photo folder, and photo folders are never changed.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ValueError("This folder is not empty. Enter a new one.")
        for name, hit in _unique_names(hits):
            (folder / name).symlink_to(hit.path)
    except OSError as error:
        raise ValueError(f"Cannot create this folder ({error.strerror}).") from error
    return len(hits)


def _unique_names(hits: Sequence[Hit]) -> Iterator[tuple[str, Hit]]:
    """Yield each photo with a file name that differs from all others, also without case."""
    taken: set[str] = set()
    for hit in hits:
        yield unique_name(hit.path.name, taken), hit
