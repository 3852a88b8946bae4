"""The data of a photo's tile, as JSON for the browser."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal
from urllib.parse import urlencode

from imgsearch import Hit, PhotoMarks, clock, name_of_field, printable
from ui.formatting import alt_text, format_day_of
from ui.session import session


def id_text(photo_id: int) -> str:
    """Return the id of a photo as the browser has it: as a text, by which it finds its tile."""
    return str(photo_id)


def photo_address(hit: Hit, parameters: Mapping[str, str]) -> str:
    """Return the address of a photo; the parameters say what its arrow keys step through."""
    return f"/photo?{urlencode({'id': hit.photo.id, **parameters})}"


def thumbnail_url(hit: Hit, size: Literal["small", "dense", "large", "full"] = "small") -> str:
    """Return an address that names the photo's content: browsers may cache it for ever.

    For a video, `at` is the time of the best matching frame in milliseconds.
    """
    at = "" if hit.at_s is None else f"&at={round(hit.at_s * 1000)}"
    return f"/thumbnail/{size}/{hit.photo.id}?v={hit.photo.content_hash[:12]}{at}"


def moving_url(hit: Hit) -> str:
    """Return the video of a video, of a motion photo or of a Live Photo; empty for others."""
    facts, version = hit.photo.facts, f"{hit.photo.id}?v={hit.photo.content_hash[:12]}"
    if facts.duration_s is not None:
        return f"/original/{version}"
    return f"/moving-part/{version}" if facts.motion in ("inside", "beside") else ""


def marks_of(photo_ids: Iterable[int]) -> dict[int, PhotoMarks]:
    """Return the marks of photos; none in a library that keeps no marks."""
    here = session()
    return here.library.marks.of(list(photo_ids)) if here.has("marks") else {}


def marks_json(hit: Hit, marks: PhotoMarks | None) -> dict[str, object]:
    """Return the marks of a photo for the browser, with the stars that its files state."""
    own = marks or PhotoMarks()
    return {
        "favourite": own.favourite,
        "rating": own.rating,
        "hidden": own.hidden,
        "of_file": hit.photo.facts.rating,
    }


def tile_json(
    hit: Hit, photo_parameters: Mapping[str, str], marks: PhotoMarks | None = None
) -> dict[str, object]:
    """Return a picture with a link to the photo, its marks, and what moves under the mouse.

    For `photo_parameters`, see `photo_address`; `marks` are those that somebody gave the photo.
    """
    return {
        "id": id_text(hit.photo.id),
        "src": thumbnail_url(hit),
        "dense": thumbnail_url(hit, "dense"),
        "link": photo_address(hit, photo_parameters),
        "alt": alt_text(hit),
        "badges": _badges(hit),
        "moving": moving_url(hit),
        "at": hit.at_s or 0,
        "marks": marks_json(hit, marks),
    }


def captioned_tile_json(
    hit: Hit,
    photo_parameters: Mapping[str, str],
    marked: Collection[str] = (),
    behind: int = 0,
    marks: PhotoMarks | None = None,
) -> dict[str, object]:
    """Return a tile with a caption: when and where it was taken, or else its file and folder.

    With `sort:best`, the reasons for its place are in place of the second.

    `marked` are the levels that have a mark, and `behind` is how many similar photos are behind it.
    """
    has_date = (hit.dated_by or hit.photo.facts.dated_by) != "file"
    date = format_day_of(hit) if has_date else ""
    folder = printable(hit.path.parent.name or str(hit.path.parent))
    place = printable(hit.photo.facts.place or "")
    title, subtitle = (
        (date, place or folder) if date else (printable(hit.path.name), place or folder)
    )
    if hit.worth is not None:
        subtitle = printable(str(hit.worth))
    copies = len(hit.paths)
    levels = [(hit.level, hit.level)] if hit.level in marked else []
    stack = [("stack", f"{behind + 1} alike")] if behind else []
    names = [("name", name_of_field(hit.matched_by[0]))] if hit.matched_by else []
    return {
        **tile_json(hit, photo_parameters, marks),
        "title": title,
        "subtitle": f"{subtitle} · {copies} copies" if copies > 1 else subtitle,
        "isWeak": hit.level == "weak",
        "badges": [*levels, *stack, *names, *_badges(hit)],
    }


def _badges(hit: Hit) -> list[tuple[str, str]]:
    """Return marks on the picture: CSS class and text."""
    duration_s = hit.photo.facts.duration_s
    badges = []
    if duration_s is not None:
        badges.append(("video", f"▶ {clock(duration_s if hit.at_s is None else hit.at_s)}"))
    if hit.offline:
        badges.append(("offline", "offline"))
    if hit.missing:
        badges.append(("missing", "missing"))
    return badges
