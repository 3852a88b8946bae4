"""The parts Streamlit does not have: thumbnail grid, preview, facts, crop, paste.

Each is a small script in `assets/` that is handed data and puts it in as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import streamlit as st

from imgsearch import Hit, clock, printable
from ui.formatting import alternative, date_of, day_words

Layout: TypeAlias = Literal["fit", "square"]
Part: TypeAlias = tuple[float, float, float, float]  # left, top, width, height in percent

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
    html='<div class="crop" tabindex="0"><img><div class="part" hidden></div></div>'
    '<p class="hint"></p>',
    css=_asset("crop.css"),
    js=_asset("crop.js"),
)
_paste = st.components.v2.component("imgsearch_paste", js=_asset("paste.js"))


@dataclass(frozen=True, slots=True)
class GridLook:
    """How a grid of thumbnails looks and what it offers."""

    layout: Layout = "fit"
    row_px: int = 190
    more: str = ""  # the words of the button for more; none: there is no more
    scroll: bool = False  # whether reaching the end asks for more by itself
    pickable: bool = True


@dataclass(frozen=True, slots=True)
class Touched:
    """What was done to a grid since the last run."""

    opened: int | None  # the photo that was clicked
    picked: tuple[int, ...]  # all that are ticked
    more: bool


def source_of(hit: Hit, size: Literal["small", "large"] = "small") -> str:
    """The address of a photo's thumbnail; it names the content, so it can be kept for ever.

    Of a video it is the frame that fits best, its time in thousandths of a second.
    """
    at = "" if hit.at_s is None else f"&at={round(hit.at_s * 1000)}"
    return f"/thumbnail/{size}/{hit.photo.id}?v={hit.photo.content_hash[:12]}{at}"


def grid(
    hits: Sequence[Hit],
    key: str,
    look: GridLook = GridLook(),  # frozen
    picked: Sequence[int] = (),
    token: str = "",
) -> Touched:
    """Thumbnails to open and to tick. `picked` holds when `token` is another than before."""
    result = _grid(
        key=key,
        data={
            "tiles": [_tile(hit) for hit in hits],
            "layout": look.layout,
            "row_px": look.row_px,
            "more": look.more,
            "scroll": look.scroll,
            "pickable": look.pickable,
            "picked": list(picked),
            "token": token,
        },
        on_opened_change=_nothing,
        on_picked_change=_nothing,
        on_more_change=_nothing,
    )
    chosen = result.get("picked")
    return Touched(
        opened=_number(result.get("opened")),
        picked=tuple(picked if chosen is None else (int(each) for each in chosen)),
        more=result.get("more") is not None,
    )


def preview(hit: Hit, missing: str) -> int:
    """A large picture; -1 or 1 when an arrow key asked for its neighbour, else 0."""
    sources = {"src": source_of(hit, "large"), "small": source_of(hit, "small")}
    data = {**sources, "alt": alternative(hit), "missing": missing}
    result = _preview(key="preview", data=data, on_step_change=_nothing)
    return _number(result.get("step")) or 0


def facts(rows: Sequence[tuple[str, str]], key: str) -> None:
    """Names and values."""
    _facts(key=key, data=[[printable(name), printable(value)] for name, value in rows])


def crop(source: str, token: str, key: str) -> Part | None:
    """An image to drag a rectangle over; what of it was chosen, None for all of it."""
    data = {"src": source, "alt": "The example image", "token": token, "region": None}
    chosen = _crop(key=key, data=data, on_region_change=_nothing).get("region")
    if not isinstance(chosen, list | tuple) or len(chosen) != 4:
        return None
    left, top, width, height = (float(each) for each in chosen)
    return left, top, width, height


def accept_pasted_images() -> None:
    """Let an image be pasted, or dropped anywhere, as if it had been given to the uploader."""
    _paste(key="paste")


def _tile(hit: Hit) -> dict[str, object]:
    badges: list[tuple[str, str]] = []  # the class of its style, and its words
    badges += [(hit.level, hit.level)] if hit.level else []
    length_s = hit.photo.facts.duration_s
    if length_s is not None:
        badges.append(("video", f"▶ {clock(length_s if hit.at_s is None else hit.at_s)}"))
    is_dated = (hit.dated_by or hit.photo.facts.dated_by) != "file"
    badges += [("offline", "offline")] if hit.offline else []
    badges += [("missing", "missing")] if hit.missing else []
    copies = len(hit.paths)
    return {
        "id": hit.photo.id,
        "src": source_of(hit),
        "link": f"/photo?id={hit.photo.id}",
        "alt": alternative(hit),
        "width": max(hit.photo.width_px, 1),
        "height": max(hit.photo.height_px, 1),
        "title": (day_words(date_of(hit)) if is_dated else "") or printable(hit.path.name),
        "subtitle": printable(hit.path.parent.name or str(hit.path.parent))
        + (f" · {copies} copies" if copies > 1 else ""),
        "score": "" if hit.score is None else f"{hit.score:.2f}",
        "level": hit.level,
        "badges": badges,
    }


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None


_nothing: Callable[[], None] = lambda: None  # noqa: E731  # a component names its events so
