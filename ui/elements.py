"""Components that Streamlit lacks: grids of photos, viewer, facts, cropping, the search field, and
the frame of every view.

Some are scripts in `assets/`, the others modules in `components/`. Each gets its data as
JSON and inserts it as text, never as HTML. An event reruns the page only if a callback is
registered for it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlencode

import streamlit as st
from msgspec import Struct

from imgsearch import Hit, PhotoMarks, Region, path_text, printable
from ui.addresses import START, address_of, number_of
from ui.bars import bars_svg
from ui.component_files import component
from ui.file_manager import has_desktop
from ui.formatting import alt_text, found_rows
from ui.page_view import SearchEffect
from ui.query_line import query_line
from ui.session import session
from ui.tiles import (
    captioned_tile_json,
    id_text,
    marks_json,
    marks_of,
    photo_address,
    thumbnail_url,
)

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

_CHIPS, _CHOICES, _PERIOD = "chips", "choices", "period"  # keys of components
_SEARCH_FIELD = "search_field"
_HISTORY = "../components/history/history.js"


def _asset(*names: str) -> str:
    """Return the text of these files in a row: a script has no address to import from."""
    return "\n".join((ASSETS / name).read_text("utf-8") for name in names)


# What fills the window leaves nothing to scroll to below it.
_WITHOUT_MARGIN = "<style>.stMainBlockContainer { padding-bottom: 0; }</style>"
_answer = component(
    "answer",
    "shared/photo_tile.css",
    "grid/photo_grid.css",
    "shelf/shelf.css",
    "grid/memories.css",
)
_tiles = component("tiles", "shared/photo_tile.css")
_viewer = component("viewer")
_facts = st.components.v2.component(
    "imgsearch_facts", html="<dl></dl>", css=_asset("facts.css"), js=_asset("facts.js")
)
_bars = st.components.v2.component(
    "imgsearch_bars", html='<div class="bars"></div>', css=_asset("bars.css"), js=_asset("bars.js")
)
_crop = st.components.v2.component(
    "imgsearch_crop",
    html='<div class="crop" tabindex="0"><img><div class="region" hidden></div></div>'
    '<p class="hint"></p>',
    css=_asset("crop.css"),
    js=_asset("crop.js"),
)
_visit = st.components.v2.component("imgsearch_visit", js=_asset(_HISTORY, "visit.js"))
_chips = component("chips")
_choices = component("choices")
_period = component("period")
_shell = component("shell", "shared/change_list.css")
_search_field = component("search_field", is_isolated=False)


class AnswerOptions(Struct, frozen=True):
    """The contents of a grid of found photos and the actions that it offers."""

    address: str  # of the view: the browser comes back to the same place in it
    photos: str  # what the grid sends along to get them
    version: str  # of their list: with another one, the grid fetches it again
    heading: tuple[str, str]  # above it; the first part is bold. Changes are announced
    other_views: tuple[tuple[str, str, str], ...] = ()  # icon, label and address of links above it
    forms: tuple[tuple[str, str, str], ...] = ()  # icon, label and name of what `search_forms` has
    weaker: bool = False  # whether a button below the photos offers weaker matches
    rows: Sequence[Mapping[str, object]] = ()  # above the photos, see `ui.memories` and `ui.shelf`
    first_title: str = ""  # of the photos, below such rows
    stacked: bool | None = None  # whether similar photos are stacked; None where they cannot be


class AnswerEvents(Struct, frozen=True):
    """The visitor's actions in a grid of found photos since the last run."""

    weaker: bool  # whether weaker matches were asked for
    stacked: bool | None  # whether similar photos are to be stacked; None if nothing was said


# What a click on a chip asks for: to remove words or a filter, or to take words as plain ones.
ChipAction: TypeAlias = Literal["words", "filter", "clause", "aside", "plain"]


