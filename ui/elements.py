"""Components that Streamlit lacks: thumbnail grid, preview, facts, cropping, pasting.

Each is a small script in `assets/`. It gets its data as JSON and inserts it as text, never as HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from imgsearch import Hit, Region, clock, printable
from ui.formatting import alt_text, date_of, format_date

_ASSETS = Path(__file__).with_name("assets")


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text("utf-8")


_grid = st.components.v2.component(
    "imgsearch_grid", html='<div class="grid"></div>', css=_asset("grid.css"), js=_asset("grid.js")
)
_preview = st.components.v2.component(
    "imgsearch_preview",
    html='<div class="frame"></div>',
    css=_asset("preview.css"),
    js=_asset("preview.js"),
)
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
_paste = st.components.v2.component("imgsearch_paste", js=_asset("paste.js"))


@dataclass(frozen=True, slots=True)
class GridOptions:
    """How a grid of thumbnails looks and what it offers."""

    layout: Literal["fit", "square"] = "fit"
    row_px: int = 190
    more: str = ""  # label of the button for more photos; empty: no button
    scroll: bool = False  # whether scrolling to the end loads more photos
    selectable: bool = True


@dataclass(frozen=True, slots=True)
class GridEvents:
    """What the visitor did in a grid since the last run."""

    opened: int | None  # id of the photo that was clicked
    selected: tuple[int, ...]  # ids of all selected photos
    more: bool  # whether more photos were requested


def thumbnail_url(hit: Hit, size: Literal["small", "large"] = "small") -> str:
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
) -> GridEvents:
    """Thumbnails to open and to select. A new `token` resets the selection to `selected`."""
    result = _grid(
        key=key,
        data={
            "tiles": [_tile(hit) for hit in hits],
            "layout": options.layout,
            "row_px": options.row_px,
            "more": options.more,
            "scroll": options.scroll,
            "selectable": options.selectable,
            "selected": list(selected),
            "token": token,
        },
        on_opened_change=_rerun,
        on_selected_change=_rerun,
        on_more_change=_rerun,
    )
    changed = result.get("selected")
    return GridEvents(
        opened=_integer(result.get("opened")),
        selected=tuple(selected if changed is None else map(int, changed)),
        more=result.get("more") is not None,
    )


def preview(hit: Hit, unavailable: str) -> int:
    """A large picture, or the text `unavailable`. Returns -1 or 1 after an arrow key, else 0."""
    data = {
        "src": thumbnail_url(hit, "large"),
        "small": thumbnail_url(hit, "small"),
        "alt": alt_text(hit),
        "unavailable": unavailable,
    }
    return _integer(_preview(key="preview", data=data, on_step_change=_rerun).get("step")) or 0


def facts(rows: Sequence[tuple[str, str]], key: str) -> None:
    """A table of names and values."""
    _facts(key=key, data=[[printable(name), printable(value)] for name, value in rows])


def crop(source: str, token: str, key: str) -> Region | None:
    """An image to draw a rectangle on; None is the whole image. A new `token` resets it."""
    data = {"src": source, "alt": "Example image", "token": token, "region": None}
    region = _crop(key=key, data=data, on_region_change=_rerun).get("region")
    if not isinstance(region, list | tuple) or len(region) != 4:
        return None
    x, y, width, height = map(float, region)
    return Region(x, y, width, height, percent=True)


def accept_pasted_images() -> None:
    """Pass images that are pasted, or dropped anywhere on the page, to the file uploader."""
    _paste(key="paste")


def _tile(hit: Hit) -> dict[str, object]:
    photo_facts = hit.photo.facts
    badges: list[tuple[str, str]] = []  # CSS class and text
    if hit.level:
        badges.append((hit.level, hit.level))
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
        "link": f"/photo?id={hit.photo.id}",
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
