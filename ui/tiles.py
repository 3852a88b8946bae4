"""The data of a photo's tile, as JSON for the browser."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal
from urllib.parse import urlencode

from imgsearch import Hit, clock, name_of_field, printable
from ui.formatting import alt_text, date_of, format_date


def id_text(photo_id: int) -> str:
    """The id of a photo for the browser, whose numbers have 53 bits: those of archives have 63."""
    return str(photo_id)


def photo_address(hit: Hit, parameters: Mapping[str, str]) -> str:
    """The address of a photo; the parameters say what its arrow keys step through."""
    return f"/photo?{urlencode({'id': hit.photo.id, **parameters})}"


def thumbnail_url(hit: Hit, size: Literal["small", "large", "full"] = "small") -> str:
    """Names the photo's content, so browsers may cache it for ever.

    For a video, `at` is the time of the best matching frame in milliseconds.
    """
    at = "" if hit.at_s is None else f"&at={round(hit.at_s * 1000)}"
    return f"/thumbnail/{size}/{hit.photo.id}?v={hit.photo.content_hash[:12]}{at}"


def moving_url(hit: Hit) -> str:
    """The video of a video, of a motion photo or of a Live Photo; empty for others."""
    facts, version = hit.photo.facts, f"{hit.photo.id}?v={hit.photo.content_hash[:12]}"
    if facts.duration_s is not None:
        return f"/original/{version}"
    return f"/moving-part/{version}" if facts.motion in ("inside", "beside") else ""


def tile_json(hit: Hit, photo_parameters: Mapping[str, str]) -> dict[str, object]:
    """A picture with a link to the photo, marks on it, and what moves while the mouse is on it.

    For `photo_parameters`, see `photo_address`.
    """
    return {
        "id": id_text(hit.photo.id),
        "src": thumbnail_url(hit),
        "link": photo_address(hit, photo_parameters),
        "alt": alt_text(hit),
        "badges": _badges(hit),
        "moving": moving_url(hit),
        "at": hit.at_s or 0,
    }


def captioned_tile_json(
    hit: Hit,
    photo_parameters: Mapping[str, str],
    marked: Collection[str] = (),
    behind: int = 0,
) -> dict[str, object]:
    """A tile with what a search knows of its photo.

    `marked` are the levels that have a mark, and `behind` is how many similar photos are behind it.
    """
    has_date = (hit.dated_by or hit.photo.facts.dated_by) != "file"
    copies = len(hit.paths)
    levels = [(hit.level, hit.level)] if hit.level in marked else []
    stack = [("stack", f"{behind + 1} alike")] if behind else []
    names = [("name", name_of_field(hit.matched_by[0]))] if hit.matched_by else []
    return {
        **tile_json(hit, photo_parameters),
        "title": (has_date and format_date(date_of(hit))) or printable(hit.path.name),
        "subtitle": printable(hit.path.parent.name or str(hit.path.parent))
        + (f" · {copies} copies" if copies > 1 else ""),
        "score": "" if hit.score is None else f"{hit.score:.2f}",
        "isWeak": hit.level == "weak",
        "badges": [*levels, *stack, *names, *_badges(hit)],
    }


def _badges(hit: Hit) -> list[tuple[str, str]]:
    """Marks on the picture: CSS class and text."""
    duration_s = hit.photo.facts.duration_s
    badges = []
    if duration_s is not None:
        badges.append(("video", f"▶ {clock(duration_s if hit.at_s is None else hit.at_s)}"))
    if hit.offline:
        badges.append(("offline", "offline"))
    if hit.missing:
        badges.append(("missing", "missing"))
    return badges