class Chip(Struct, frozen=True):
    """A part of the search: words that stand for a filter, the filter itself, or a clause.

    "aside" are words whose filter does not count, since it would leave no photo. These and words
    have a second button, which takes them as plain words.
    """

    kind: Literal["words", "filter", "clause", "aside"]
    name: str  # the words, or the filter in the query language
    label: str
    explanation: str


class ViewerOptions(Struct, frozen=True):
    """The addresses of the viewer's links, its texts, and what its details say."""

    results: str  # address of the view with the results
    search: Mapping[str, str]  # parameters of the search that found the photos
    parts: Sequence[str]  # modules of features that draw parts of the details
    strip_modules: Sequence[str]  # of features: what they draw below the photo
    sections: Sequence[Mapping[str, object]]  # of features: name, module and data
    map_address: str | None  # see `ui.features.PageFeature`
    photo_parameters: Mapping[str, str]  # of the addresses of all photos
    total: str  # number of photos in the list: "300+"
    before: int  # number of photos in the list before those given


def answer(key: str, options: AnswerOptions) -> AnswerEvents:
    """Return all photos that a search found, to open and to select."""
    result = _answer(
        key=key,
        data={
            "address": options.address,
            "parameters": options.photos,
            "version": options.version,
            "heading": options.heading,
            "other_views": options.other_views,
            "forms": options.forms,
            "weaker": options.weaker,
            "rows": list(options.rows),
            "first_title": options.first_title,
            "stacked": options.stacked,
        },
        on_weaker_change=_run_fragment,
        on_stacked_change=_run_fragment,
    )
    stacked = result.get("stacked")
    return AnswerEvents(bool(result.get("weaker")), stacked if isinstance(stacked, bool) else None)


def _run_fragment() -> None:
    """Serve as a grid's callback: with one, an event reruns the fragment around it.

    It must not note a click: the fragment does not run the search box, so the next run of the
    whole page would be taken for the answer to this click.
    """


