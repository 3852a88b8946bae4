"""The details of a photo as the viewer asks for them: facts, files, place, faces.

They come by requests of the browser, which asks for those of the neighbours ahead, and not by a run
of the page's script: an arrow key shows the next photo with its details.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import msgspec
from msgspec import to_builtins
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from imgsearch import (
    LOOPBACK,
    Facts,
    Hit,
    ImgsearchError,
    StatedFacts,
    as_stated,
    clock,
    format_count,
    path_text,
    printable,
)
from ui.addresses import START, address_of, number_of
from ui.features import Card, map_address, shown_features
from ui.formatting import date_of, format_datetime, format_size, precision_of
from ui.request_body import read_body
from ui.responses import NOT_STORED
from ui.session import session

DATE_SOURCES = {
    "exif": "from EXIF",
    "xmp": "from XMP",
    "iptc": "from IPTC",
    "text": "from text in the file",
    "video": "from the video",
    "sidecar": "from a file beside the photo",
    "file": "file modification time",
    "you": "corrected by you",
}
MAP_ZOOM = 7  # of the map around a photo: a region with its coast
NEAR_KM = 5
SHOWN_IN_OTHER_WORDS = ("Taken", "Format", "Duration", "Rating")  # labels of facts
MAX_TEXT = 600  # characters shown of the text in a picture
MOTION = {
    "inside": "motion photo; its video is in the same file",
    "beside": "Live Photo; its video is in a separate file",
    "animated": "animation; its first frame is shown",
}
_OFFLINE = "The drive with this photo is not connected."
_MISSING = (
    "This file disappeared together with many others. The photo is kept until you confirm in the "
    "Library view that you removed it."
)
_GONE = (
    "The file of this photo is not where it was, so at most a small picture can be shown. If it "
    "was moved or deleted, update its folder in the Library view."
)
_MAX_BYTES = 1000  # of a request to show a file


def details(request: Request) -> Response:
    """Return all that is known of the photo `id`.

    It is no operation of the library, which has `Library.photo`: this is what the viewer shows, in
    one request for each photo, with cards of features and what only the page knows of files.
    """
    photo_id = number_of(request.query_params.get("id", ""))
    try:
        hits = [] if photo_id is None else session().library.photos([photo_id])
        if not hits:
            return PlainTextResponse("The photo has left the library.", 404, NOT_STORED)
        return JSONResponse(_details_json(hits[0], request), headers=NOT_STORED)
    except ImgsearchError as error:
        return PlainTextResponse(str(error), 422, NOT_STORED)


def _details_json(hit: Hit, request: Request) -> dict[str, object]:
    here, facts = session(), hit.photo.facts
    is_placed = facts.lat is not None and facts.lon is not None
    return {
        "facts": [(printable(name), printable(value)) for name, value in fact_rows(hit)],
        "remarks": _remarks(hit),
        "corrected": _corrected_json(hit) if here.has("corrections") else None,
        "place": _place_json(facts) if is_placed else None,
        "faces": _faces_json(hit),
        "cards": _cards_json(hit),
        "path_title": "Path" if len(hit.paths) == 1 else format_count(len(hit.paths), "path"),
        "paths": _paths_json(hit, request),
        "sections": _sections_json(hit),
    }


def _faces_json(hit: Hit) -> list[object]:
    """Return the faces in the photo that features know."""
    shown = (each.faces(hit) for each in shown_features() if each.faces is not None)
    return [to_builtins(face) for faces in shown for face in faces]


def _cards_json(hit: Hit) -> list[dict[str, object]]:
    """Return the cards of features. One that fails says so in its place."""
    cards: list[dict[str, object]] = []
    for feature in shown_features():
        if feature.card is not None:
            try:
                card = feature.card(hit)
            except Exception as error:  # noqa: BLE001  # of a plug-in, which may raise anything
                problem = f"{type(error).__name__}: {error}. Update its package, or remove it."
                card = Card("A plug-in failed", [(feature.card.__module__, problem)])
            if card is not None:
                rows = [(printable(name), printable(text)) for name, text in card.rows]
                cards.append({"title": printable(card.title), "rows": rows})
    return cards


def _remarks(hit: Hit) -> list[tuple[str, str]]:
    """Return why the file of a photo cannot be read now, with an icon each; none if it can."""
    if hit.offline:
        return [("cloud_off", _OFFLINE)]
    if hit.missing:
        return [("question_mark", _MISSING)]
    # The files of an archive may be objects in a bucket, which only a request could find.
    is_gone = session().has("folders") and not any(map(os.path.exists, hit.paths))
    return [("question_mark", _GONE)] if is_gone else []


def fact_rows(hit: Hit) -> list[tuple[str, str]]:
    """Return names and values of what is known about the photo: all facts that are declared."""
    photo, facts = hit.photo, hit.photo.facts
    megapixels = photo.width_px * photo.height_px / 1e6
    date_source = DATE_SOURCES.get(hit.dated_by or facts.dated_by or "")
    taken = format_datetime(date_of(hit), precision_of(hit))
    rows = [
        ("Date", taken + (f" ({date_source})" if date_source else "")),
        ("Size", f"{photo.width_px} × {photo.height_px} px, {megapixels:.1f} megapixels"),
        ("File", f"{_format_of(hit)}, {format_size(photo.size_bytes)}"),
        ("Duration", "" if facts.duration_s is None else clock(facts.duration_s)),
        ("Motion", MOTION.get("animated" if facts.animated else facts.motion or "", "")),
        ("Rating", _stars(facts.rating)),
    ]
    rows += [(label, text) for label, text in facts.shown() if label not in SHOWN_IN_OTHER_WORDS]
    for feature in shown_features():
        rows += [] if feature.rows is None else feature.rows(hit)
    text = session().library.pictures.text_of(photo.id)
    if text is not None and text.lines:
        shown = " · ".join(line.text for line in text.lines)
        rows.append(("Text in it", shown if len(shown) <= MAX_TEXT else f"{shown[:MAX_TEXT]} …"))
    if facts.lat is not None and facts.lon is not None:
        rows.append(("Location", f"{facts.lat:.5f}, {facts.lon:.5f}"))
    return [(name, value) for name, value in rows if value]


def _format_of(hit: Hit) -> str:
    """Return the format of the file; of a video, that of its container: MP4, MOV."""
    suffix = hit.path.suffix.removeprefix(".").upper()
    is_video = hit.photo.facts.duration_s is not None
    return suffix if is_video and suffix else hit.photo.facts.format


def _stars(rating: int | None) -> str:
    """ "★★★☆☆"; "rejected" for a negative rating, as XMP has it."""
    if rating is None:
        return ""
    return "rejected" if rating < 0 else "★" * rating + "☆" * (5 - rating)


def _corrected_json(hit: Hit) -> list[dict[str, str]]:
    """Return the corrections of a photo, beside the facts of its files."""
    photo_id = hit.photo.id
    stated: StatedFacts | None = session().library.corrections.of([photo_id]).get(photo_id)
    if stated is None:
        return []
    now, before = hit.photo.facts, as_stated(hit.photo.facts, stated)
    rows = []
    if stated.date_is_corrected:
        said = "no date"
        if before.taken_at is not None:
            said = format_datetime(before.taken_at, before.date_precision)
        shown = format_datetime(date_of(hit), precision_of(hit))
        rows.append({"what": "date", "now": shown, "stated": said})
    if stated.place_is_corrected:
        rows.append({"what": "place", "now": _place_of(now), "stated": _place_of(before)})
    return rows


def _place_of(facts: Facts) -> str:
    """Return the names of a place, else its coordinates; "no place" if none is known."""
    if facts.place:
        return printable(facts.place)
    if facts.lat is None or facts.lon is None:
        return "no place"
    return f"{facts.lat:.5f}, {facts.lon:.5f}"


def _place_json(facts: Facts) -> dict[str, object]:
    lat, lon, on_map = f"{facts.lat:.5f}", f"{facts.lon:.5f}", map_address()
    return {
        "lat": facts.lat,
        "lon": facts.lon,
        "nearby": address_of(START, {"q": f"near:{lat},{lon},{NEAR_KM}km"}),
        "map": on_map and on_map.format(lat=lat, lon=lon, zoom=MAP_ZOOM),
    }


def _paths_json(hit: Hit, request: Request) -> list[dict[str, object]]:
    is_desktop = bool(_file_manager(request))
    return [
        {"path": printable(path_text(path)), "can_be_shown": is_desktop and path.exists()}
        for path in hit.paths
    ]


def _sections_json(hit: Hit) -> dict[str, object]:
    """Return what the sections of features say of a photo, by their names."""
    sections = (each.section for each in shown_features() if each.section is not None)
    return {section.name: section.of_photo(hit) for section in sections}


# ------------------------------------------------------------------------- the desktop


class ShownFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the files of a photo: its number among the paths."""

    photo: str
    number: int


async def show_in_file_manager(request: Request) -> Response:
    """Open the folder of a photo on the desktop of this machine, for who sits at it."""
    body = await read_body(request, _MAX_BYTES)
    command = _file_manager(request)
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


def _file_manager(request: Request) -> list[str]:
    """Return the command that shows a folder on this machine's desktop.

    Empty if the visitor has none.
    """
    if request.client is None or request.client.host not in LOOPBACK:
        return []  # the visitor uses another machine
    if sys.platform == "darwin":
        return ["open", "-R"]
    has_desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return ["xdg-open"] if has_desktop and shutil.which("xdg-open") else []
