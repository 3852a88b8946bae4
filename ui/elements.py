"""Components that Streamlit lacks: thumbnail grid, viewer, facts, cropping, the
button for an example image, suggestions, and the frame of every view.

Some are scripts in `assets/`, the others modules in `components/`. Each gets its data as
JSON and inserts it as text, never as HTML.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlencode

import streamlit as st

from imgsearch import Hit, Region, clock, name_of_field, printable
from ui.addresses import START, address_of
from ui.component_files import component
from ui.formatting import alt_text, date_of, format_date

# By the name of the format: these a browser shows upright and in their own colours.
SHOWN_BY_BROWSERS = ("JPEG", "PNG", "GIF")
UNAVAILABLE = {  # by whether the photo is offline
    True: "The drive with this photo is not connected, and there is no thumbnail of it.",
    False: "Cannot show this photo. It may have been moved since it was indexed.",
}
NEIGHBOURS = 60  # photos before and after the one that is shown, which arrow keys reach at once

NAME = "imgsearch"
ASSETS = Path(__file__).with_name("assets")
FACE = ASSETS / "icon.png"
FACE_URL = "data:image/png;base64," + base64.b64encode(FACE.read_bytes()).decode()

_HISTORY = "../components/history/history.js"


def _asset(*names: str) -> str:
    """The text of these files, one after the other: a script has no address to import from."""
    return "\n".join((ASSETS / name).read_text("utf-8") for name in names)


PAGE_STYLE = f"<style>{_asset('page.css')}</style>"  # read once: each rerun runs the app's script
_grid = st.components.v2.component(
    "imgsearch_grid",
    html='<div class="head"><div class="text" role="status"></div>'
    '<div class="view" role="group" aria-label="View"></div></div><div class="grid"></div>',
    css=_asset("grid.css"),
    js=_asset(_HISTORY, "grid.js"),
)
_viewer = component("viewer")
_facts = st.components.v2.component(
    "imgsearch_facts", html="<dl></dl>", css=_asset("facts.css"), js=_asset("facts.js")
)
_crop = st.components.v2.component(
    "imgsearch_crop",
    html='<div class="crop" tabindex="0"><img><div class="region" hidden></div></div>'
    '<p class="hint"></p>',
    css=_asset("crop.css"),
    js=_asset("crop.js"),
)
_visit = st.components.v2.component("imgsearch_visit", js=_asset(_HISTORY, "visit.js"))
_example_button = component("example")
_choices = component("choices")
_period = component("period")
_shell = component("shell")
_suggest = component("suggest", is_isolated=False)


@dataclass(frozen=True, slots=True)
class GridOptions:
    """How a grid of thumbnails looks and what it offers."""

    heading: tuple[str, str] = ("", "")  # above it; the first part is bold. Changes are announced
    other_views: tuple[tuple[str, str, str], ...] = ()  # icon, label and address of links above it
    row_px: int | None = None  # height of a row; None: as the visitor chose for all views
    more: str = ""  # label of the button for more photos; empty: no button
    scroll: bool = False  # whether scrolling to the end loads more photos
    selectable: bool = True


@dataclass(frozen=True, slots=True)
class GridEvents:
    """What the visitor did in a grid since the last run."""

    selected: tuple[int, ...]  # ids of all selected photos
    more: int | None  # how many photos were requested in all, if more were


@dataclass(frozen=True, slots=True)
class ViewerOptions:
    """Where the links of the viewer lead, and what it says."""

    results: str  # address of the view with the results
    photo_parameters: Mapping[str, str]  # of the addresses of all photos
    total: str  # number of photos in the list: "300+"
    before: int  # number of photos in the list before those given


def photo_address(hit: Hit, parameters: Mapping[str, str]) -> str:
    """The address of a photo; the parameters say what its arrow keys step through."""
    return f"/photo?{urlencode({'id': hit.photo.id, **parameters})}"


def thumbnail_url(hit: Hit, size: Literal["small", "large", "full"] = "small") -> str:
    """Names the photo's content, so browsers may cache it for ever.

    For a video, `at` is the time of the best matching frame in milliseconds.
    """
    at = "" if hit.at_s is None else f"&at={round(hit.at_s * 1000)}"
    return f"/thumbnail/{size}/{hit.photo.id}?v={hit.photo.content_hash[:12]}{at}"


def grid(
    hits: Sequence[Hit],
    key: str,
    options: GridOptions = GridOptions(),  # frozen
    selected: Sequence[int] = (),
    token: str = "",
    *,
    address: str = "/",
    photo_parameters: Mapping[str, str] = MappingProxyType({}),
) -> GridEvents:
    """Thumbnails to open and to select. A new `token` resets the selection to `selected`.

    `address` is that of the view: the browser comes back to the same place in it. A click opens
    the photo at an address with `photo_parameters`, which say what its arrow keys step through.
    """
    result = _grid(
        key=key,
        data={
            "tiles": [_tile(hit, photo_parameters) for hit in hits],
            "address": address,
            "heading": options.heading,
            "other_views": options.other_views,
            "row_px": options.row_px,
            "more": options.more,
            "scroll": options.scroll,
            "selectable": options.selectable,
            "selected": list(selected),
            "token": token,
        },
        on_selected_change=_rerun,
        on_more_change=_rerun,
    )
    changed = result.get("selected")
    return GridEvents(
        selected=tuple(selected if changed is None else map(int, changed)),
        more=_integer(result.get("more")),
    )


def viewer(hits: Sequence[Hit], shown: Hit, options: ViewerOptions) -> None:
    """The photo `shown`, with its neighbours in `hits`, and what can be done with it."""
    index = next(number for number, hit in enumerate(hits) if hit.photo.id == shown.photo.id)
    first = max(index - NEIGHBOURS, 0)
    _viewer(
        key="viewer",
        data={
            "slides": [_slide(hit, options) for hit in hits[first : index + NEIGHBOURS + 1]],
            "first": options.before + first,
            "index": options.before + index,
            "list": urlencode(options.photo_parameters),
            "total": options.total if len(hits) > 1 else "",
            "results": options.results,
        },
    )


def _slide(hit: Hit, options: ViewerOptions) -> dict[str, object]:
    """What the viewer needs to show a photo, and to load its neighbours ahead."""
    photo, photo_facts = hit.photo, hit.photo.facts
    version = f"{photo.id}?v={photo.content_hash[:12]}"
    original = f"/original/{version}"
    shows_itself = photo_facts.format in SHOWN_BY_BROWSERS
    return {
        "address": photo_address(hit, options.photo_parameters),
        # Only the file itself is animated.
        "large": original if photo_facts.animated and shows_itself else thumbnail_url(hit, "large"),
        "small": thumbnail_url(hit),
        "full": original if shows_itself else thumbnail_url(hit, "full"),
        "original": original,
        "video": original if photo_facts.duration_s is not None else "",
        "moving": f"/moving-part/{version}" if photo_facts.motion else "",
        "at": hit.at_s or 0,
        "width": max(photo.width_px, 1),
        "height": max(photo.height_px, 1),
        "alt": alt_text(hit),
        "path": printable(hit.path),
        "similar": address_of(START, {"photo": str(photo.id)}),
        "unavailable": UNAVAILABLE[hit.offline],
    }


def facts(rows: Sequence[tuple[str, str]], key: str) -> None:
    """A table of names and values."""
    _facts(key=key, data=[[printable(name), printable(value)] for name, value in rows])


def crop(source: str, region: Region | None, key: str) -> tuple[Region | None] | None:
    """An image to draw a rectangle on, with `region` drawn; no region is the whole image.

    Returns None if nothing was drawn since the last run, else a tuple of the new region.
    """
    sides = None if region is None else [region.x, region.y, region.width, region.height]
    data = {"src": source, "alt": "Example image", "region": sides}
    drawn = _crop(key=key, data=data, on_drawn_change=_rerun).get("drawn")
    if not isinstance(drawn, list | tuple):
        return None
    if len(drawn) != 4:
        return (None,)
    x, y, width, height = map(float, drawn)
    return (Region(x, y, width, height, percent=True),)


def example_button() -> str | None:
    """A button for the file uploader, which gets pasted and dropped images as well.

    Returns the name of a file that was dropped or pasted and is no image.
    """
    refused = _example_button(key="example", data={}, on_refused_change=_rerun).get("refused")
    return refused if isinstance(refused, str) else None


def suggestions(label: str) -> None:
    """Suggests how to go on with what is typed in the text input with this label."""
    _suggest(key="suggest", data={"label": label})


def period(
    first: date | None, last: date | None, range_: tuple[date, date]
) -> tuple[Literal["from", "to"], date | None] | None:
    """The first and the last day of a period. Returns which was changed, and to what."""
    days = {"from": first, "to": last}
    data: dict[str, object] = {name: day.isoformat() if day else "" for name, day in days.items()}
    data["range"] = [day.isoformat() for day in range_]
    changed = _period(key="period", data=data, on_changed_change=_rerun).get("changed")
    if not (isinstance(changed, list | tuple) and len(changed) == 2):
        return None
    name, text = changed
    return ("from" if name == "from" else "to"), (date.fromisoformat(text) if text else None)


def filter_choices(chosen: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """Folders, places, people, keywords and labels to filter by, with a field to find them.

    `chosen` are the filters that are on: field and value. Returns the one that was clicked.
    """
    clicked = _choices(
        key="choices", data={"chosen": [list(each) for each in chosen]}, on_clicked_change=_rerun
    ).get("clicked")
    if isinstance(clicked, list | tuple) and len(clicked) == 2:
        return str(clicked[0]), str(clicked[1])
    return None


def shell(title: str, views: Sequence[Mapping[str, object]]) -> None:
    """The heading of a view and, on narrow screens, the bar that leads to `views`."""
    _shell(
        key="shell",
        data={"title": printable(title), "name": NAME, "face": FACE_URL, "views": list(views)},
    )


def visit(address: str) -> None:
    """Send the browser to another view of the page."""
    _visit(key="visit", data={"address": address})


def _tile(hit: Hit, photo_parameters: Mapping[str, str]) -> dict[str, object]:
    photo_facts = hit.photo.facts
    badges: list[tuple[str, str]] = []  # CSS class and text
    if hit.level:
        badges.append((hit.level, hit.level))
    if hit.matched_by:
        badges.append(("name", name_of_field(hit.matched_by[0])))
    if photo_facts.duration_s is not None:
        badges.append(
            ("video", f"▶ {clock(photo_facts.duration_s if hit.at_s is None else hit.at_s)}")
        )
    if hit.offline:
        badges.append(("offline", "offline"))
    if hit.missing:
        badges.append(("missing", "missing"))
    has_date = (hit.dated_by or photo_facts.dated_by) != "file"
    copies = len(hit.paths)
    return {
        "id": hit.photo.id,
        "src": thumbnail_url(hit),
        "link": photo_address(hit, photo_parameters),
        "alt": alt_text(hit),
        "width": max(hit.photo.width_px, 1),
        "height": max(hit.photo.height_px, 1),
        "title": (has_date and format_date(date_of(hit))) or printable(hit.path.name),
        "subtitle": printable(hit.path.parent.name or str(hit.path.parent))
        + (f" · {copies} copies" if copies > 1 else ""),
        "score": "" if hit.score is None else f"{hit.score:.2f}",
        "level": hit.level,
        "badges": badges,
    }


def _integer(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _rerun() -> None:
    """A component's event reruns the page only if a callback is registered for it."""