def tiles(
    hits: Sequence[Hit],
    key: str,
    row_px: int,
    *,
    address: str,
    photo_parameters: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Show a few photos side by side.

    A click opens the photo at an address with `photo_parameters`,
    which say what its arrow keys step through.

    `address` is that of the view: the browser comes back to the same place in it.
    """
    marks = marks_of(hit.photo.id for hit in hits)
    _tiles(
        key=key,
        data={
            "tiles": [_tile(hit, photo_parameters, marks.get(hit.photo.id)) for hit in hits],
            "address": address,
            "row_px": row_px,
        },
    )


def _tile(
    hit: Hit, photo_parameters: Mapping[str, str], marks: PhotoMarks | None
) -> dict[str, object]:
    ratio = max(hit.photo.width_px, 1) / max(hit.photo.height_px, 1)
    return {**captioned_tile_json(hit, photo_parameters, marks=marks), "ratio": ratio}


def viewer(hits: Sequence[Hit], shown: Hit, options: ViewerOptions) -> tuple[str, int | None]:
    """Return the photo `shown`, its neighbours in `hits`, its possible actions and its details.

    Returns the name of the form of a feature that the visitor has asked for, else an empty text,
    and the id of the photo that it is for.
    """
    index = next(number for number, hit in enumerate(hits) if hit.photo.id == shown.photo.id)
    first = max(index - NEIGHBOURS, 0)
    sent = hits[first : index + NEIGHBOURS + 1]
    marks = marks_of(hit.photo.id for hit in sent)
    result = _viewer(
        key="viewer",
        data={
            "slides": [_slide(hit, options, marks.get(hit.photo.id)) for hit in sent],
            "keeps": session().has("marks"),
            "first": options.before + first,
            "index": options.before + index,
            "list": urlencode(options.photo_parameters),
            "total": options.total if len(hits) > 1 else "",
            "results": options.results,
            "search": dict(options.search),
            "has_files": session().has("folders"),
            "has_desktop": has_desktop(),
            "map_address": options.map_address,
            "parts": list(options.parts),
            "strip_modules": list(options.strip_modules),
            "sections": list(options.sections),
        },
        on_form_change=query_line().note_click,
    )
    form, _, photo = str(result.get("form") or "").partition(" ")
    return form, number_of(photo)


def _slide(hit: Hit, options: ViewerOptions, marks: PhotoMarks | None) -> dict[str, object]:
    """Return the data with which the viewer shows a photo and preloads its neighbours."""
    photo, photo_facts = hit.photo, hit.photo.facts
    version = f"{photo.id}?v={photo.content_hash[:12]}"
    original = f"/original/{version}"
    shows_itself = photo_facts.format in SHOWN_BY_BROWSERS
    return {
        "id": id_text(photo.id),
        "marks": marks_json(hit, marks),
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
        "path": printable(path_text(hit.path)),
        "similar": address_of(START, {"photo": str(photo.id)}),
        "unavailable": UNAVAILABLE[hit.offline],
        "found": found_rows(hit),
    }


def facts(rows: Sequence[tuple[str, str]], key: str) -> None:
    """Show a table of names and values."""
    _facts(key=key, data=[[printable(name), printable(value)] for name, value in rows])


def bars(counts: Mapping[str, int], label: str, key: str) -> None:
    """Show a bar chart of counts, in the order of their names; `label` says what it shows."""
    _bars(key=f"bars {key}", data=bars_svg(counts, label))


def crop(source: str, region: Region | None, key: str) -> tuple[Region | None] | None:
    """Return an image to draw a rectangle on, with `region` drawn; no region is the whole image.

    Returns None if nothing was drawn since the last run, else a tuple of the new region.
    """
    sides = None if region is None else [region.x, region.y, region.width, region.height]
    data = {"src": source, "alt": "Example image", "region": sides}
    drawn = _crop(key=key, data=data, on_drawn_change=query_line().note_click).get("drawn")
    if not isinstance(drawn, list | tuple):
        return None
    if len(drawn) != 4:
        return (None,)
    x, y, width, height = map(float, drawn)
    return (Region(x, y, width, height, percent=True),)


def search_field(line: str, icons: Mapping[str, str]) -> None:
    """Show the search field with its suggestions, and the button for an image to search by.

    It shows `line` unless the visitor has typed another one meanwhile. `typed_lines` returns these.
    `icons` are by the kinds of suggestions that features bring.
    """
    data = {
        "line": line,
        "placeholder": "two kids jumping into a lake",
        "icons": {**icons},
        "handled": _handled(_SEARCH_FIELD),
    }
    _search_field(key=_SEARCH_FIELD, data=data, on_events_change=query_line().note_click)


def typed_lines() -> Iterator[str]:
    """Return the queries that were typed and sent since the last call."""
    return (line for _, line in _new_events(_SEARCH_FIELD))


def chips(shown: Sequence[Chip]) -> None:
    """Show the chips of the search. `clicked_chips` returns the clicks on their buttons."""
    data = {
        "chips": [
            {
                "kind": chip.kind,
                "name": chip.name,
                "words": printable(chip.name),
                "label": printable(chip.label),
                "help": printable(chip.explanation),
            }
            for chip in shown
        ],
        "handled": _handled(_CHIPS),
    }
    _chips(key=_CHIPS, data=data, on_events_change=query_line().note_click)


def clicked_chips() -> Iterator[tuple[ChipAction, str]]:
    """Yield the clicks on chips since the last call, each with the name of its chip."""
    for action, name in _new_events(_CHIPS):
        yield next((each for each in get_args(ChipAction) if each == action), "filter"), name


def period(first: date | None, last: date | None, range_: tuple[date, date]) -> None:
    """Show the first and the last day of a period. `changed_days` returns the changes."""
    days = {"from": first, "to": last}
    data: dict[str, object] = {name: day.isoformat() if day else "" for name, day in days.items()}
    data["range"] = [day.isoformat() for day in range_]
    data["handled"] = _handled(_PERIOD)
    _period(key=_PERIOD, data=data, on_events_change=query_line().note_click)


def changed_days() -> Iterator[tuple[Literal["from", "to"], date | None]]:
    """Yield the changes in `period` since the last call: each day with its new value."""
    for name, text in _new_events(_PERIOD):
        day = date.fromisoformat(text) if text else None
        yield ("from" if name == "from" else "to"), day


def filter_choices(chosen: Sequence[tuple[str, str]]) -> None:
    """Folders, places, people, keywords and more to filter by, with a field to find them.

    `chosen` are the filters that are on: field and value. `clicked_choices` returns the clicks.
    """
    data = {"chosen": [list(each) for each in chosen], "handled": _handled(_CHOICES)}
    _choices(key=_CHOICES, data=data, on_events_change=query_line().note_click)


def clicked_choices() -> Iterator[tuple[str, str]]:
    """Fields and values that were clicked in `filter_choices` since the last call."""
    return _new_events(_CHOICES)


def _new_events(key: str) -> Iterator[tuple[str, str]]:
    """Return the events of a component since the last call.

    Of several triggers, Streamlit passes on only the last. So the component keeps its events in
    its state, numbered, until it learns that they were handled (`shared/unhandled_events.js`).
    """
    events = st.session_state.get(key, {}).get("events") or []
    own, handled = _handled(key)
    # Those of an earlier session were handled there: the browser sends its state along when it
    # connects to a server that was started again.
    new = [event for event in events if event[1] == own and event[0] > handled]
    if new:
        # Streamlit may end the run before this is set, but not from here to the caller.
        st.session_state[f"{key} handled"] = new[-1][0]
    return ((str(first), str(second)) for _, _, first, second in new)


def _handled(key: str) -> tuple[str, int]:
    """Return this session, and the number of the last event of a component returned in it."""
    own: str = st.session_state.setdefault("session of events", secrets.token_hex(8))
    number: int = st.session_state.get(f"{key} handled", 0)
    return own, number


def shell(
    path: str,
    title: str,
    places: Sequence[Mapping[str, object]],
    search_effects: Mapping[str, SearchEffect],
    parts: Sequence[str],
    actions: Sequence[str],
    keys: Sequence[tuple[str, str]],
    photo_keys: Sequence[tuple[str, str]],
    *,
    has_photos: bool,
    image_mb: int,
    can_log_out: bool,
    has_search_field: bool,
) -> str:
    """Show the heading of a view, the header with the places of the page, and the tray.

    `path` is that of the view, and `search_effects` says what a search does in each view, by its
    path; this view has the field if `has_search_field`. `parts` says what can be done with selected
    photos: see `tray_bar.js`; `actions` are modules of features with more of that, and `keys` those
    that they bring for photos in a grid, `photo_keys` for one. Without `has_photos`, the library
    has none yet to search. An image to search by has at most `image_mb`. With `can_log_out`, a
    button ends the login. Returns the name of the form that the visitor has asked for, else an
    empty text.
    """
    # A click in a view without the field tells nothing of it, see `QueryLine.note_click`.
    noted = query_line().note_click if has_search_field else _rerun
    result = _shell(
        key="shell",
        data={
            "run": secrets.token_hex(4),
            "path": path,
            "title": printable(title),
            "name": NAME,
            "face": FACE_URL,
            "places": list(places),
            "search_effects": dict(search_effects),
            "parts": list(parts),
            "actions": list(actions),
            "keys": list(keys),
            "photo_keys": list(photo_keys),
            "has_photos": has_photos,
            "image_mb": image_mb,
            "can_log_out": can_log_out,
        },
        on_form_change=noted,
    )
    return str(result.get("form") or "")


def _rerun() -> None:
    """Serve as the callback of an event that reruns the page and does nothing else."""


def fill_window() -> None:
    """Let the grid or map that follows fill the window, so that the page need not scroll."""
    st.html(_WITHOUT_MARGIN)


def visit(address: str, asked_s: float) -> None:
    """Send the browser to another view of the page, once for the time when that was asked for."""
    _visit(key="visit", data={"address": address, "asked_s": asked_s})
